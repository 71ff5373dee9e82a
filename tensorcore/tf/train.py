"""`tf.train`: checkpoints of objects, in TensorFlow's file format.

A value is found by the way that leads to it, "model/dense/kernel/.ATTRIBUTES/VARIABLE_VALUE".
TensorFlow reads the files by these names (`tf.train.load_checkpoint`); the table of objects that
its `Checkpoint.restore` wants is not written.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from tensorcore import missing
from tensorcore.checkpoints import CheckpointReader, latest_checkpoint, write_checkpoint
from tensorcore.checkpoints.state import (
    Retention,
    checkpoint_exists,
    delete_checkpoint,
    read_state,
    write_state,
)
from tensorcore.data.examples import BytesList, Example, Feature, Features, FloatList, Int64List
from tensorcore.errors import CheckpointError, InvalidArgumentError, ShapeError
from tensorcore.variable import Variable

__all__ = [
    "BytesList",
    "Checkpoint",
    "CheckpointManager",
    "Example",
    "Feature",
    "Features",
    "FloatList",
    "Int64List",
    "checkpoint_exists",
    "get_checkpoint_state",
    "latest_checkpoint",
    "list_variables",
    "load_checkpoint",
    "load_variable",
]

VALUE = ".ATTRIBUTES/VARIABLE_VALUE"
COUNTER = f"save_counter/{VALUE}"
get_checkpoint_state = read_state


class Checkpoint:
    """Objects that are saved and restored together.

    Args:
        root: an object whose parts are saved under their own names.
        objects: name -> a variable, a model, a layer, an optimizer, a metric, a `tf.Module`, an
            iterator of a data set, or lists and dicts of these.

    >>> from tensorcore.tf.variable import Variable
    >>> step = Variable(3)
    >>> sorted(Checkpoint(step=step).values())
    ['step/.ATTRIBUTES/VARIABLE_VALUE']
    """

    def __init__(self, root: Any = None, **objects: Any) -> None:
        self._root = root
        self._objects = objects
        self.save_counter = Variable(
            np.int64(0), trainable=False, name="save_counter", device="cpu"
        )
        for name, value in objects.items():
            setattr(self, name, value)

    def values(self) -> dict[str, Any]:
        """Name in the file -> the variable or iterator that has the value."""
        found: dict[str, Any] = {}
        if self._root is not None:
            _collect(self._root, "", found)
        for name, value in self._objects.items():
            _collect(value, f"{name}/", found)
        return found

    def write(self, file_prefix: str, options: Any = None) -> str:
        """Write the values; returns the prefix."""
        arrays = {name: _read(holder) for name, holder in self.values().items()}
        arrays[COUNTER] = self.save_counter.numpy()
        return write_checkpoint(file_prefix, arrays)

    def save(self, file_prefix: str, options: Any = None) -> str:
        """Write the values under the prefix and a number that rises; returns the whole prefix."""
        self.save_counter.assign_add(np.int64(1))
        path = self.write(f"{os.fspath(file_prefix)}-{int(self.save_counter)}")
        write_state(os.path.dirname(path) or ".", path)
        return path

    def read(self, save_path: str, options: Any = None) -> Status:
        """The same as `restore`."""
        return self.restore(save_path)

    def restore(self, save_path: str | None, options: Any = None) -> Status:
        """Give the objects the values of a checkpoint; None, for no checkpoint yet, does nothing.

        A model or an optimizer that has no weights yet must be built first: call the model on data
        of the right shape.
        """
        if save_path is None:
            return Status([], [])
        reader = CheckpointReader(save_path)
        self._build_optimizers()
        holders = self.values()
        names = set(reader.names()) - {COUNTER, "_CHECKPOINTABLE_OBJECT_GRAPH"}
        for name in sorted(names & set(holders)):
            _write(holders[name], name, reader.read(name))
        if COUNTER in reader:
            self.save_counter.assign(reader.read(COUNTER))
        return Status(sorted(names - set(holders)), sorted(set(holders) - names))

    def _build_optimizers(self) -> None:
        """Optimizers make their state for the models beside them, so that it can be restored."""
        parts = list(self._objects.values())
        models = [part for part in parts if getattr(part, "trainable_variables", None)]
        optimizers = [part for part in parts if hasattr(part, "apply_gradients")]
        if len(optimizers) == len(models) == 1 and not getattr(optimizers[0], "built", True):
            optimizers[0].build(models[0].trainable_variables)


class Status:
    """What `restore` found: names that only the file has, and names that only the objects have."""

    def __init__(self, only_in_file: list[str], only_in_objects: list[str]) -> None:
        self.only_in_file = only_in_file
        self.only_in_objects = only_in_objects

    def assert_existing_objects_matched(self) -> Status:
        """Raise unless the file had a value for all objects."""
        if self.only_in_objects:
            raise CheckpointError(
                f"the checkpoint has no value for {self.only_in_objects}; save the same objects "
                "under the same names"
            )
        return self

    def assert_consumed(self) -> Status:
        """Raise unless objects and file have the same names."""
        if self.only_in_file:
            raise CheckpointError(
                f"the checkpoint has values for which there is no object: {self.only_in_file}; "
                "build the model before restoring, or use expect_partial()"
            )
        return self.assert_existing_objects_matched()

    def expect_partial(self) -> Status:
        """Nothing to be said about names that did not meet."""
        return self

    assert_nontrivial_match = assert_existing_objects_matched


def _collect(value: Any, way: str, found: dict[str, Any]) -> None:
    if isinstance(value, Variable):
        found[f"{way}{VALUE}"] = value
    elif hasattr(value, "apply_gradients"):  # an optimizer
        for number, variable in enumerate(value.variables):
            found[f"{way}{number}/{VALUE}"] = variable
    elif hasattr(value, "weights"):  # a model or a layer
        for variable, name in zip(value.weights, _weight_names(value.weights), strict=True):
            found[f"{way}{name}/{VALUE}"] = variable
    elif hasattr(value, "variables"):  # a metric, a module
        for number, variable in enumerate(value.variables):
            found[f"{way}{number}/{VALUE}"] = variable
    elif hasattr(value, "element_spec") and hasattr(value, "state"):
        found[f"{way}{VALUE}"] = value
    elif isinstance(value, dict):
        for key, part in value.items():
            _collect(part, f"{way}{key}/", found)
    elif isinstance(value, (list, tuple)):
        for number, part in enumerate(value):
            _collect(part, f"{way}{number}/", found)
    else:
        raise InvalidArgumentError(
            f"Checkpoint: {way.rstrip('/') or 'root'} is a {type(value).__name__}; what can be "
            "saved are variables, models, layers, optimizers, metrics, modules and iterators of "
            "data sets"
        )


def _weight_names(weights: Any) -> list[str]:
    """Position and last name of each weight: names of layers differ from program to program."""
    return [f"{number}_{weight.name.rpartition('/')[2]}" for number, weight in enumerate(weights)]


def _read(holder: Any) -> np.ndarray:
    if isinstance(holder, Variable):
        return holder.numpy()
    state = holder.state
    return np.asarray([state["consumed"], *state["seeds"]], np.int64)


def _write(holder: Any, name: str, value: np.ndarray) -> None:
    if not isinstance(holder, Variable):
        holder.state = {"consumed": int(value[0]), "seeds": value[1:].tolist()}
        return
    if value.shape != holder.shape:
        raise ShapeError(
            f"the checkpoint has shape {value.shape} for {name.removesuffix('/' + VALUE)}, the "
            f"variable has {holder.shape}"
        )
    holder.assign(value.astype(holder.dtype))


class CheckpointManager:
    """Saves a checkpoint again and again, and keeps the latest ones.

    Args:
        checkpoint: what to save.
        directory: the folder.
        max_to_keep: how many stay; None for all.
        keep_checkpoint_every_n_hours: besides, one in so many hours stays.
        checkpoint_name: the files are called this and a number.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: str,
        max_to_keep: int | None,
        keep_checkpoint_every_n_hours: float | None = None,
        checkpoint_name: str = "ckpt",
        **options: Any,
    ) -> None:
        self.checkpoint = checkpoint
        self.directory = os.fspath(directory)
        self._name = checkpoint_name
        self._retention = Retention(max_to_keep, keep_checkpoint_every_n_hours or 1e9)
        self._all: list[str] = []
        state = read_state(self.directory) if os.path.isdir(self.directory) else None
        for path in state.all_model_checkpoint_paths if state is not None else ():
            if checkpoint_exists(path):
                self._all.append(path)
                self._retention.add(path)

    @property
    def checkpoints(self) -> list[str]:
        """The checkpoints that are there, the oldest first."""
        return list(self._all)

    @property
    def latest_checkpoint(self) -> str | None:
        """The latest one, or None."""
        return self._all[-1] if self._all else None

    def save(self, checkpoint_number: Any = None, **options: Any) -> str:
        """Save one more, delete the oldest if there are too many; returns its prefix."""
        counter = self.checkpoint.save_counter
        counter.assign_add(np.int64(1))
        number = int(counter if checkpoint_number is None else checkpoint_number)
        path = self.checkpoint.write(os.path.join(self.directory, f"{self._name}-{number}"))
        if path in self._all:
            self._all.remove(path)
        self._all.append(path)
        dropped = self._retention.add(path)
        self._all = [each for each in self._all if each not in dropped]
        write_state(self.directory, path, self._all)
        for old in dropped:
            delete_checkpoint(old)
        return path

    def restore_or_initialize(self) -> str | None:
        """Restore the latest checkpoint, if there is one; returns it."""
        if self.latest_checkpoint is not None:
            self.checkpoint.restore(self.latest_checkpoint)
        return self.latest_checkpoint


class _Reader(CheckpointReader):
    """A reader with TensorFlow's names for its questions."""

    def get_tensor(self, tensor_str: str) -> np.ndarray:
        """The value of this name."""
        return self.read(tensor_str)

    def has_tensor(self, tensor_str: str) -> bool:
        """Whether there is such a name."""
        return tensor_str in self

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """Name -> shape."""
        return self.shapes()

    def get_variable_to_dtype_map(self) -> dict[str, Any]:
        """Name -> dtype."""
        return self.dtypes()


def load_checkpoint(ckpt_dir_or_file: str) -> _Reader:
    """A reader of a checkpoint, or of the latest one of a folder."""
    path = os.fspath(ckpt_dir_or_file)
    return _Reader(latest_checkpoint(path) or path if os.path.isdir(path) else path)


def list_variables(ckpt_dir_or_file: str) -> list[tuple[str, list[int]]]:
    """(name, shape) of all values."""
    return sorted(load_checkpoint(ckpt_dir_or_file).shapes().items())


def load_variable(ckpt_dir_or_file: str, name: str) -> np.ndarray:
    """One value."""
    return load_checkpoint(ckpt_dir_or_file).read(name.removesuffix(":0"))


def __getattr__(name: str) -> Any:
    raise missing.attribute(
        __name__,
        name,
        __all__,
        not_there_yet={
            "Saver": "it is TensorFlow 1's: import tensorcore.tf.compat.v1 as tf",
            "AdamOptimizer": "it is TensorFlow 1's; here it is tf.keras.optimizers.Adam",
            "GradientDescentOptimizer": "it is TensorFlow 1's; here tf.keras.optimizers.SGD",
        },
    )
