"""`tf.io`: files."""

from __future__ import annotations

import glob
import os
import shutil
from types import SimpleNamespace
from typing import Any

import numpy as np

from tensorcore import missing
from tensorcore.data.csv_files import decode_csv
from tensorcore.data.parsing import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    VarLenFeature,
    parse_example,
    parse_single_example,
)
from tensorcore.data.record_files import RecordWriter as TFRecordWriter
from tensorcore.data.tensor_bytes import parse_tensor, serialize_tensor
from tensorcore.data.texts import Texts, as_bytes
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.tf.dtypes import as_dtype
from tensorcore.tf.pictures import decode_image, decode_jpeg, decode_png, encode_jpeg, encode_png

__all__ = [
    "FixedLenFeature",
    "FixedLenSequenceFeature",
    "TFRecordOptions",
    "TFRecordWriter",
    "VarLenFeature",
    "decode_csv",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "decode_raw",
    "encode_jpeg",
    "encode_png",
    "gfile",
    "matching_files",
    "parse_example",
    "parse_single_example",
    "parse_tensor",
    "read_file",
    "serialize_tensor",
    "write_file",
]


def _path(name: Any) -> str:
    return name if isinstance(name, str) else os.fsdecode(as_bytes(name).item())


def read_file(filename: Any, name: str | None = None) -> Texts:
    """The bytes of a file."""
    with open(_path(filename), "rb") as file:
        return Texts(file.read())


def write_file(filename: Any, contents: Any, name: str | None = None) -> None:
    """Write bytes into a file; its folder is made if it is missing."""
    path = _path(filename)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(as_bytes(contents).item())


def matching_files(pattern: Any, name: str | None = None) -> Texts:
    """The names of the files that match a pattern, sorted."""
    return Texts(sorted(glob.glob(_path(pattern))))


def decode_raw(
    input_bytes: Any, out_type: Any, little_endian: bool = True, **options: Any
) -> Tensor:
    """Numbers that lie in bytes one after the other."""
    kind = as_dtype(out_type).newbyteorder("<" if little_endian else ">")
    return as_tensor(np.frombuffer(as_bytes(input_bytes).item(), kind).astype(as_dtype(out_type)))


class TFRecordOptions:
    """How TFRecord files are compressed.

    Args:
        compression_type: "", "GZIP" or "ZLIB".
    """

    def __init__(self, compression_type: Any = None, **options: Any) -> None:
        self.compression_type = compression_type


gfile = SimpleNamespace(
    GFile=open,
    copy=lambda src, dst, overwrite=False: shutil.copyfile(src, dst),
    exists=os.path.exists,
    glob=lambda pattern: sorted(glob.glob(pattern)),
    isdir=os.path.isdir,
    listdir=os.listdir,
    makedirs=lambda path: os.makedirs(path, exist_ok=True),
    mkdir=os.mkdir,
    remove=os.remove,
    rename=lambda src, dst, overwrite=False: os.replace(src, dst),
    rmtree=shutil.rmtree,
)


def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)
