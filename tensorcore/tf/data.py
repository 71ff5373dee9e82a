"""`tf.data`: the data sets of `tensorcore.data`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tensorcore import missing
from tensorcore.data import AUTOTUNE, Dataset
from tensorcore.data import INFINITE as INFINITE_CARDINALITY
from tensorcore.data import UNKNOWN as UNKNOWN_CARDINALITY
from tensorcore.data import DatasetIterator as Iterator
from tensorcore.data.csv_files import CsvDataset, make_csv_dataset

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "Dataset",
    "Iterator",
    "Options",
    "TFRecordDataset",
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


def TFRecordDataset(
    filenames: Any,
    compression_type: Any = None,
    buffer_size: int | None = None,
    num_parallel_reads: int | None = None,
    name: str | None = None,
) -> Dataset:
    """The records of TFRecord files, as texts.

    Args:
        filenames: one or several, or a data set of them.
        compression_type: "", "GZIP" or "ZLIB".
        buffer_size, num_parallel_reads: taken; the files are read one after the other.
    """
    from tensorcore.data.record_files import compression_of, names_of_files, read_records
    from tensorcore.data.spec import TensorSpec
    from tensorcore.data.texts import string

    kind = compression_of(compression_type)
    known = None if isinstance(filenames, Dataset) else names_of_files(filenames)

    def records() -> Any:
        names = filenames.as_numpy_iterator() if known is None else [known]
        for each in names:
            for path in names_of_files(each):
                yield from read_records(path, kind)

    return Dataset.from_generator(records, output_signature=TensorSpec((), string))


experimental = SimpleNamespace(
    CsvDataset=CsvDataset,
    make_csv_dataset=make_csv_dataset,
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
        not_there_yet=["FixedLengthRecordDataset"],
    )
