"""Data sets as pipelines: `Dataset.from_tensor_slices((x, y)).shuffle(1000).batch(32)`."""

from tensorcore.data.dataset import AUTOTUNE, INFINITE, UNKNOWN, Dataset
from tensorcore.data.iterating import EndOfSequence
from tensorcore.data.iterator import DatasetIterator
from tensorcore.data.spec import TensorSpec
from tensorcore.data.texts import Texts, string

__all__ = [
    "AUTOTUNE",
    "INFINITE",
    "UNKNOWN",
    "Dataset",
    "DatasetIterator",
    "EndOfSequence",
    "TensorSpec",
    "Texts",
    "string",
]
