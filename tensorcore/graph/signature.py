"""Arguments that have to fit an `input_signature`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tensorcore.errors import ArgumentTypeError, DTypeError, ShapeError
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.variable import Variable


def checked(signature: Any) -> tuple[Any, ...]:
    """The signature as a tuple.

    Raises:
        ArgumentTypeError: it is no list of `TensorSpec`s (which may be nested).
    """
    if not isinstance(signature, (list, tuple)):
        raise ArgumentTypeError(
            "input_signature must be either a tuple or a list, got "
            f"{type(signature).__name__}: write input_signature=[...]"
        )
    wrong = [spec for spec in _specs(signature) if not hasattr(spec, "dtype")]
    if wrong:
        raise ArgumentTypeError(
            "input_signature must be a possibly nested sequence of TensorSpec objects, got invalid "
            f"args {wrong}. Give one for each argument, for example "
            "[tf.TensorSpec(shape=(None, 3), dtype=tf.float32)]"
        )
    return tuple(signature)


def _specs(structure: Any) -> Iterator[Any]:
    if isinstance(structure, dict):
        structure = list(structure.values())
    if not isinstance(structure, (list, tuple)):
        yield structure
        return
    for part in structure:
        yield from _specs(part)


def fitted(
    function: Callable[..., Any], signature: Sequence[Any], args: Sequence[Any], kwargs: Any
) -> tuple[Any, ...]:
    """The arguments as tensors of the signature's dtypes, all positional.

    Raises:
        ArgumentTypeError: too many or too few of them.
        ShapeError, DTypeError: one does not fit its specification.
    """
    name = getattr(function, "__name__", "function")
    names = _names(function, len(signature))
    given = list(args)
    for argument in names[len(given) :]:
        if argument in kwargs:
            given.append(kwargs[argument])
    if len(given) != len(signature) or len(args) + len(kwargs) != len(given):
        raise ArgumentTypeError(
            f"{name}: its input_signature has {len(signature)} arguments, received "
            f"{len(args) + len(kwargs)}"
        )
    return tuple(
        _fitted(f"{name}: {argument}", value, spec)
        for argument, value, spec in zip(names, given, signature, strict=True)
    )


def _names(function: Callable[..., Any], count: int) -> list[str]:
    parameters = list(inspect.signature(function).parameters.values())
    names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL][:count]
    return names + [f"argument {i}" for i in range(len(names), count)]


def _fitted(what: str, value: Any, spec: Any) -> Any:
    if isinstance(spec, dict):
        return {key: _fitted(f"{what}[{key!r}]", value[key], part) for key, part in spec.items()}
    if isinstance(spec, (list, tuple)):
        parts = zip(value, spec, strict=True)
        return type(spec)(_fitted(f"{what}[{i}]", v, s) for i, (v, s) in enumerate(parts))
    if isinstance(value, Variable):
        value = value.value
    if not isinstance(value, Tensor):
        value = as_tensor(value, dtype=spec.dtype)
    if value.dtype != spec.dtype:
        raise DTypeError(
            f"{what} must be {spec.dtype.name} as its input_signature says, received "
            f"{value.dtype.name}; convert it with tc.astype"
        )
    wanted = None if spec.shape is None else tuple(spec.shape)
    if wanted is not None and not _fits(value.shape, wanted):
        raise ShapeError(
            f"{what} must have shape {wanted} as its input_signature says, received {value.shape}"
        )
    return value


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        want in (None, size) for size, want in zip(shape, wanted, strict=True)
    )
