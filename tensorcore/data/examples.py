"""`tf.train.Example`: named lists of bytes, floats or whole numbers, as protocol buffers.

    message Example  { Features features = 1; }
    message Features { map<string, Feature> feature = 1; }
    message Feature  { oneof kind { BytesList bytes_list = 1; FloatList float_list = 2;
                                    Int64List int64_list = 3; } }

Each list holds `repeated value = 1`; numbers are packed.  TensorFlow reads what is written here,
and the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tensorcore.checkpoints import wire
from tensorcore.errors import (
    ArgumentTypeError,
    CheckpointError,
    FileFormatError,
    InvalidArgumentError,
)


class _List:
    """Base of the three lists: `value` is a Python list that can be changed."""

    def __init__(self, value: Iterable[Any] = ()) -> None:
        items = value.ravel().tolist() if isinstance(value, np.ndarray) else value
        if isinstance(items, (str, bytes)) or not isinstance(items, Iterable):
            raise ArgumentTypeError(
                f"tf.train.{type(self).__name__}: value must be a list, received {value!r}; write "
                "value=[...]"
            )
        self.value = [self._checked(item) for item in items]

    def _checked(self, item: Any) -> Any:
        raise NotImplementedError

    def _wrong(self, item: Any, expected: str) -> ArgumentTypeError:
        return ArgumentTypeError(
            f"tf.train.{type(self).__name__}: {item!r} has type {type(item).__name__}, but "
            f"expected {expected}"
        )

    @classmethod
    def decoded(cls, message: bytes) -> Any:
        """The list in a message."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.value == other.value  # type: ignore[attr-defined]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "".join(f"value: {_shown(item)}\n" for item in self.value)


class BytesList(_List):
    """Byte strings."""

    field = 1

    def _checked(self, item: Any) -> bytes:
        if isinstance(item, (bytes, np.bytes_)):
            return bytes(item)
        hint = "bytes; encode a text: text.encode()" if isinstance(item, str) else "bytes"
        raise self._wrong(item, hint)

    def encoded(self) -> bytes:
        """The message."""
        return b"".join(wire.put_bytes(1, self._checked(item)) for item in self.value)

    @classmethod
    def decoded(cls, message: bytes) -> BytesList:
        """The list in a message."""
        return cls([wire.content(value) for field, value in wire.fields(message) if field == 1])


class FloatList(_List):
    """Numbers, kept as float32."""

    field = 2

    def _checked(self, item: Any) -> float:
        try:
            return float(np.float32(item))
        except (TypeError, ValueError):
            raise self._wrong(item, "a number") from None

    def encoded(self) -> bytes:
        """The message."""
        numbers = np.asarray([self._checked(item) for item in self.value], "<f4")
        return wire.put_bytes(1, numbers.tobytes()) if len(numbers) else b""

    @classmethod
    def decoded(cls, message: bytes) -> FloatList:
        """The list in a message."""
        made = cls()
        made.value = cls.numbers(message).tolist()
        return made

    @staticmethod
    def numbers(message: bytes) -> np.ndarray:
        """The values as an array, float32."""
        parts = [np.empty(0, "<f4")]
        for field, value in wire.fields(message):
            if field == 1:  # packed, or one by one
                raw = np.uint32(value).tobytes() if isinstance(value, int) else value
                if len(raw) % 4:
                    raise CheckpointError("a list of floats is cut off")
                parts.append(np.frombuffer(raw, "<f4"))
        return np.concatenate(parts).astype(np.float32, copy=False)


class Int64List(_List):
    """Whole numbers of 64 bits."""

    field = 3

    def _checked(self, item: Any) -> int:
        if isinstance(item, (float, np.floating)) or not hasattr(item, "__index__"):
            if isinstance(item, np.bool_):
                return int(item)
            raise self._wrong(item, "an int")
        number = int(item)
        if not -(2**63) <= number < 2**63:
            raise InvalidArgumentError(
                f"tf.train.Int64List: {number} does not fit 64 bits; expected -2**63 to 2**63 - 1"
            )
        return number

    def encoded(self) -> bytes:
        """The message."""
        numbers = [self._checked(item) for item in self.value]
        packed = b"".join(wire.put_varint(number & 0xFFFFFFFFFFFFFFFF) for number in numbers)
        return wire.put_bytes(1, packed) if packed else b""

    @classmethod
    def decoded(cls, message: bytes) -> Int64List:
        """The list in a message."""
        made = cls()
        made.value = cls.numbers(message).tolist()
        return made

    @staticmethod
    def numbers(message: bytes) -> np.ndarray:
        """The values as an array, int64."""
        parts = [np.empty(0, np.int64)]
        for field, value in wire.fields(message):
            if field == 1:
                one = isinstance(value, int)
                parts.append(np.array([wire.signed(value)]) if one else _varints(value))
        return np.concatenate(parts)


def _varints(packed: bytes) -> np.ndarray:
    """Numbers of seven bits a byte, the lowest first, all at once."""
    data = np.frombuffer(packed, np.uint8)
    if not len(data):
        return np.empty(0, np.int64)
    if data[-1] > 127:
        raise CheckpointError("a list of numbers is cut off")
    ends = np.flatnonzero(data < 128)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 10:
        raise CheckpointError("a number is longer than 64 bits")
    places = np.arange(len(data)) - np.repeat(starts, lengths)
    bits = (data & 0x7F).astype(np.uint64) << (7 * places).astype(np.uint64)
    return np.add.reduceat(bits, starts).view(np.int64)


KINDS = {"bytes_list": BytesList, "float_list": FloatList, "int64_list": Int64List}


class Feature:
    """One of the three lists.

    >>> Feature(int64_list=Int64List(value=[3, -1])).int64_list.value
    [3, -1]
    """

    def __init__(
        self,
        bytes_list: BytesList | None = None,
        float_list: FloatList | None = None,
        int64_list: Int64List | None = None,
    ) -> None:
        given = {"bytes_list": bytes_list, "float_list": float_list, "int64_list": int64_list}
        set_ = {name: part for name, part in given.items() if part is not None}
        for name, part in set_.items():
            if not isinstance(part, KINDS[name]):
                raise ArgumentTypeError(
                    f"tf.train.Feature: {name} must be a tf.train.{KINDS[name].__name__}, received "
                    f"{type(part).__name__}"
                )
        if len(set_) > 1:
            raise InvalidArgumentError(
                f"tf.train.Feature: a feature is one list, received {', '.join(set_)}"
            )
        self._given = next(iter(set_), None)
        for name, kind in KINDS.items():
            setattr(self, name, set_.get(name) or kind())

    def WhichOneof(self, group: str = "kind") -> str | None:
        """The name of the list that it is; None if nothing was put into it."""
        filled = [name for name in KINDS if getattr(self, name).value]
        return filled[0] if filled else self._given

    def encoded(self) -> bytes:
        """The message."""
        kind = self.WhichOneof()
        if kind is None:
            return b""
        part = getattr(self, kind)
        return wire.put_bytes(part.field, part.encoded())

    @classmethod
    def decoded(cls, message: bytes) -> Feature:
        """The feature in a message."""
        name, content = kind_and_content(message)
        return cls() if name is None else cls(**{name: KINDS[name].decoded(content)})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Feature) and self.encoded() == other.encoded()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        kind = self.WhichOneof()
        return "" if kind is None else f"{kind} {{\n{_indented(repr(getattr(self, kind)))}}}\n"


def kind_and_content(message: bytes) -> tuple[str | None, bytes]:
    """Which list a feature's message is, and the message of that list."""
    name, content = None, b""
    for field, value in wire.fields(message):
        if 1 <= field <= 3:
            name, content = list(KINDS)[field - 1], wire.content(value)
    return name, content


class _FeatureMap(dict):
    """Name -> Feature; asking for a name makes it, as protocol buffers do."""

    def __missing__(self, name: str) -> Feature:
        made = self[name] = Feature()
        return made


class Features:
    """Features by name."""

    def __init__(self, feature: Mapping[str, Feature] | None = None) -> None:
        self.feature = _FeatureMap()
        for name, part in (feature or {}).items():
            if not isinstance(part, Feature):
                raise ArgumentTypeError(
                    f"tf.train.Features: {name!r} must be a tf.train.Feature, received "
                    f"{type(part).__name__}; for example tf.train.Feature("
                    "int64_list=tf.train.Int64List(value=[1]))"
                )
            self.feature[name] = part

    def encoded(self) -> bytes:
        """The message, names in alphabetical order."""
        entries = b""
        for name in sorted(self.feature):
            entry = wire.put_bytes(1, name.encode()) + wire.put_bytes(
                2, self.feature[name].encoded()
            )
            entries += wire.put_bytes(1, entry)
        return entries

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Features) and self.encoded() == other.encoded()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "".join(
            f'feature {{\n  key: "{name}"\n  value {{\n'
            f"{_indented(_indented(repr(self.feature[name])))}  }}\n}}\n"
            for name in sorted(self.feature)
        )


class Example:
    """Named lists of values, which can be written into TFRecord files.

    >>> example = Example(features=Features(feature={"n": Feature(int64_list=Int64List([7]))}))
    >>> Example.FromString(example.SerializeToString()).features.feature["n"].int64_list.value
    [7]
    """

    def __init__(self, features: Features | None = None) -> None:
        self.features = features if features is not None else Features()

    def SerializeToString(self, deterministic: bool = True) -> bytes:
        """The message as bytes."""
        return wire.put_bytes(1, self.features.encoded())

    @classmethod
    def FromString(cls, serialized: Any) -> Example:
        """The example that bytes describe.

        Raises:
            FileFormatError: they describe none.
        """
        made = cls()
        for name, message in messages(bytes(serialized)):
            made.features.feature[name] = Feature.decoded(message)
        return made

    def ParseFromString(self, serialized: Any) -> int:
        """Take over what bytes describe; returns their number."""
        self.features = type(self).FromString(serialized).features
        return len(serialized)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Example) and self.features == other.features

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"features {{\n{_indented(repr(self.features))}}}\n"


def messages(serialized: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, message of the feature) of each feature of an example.

    Raises:
        FileFormatError: the bytes are no example.
    """
    try:
        for field, features in wire.fields(serialized):
            if field != 1:
                continue
            for inner, entry in wire.fields(wire.content(features)):
                if inner == 1:
                    parts = dict(wire.fields(wire.content(entry)))
                    name = wire.content(parts.get(1, b"")).decode("utf-8")
                    yield name, wire.content(parts.get(2, b""))
    except (CheckpointError, UnicodeDecodeError) as error:
        raise FileFormatError(
            f"Could not parse example input, value: {serialized[:60]!r}: {error}. Expected the "
            "bytes of tf.train.Example.SerializeToString()"
        ) from None


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def _shown(item: Any) -> str:
    if isinstance(item, float):
        short = f"{item:.6g}"
        return short if np.float32(short) == item else f"{item:.9g}"
    if not isinstance(item, bytes):
        return str(item)
    plain = (chr(b) if 32 <= b < 127 and chr(b) not in "\"\\'" else f"\\{b:03o}" for b in item)
    return f'"{"".join(plain)}"'
