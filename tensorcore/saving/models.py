"""Whole models and their weights, to files and back: `.keras`, `.weights.h5`, `.safetensors`.

Writing is atomic (see `atomic.py`); reading trusts nothing (see `archive.py`, `hdf5.py`,
`objects.py`).
"""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from tensorcore.errors import FileFormatError, InvalidArgumentError, TrainingError
from tensorcore.layers.context import context
from tensorcore.saving import legacy, safetensors
from tensorcore.saving.archive import Archive
from tensorcore.saving.atomic import atomic_file
from tensorcore.saving.hdf5 import Reader, write_arrays
from tensorcore.saving.legacy_writer import write_model
from tensorcore.saving.objects import (
    SharedObjects,
    deserialize_keras_object,
    serialize_keras_object,
)
from tensorcore.saving.refusals import damaged
from tensorcore.saving.weights import arrays_of, load_arrays, load_optimizer

KERAS_VERSION = "3.15.1"  # the version of Keras whose format is written
WEIGHTS, CONFIG, METADATA = "model.weights.h5", "config.json", "metadata.json"
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"

MARGIN_BYTES = 64 * 2**20
# What constructors and `call` raise when their arguments make no sense.
_NONSENSE = (
    TypeError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    RecursionError,
    OverflowError,
    MemoryError,
    ZeroDivisionError,
)

PathLike = str | os.PathLike[str]


def save_model(
    model: Any,
    filepath: PathLike | IO[bytes],
    overwrite: bool = True,
    include_optimizer: bool = True,
    zipped: bool = True,
) -> None:
    """Write a model with its weights, and with its optimizer's state if it is compiled.

    Args:
        model: the model; it must have weights already.
        filepath: a path that ends in ".keras" (or in ".h5": the older format of Sequential and
            functional models), or a binary file.
        overwrite: whether a file that is there may be replaced.
        include_optimizer: whether the optimizer's state is kept.
        zipped: must be True.

    The file takes its name when it is complete, so that the one before is there until then.
    """
    if not zipped:
        raise InvalidArgumentError("save: zipped=False is not there; a .keras file is written")
    if not hasattr(filepath, "write"):
        path = _checked_path(filepath, overwrite, "save", ".keras", ".h5", ".hdf5")
        _warn_if_unbuilt(model)
        with atomic_file(path) as file:
            if path.suffix == ".keras":
                _write_archive(model, file, include_optimizer)
            else:
                write_model(model, file, include_optimizer, KERAS_VERSION)
        return
    _write_archive(model, filepath, include_optimizer)  # type: ignore[arg-type]


def _write_archive(model: Any, file: IO[bytes], include_optimizer: bool) -> None:
    import zipfile

    with SharedObjects():
        config = json.dumps(serialize_keras_object(model))
    metadata = {
        "keras_version": KERAS_VERSION,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
    }
    arrays = io.BytesIO()
    write_arrays(arrays, arrays_of(model, include_optimizer))
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(METADATA, json.dumps(metadata))
        archive.writestr(CONFIG, config)
        archive.writestr(WEIGHTS, arrays.getbuffer())


def load_model(
    filepath: PathLike | IO[bytes],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Read a model that `save_model` or Keras wrote: ".keras", or the older ".h5".

    Args:
        filepath: the file.
        custom_objects: name -> class or function, for what is not part of tensorcore.
        compile: whether to compile the model as it was, with the optimizer's state.
        safe_mode: accepted; code in a file is never run, whatever it says.

    Raises:
        FileFormatError: the file is damaged, hostile, or holds what is not known here.
    """
    what = _name_of(filepath)
    with _opened(filepath) as file:
        start = file.read(8)
        file.seek(0)
        if start == HDF5_SIGNATURE:
            size = file.seek(0, io.SEEK_END)
            with Reader(file, what) as reader, _described_by(what, size):
                return legacy.load_model(reader, custom_objects, compile)
        archive = Archive(file, what)
        config = archive.json(CONFIG)
        if not isinstance(config, dict):
            raise damaged(f'{what}: "{CONFIG}" describes no model')
        if not compile:
            config = {key: value for key, value in config.items() if key != "compile_config"}
        with _described_by(what, archive.size(WEIGHTS)), SharedObjects():
            model = deserialize_keras_object(config, custom_objects)
        if not hasattr(model, "weight_parts") or not hasattr(model, "optimizer"):
            raise damaged(f"{what} holds {type(model).__name__}, which is no model")
        with Reader(archive.read(WEIGHTS), f'{what}: "{WEIGHTS}"') as reader:
            load_arrays(model, reader)
            if compile and model.compiled:
                load_optimizer(model, reader)
        return model


@contextlib.contextmanager
def _described_by(what: str, nbytes: int) -> Iterator[None]:
    """Errors from a description that makes no sense become errors of the file.

    The weights of what is described may take no more than `nbytes` of the file, and some.
    """
    before = context.budget
    context.budget = nbytes + MARGIN_BYTES
    try:
        yield
    except FileFormatError as error:
        raise FileFormatError(f"{what}: {error}") from None
    except _NONSENSE as error:
        problem = f"the entry {error} is missing" if type(error) is KeyError else error
        raise damaged(
            f"{what}: the model cannot be made as the file describes it: {problem}"
        ) from error
    finally:
        context.budget = before


def save_weights(model: Any, filepath: PathLike, overwrite: bool = True) -> None:
    """Write the weights of a model, and in ".weights.h5" the state of its optimizer.

    Args:
        model: the model; it must have weights already.
        filepath: a path that ends in ".weights.h5" or ".safetensors".
        overwrite: whether a file that is there may be replaced.
    """
    if str(filepath).endswith(".safetensors"):
        path = _checked_path(filepath, overwrite, "save_weights", ".safetensors")
        _refuse_unbuilt(model, "save_weights")
        with atomic_file(path) as file:
            safetensors.write(file, safetensors.named_arrays(model))
        return
    path = _checked_path(filepath, overwrite, "save_weights", ".weights.h5", ".safetensors")
    _refuse_unbuilt(model, "save_weights")
    with atomic_file(path) as file:
        write_arrays(file, arrays_of(model, with_optimizer=True))


def load_weights(
    model: Any,
    filepath: PathLike,
    skip_mismatch: bool = False,
    by_name: bool = False,
    objects_to_skip: Any = None,
) -> None:
    """Read the weights of a model from ".weights.h5", ".keras", ".safetensors" or the older ".h5".

    Args:
        model: the model; it must have weights already.
        filepath: the file.
        skip_mismatch: leave out layers whose weights do not fit, with a warning.
        by_name: only for the older ".h5": find layers by name instead of by order.
        objects_to_skip: must be None.

    Raises:
        FileFormatError: the file is damaged, or its arrays do not fit; nothing was changed then.
    """
    if objects_to_skip is not None:
        raise InvalidArgumentError("load_weights: objects_to_skip is not there; leave it out")
    what = _name_of(filepath)
    _refuse_unbuilt(model, "load_weights")
    with _opened(filepath) as file:
        start = file.read(8)
        file.seek(0)
        if start[:4] == b"PK\x03\x04":
            data = Archive(file, what).read(WEIGHTS)
            with Reader(data, f'{what}: "{WEIGHTS}"') as reader:
                load_arrays(model, reader, skip_mismatch)
        elif start == HDF5_SIGNATURE:
            with Reader(file, what) as reader:
                if legacy.is_legacy(reader):
                    legacy.load_weights(model, reader, by_name, skip_mismatch)
                else:
                    load_arrays(model, reader, skip_mismatch)
                    if model.optimizer is not None and model.optimizer.built:
                        load_optimizer(model, reader)
        else:
            safetensors.load(model, file, what)


def _opened(filepath: Any) -> Any:
    if hasattr(filepath, "read"):
        return contextlib.nullcontext(filepath)
    if os.path.isdir(filepath):
        raise FileFormatError(
            f"{filepath} is a folder. A model is one file, .keras; a SavedModel of TensorFlow "
            "cannot be read: write it anew with model.save('model.keras') where it was made"
        )
    if not os.path.exists(filepath):
        raise FileNotFoundError(
            f'there is no file "{filepath}" to load; the current folder is {os.getcwd()}'
        )
    return open(filepath, "rb")


def _name_of(filepath: Any) -> str:
    return os.path.basename(str(getattr(filepath, "name", filepath)))


def _checked_path(filepath: Any, overwrite: bool, method: str, *endings: str) -> Path:
    path = Path(filepath)
    if not path.name.endswith(endings):
        known = " or ".join(f'"{ending}"' for ending in endings)
        raise InvalidArgumentError(
            f"{method}: the file name must end in {known}, received {str(filepath)!r}"
        )
    if path.exists() and not overwrite:
        raise InvalidArgumentError(
            f"{method}: {path} is there already, and overwrite is False; give another name"
        )
    return path


def _warn_if_unbuilt(model: Any) -> None:
    if not model.built:
        warnings.warn(
            f'save: the model "{model.name}" has no weights yet, so none are written; call it on '
            "data or give it an input shape first",
            stacklevel=4,
        )


def _refuse_unbuilt(model: Any, method: str) -> None:
    if not model.built:
        raise TrainingError(
            f'{method}: the model "{model.name}" has no weights yet; call it on data, or call '
            "model.build(input_shape), first"
        )
