"""`tf.data`: the data sets of `tensorcore.data`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tensorcore import missing
from tensorcore.data import AUTOTUNE, Dataset
from tensorcore.data import INFINITE as INFINITE_CARDINALITY
from tensorcore.data import UNKNOWN as UNKNOWN_CARDINALITY
from tensorcore.data import DatasetIterator as Iterator

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "Dataset",
    "Iterator",
    "Options",
    "TextLineDataset",
    "experimental",
]


class Options(SimpleNamespace):
    """Settings of TensorFlow's runtime, which are taken and have nothing to set here."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        part = Options()
        setattr(self, name, part)
        return part


def TextLineDataset(filenames: Any, **options: Any) -> Dataset:
    """The lines of text files, without their ends."""
    from tensorcore.data.spec import TensorSpec
    from tensorcore.data.texts import as_bytes, string

    names = [name.decode() for name in as_bytes(filenames).ravel()]

    def lines() -> Any:
        for name in names:
            with open(name, "rb") as file:
                for line in file:
                    yield line.rstrip(b"\r\n")

    return Dataset.from_generator(lines, output_signature=TensorSpec((), string))


experimental = SimpleNamespace(
    AUTOTUNE=AUTOTUNE,
    INFINITE_CARDINALITY=INFINITE_CARDINALITY,
    UNKNOWN_CARDINALITY=UNKNOWN_CARDINALITY,
    cardinality=lambda dataset: dataset.cardinality(),
)


def __getattr__(name: str) -> Any:
    raise missing.attribute(
        __name__,
        name,
        __all__,
        not_there_yet=["TFRecordDataset", "FixedLengthRecordDataset"],
    )
