"""`tf.train.Saver`: a session's variables in TensorFlow's own checkpoint format."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from tensorcore.checkpoints import CheckpointReader, state, write_checkpoint
from tensorcore.checkpoints.state import Retention, checkpoint_exists, delete_checkpoint
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, NotFoundError
from tensorcore.session import log
from tensorcore.session.graph import default_graph
from tensorcore.session.session import Session
from tensorcore.session.variables import GLOBAL_VARIABLES, GraphVariable


class Saver:
    """Saves and restores variables.

    Args:
        var_list: variables, or name in the file -> variable; all variables of the graph if None.
        max_to_keep: how many of the latest checkpoints stay on the disk; None or 0 for all.
        keep_checkpoint_every_n_hours: besides, one in so many hours stays for good.
        save_relative_paths: let the file `checkpoint` hold paths relative to its folder.

    The files are those of TensorFlow: it reads what is written here, and the other way round.
    """

    def __init__(
        self,
        var_list: Any = None,
        reshape: bool = False,
        sharded: bool = False,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None,
        restore_sequentially: bool = False,
        saver_def: Any = None,
        builder: Any = None,
        defer_build: bool = False,
        allow_empty: bool = False,
        write_version: Any = None,
        pad_step_number: bool = False,
        save_relative_paths: bool = False,
        filename: str | None = None,
    ) -> None:
        self._reshape = reshape
        self._pad = pad_step_number
        self._relative = save_relative_paths
        self._retention = Retention(max_to_keep, keep_checkpoint_every_n_hours)
        self._names: dict[str, GraphVariable] | None = None
        if not defer_build:
            self._names = _named(var_list, allow_empty)

    @property
    def _variables(self) -> dict[str, GraphVariable]:
        if self._names is None:
            self._names = _named(None, False)
        return self._names

    def save(
        self,
        sess: Session,
        save_path: str,
        global_step: Any = None,
        latest_filename: str | None = None,
        meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True,
        write_state: bool = True,
        strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> str:
        """Write the values that the variables have in a session; returns the checkpoint's prefix.

        Args:
            save_path: the prefix; its folder is made if it is missing.
            global_step: a number, or a tensor or variable that has it, added to the prefix.
            latest_filename: another name than `checkpoint` for the list of checkpoints.
            write_meta_graph: accepted and not done: graphs are programs here.
        """
        _check_session(sess, "save")
        prefix = os.fspath(save_path)
        if latest_filename and os.path.split(latest_filename)[0]:
            raise InvalidArgumentError("'latest_filename' must not contain path components")
        if global_step is not None:
            is_number = np.isscalar(global_step)
            step = int(global_step if is_number else sess.run(global_step))
            prefix = f"{prefix}-{step:08d}" if self._pad else f"{prefix}-{step}"
        symbols = list(self._variables.values())
        sess.check_initialized(symbols)
        values = {name: sess.variable(symbol).numpy() for name, symbol in self._variables.items()}
        write_checkpoint(prefix, values)
        dropped = self._retention.add(prefix)
        if write_state:
            folder = os.path.dirname(prefix)
            paths = self._retention.paths
            state.write_state(
                folder, prefix, paths, filename=latest_filename, relative=self._relative
            )
        for old in dropped:
            delete_checkpoint(old)
        return prefix

    def restore(self, sess: Session, save_path: str) -> None:
        """Give the variables the values of a checkpoint; they need no initializer then.

        Raises:
            InvalidArgumentError: there is no such checkpoint, or a shape is another one.
            NotFoundError: the checkpoint does not have one of the variables.
        """
        _check_session(sess, "restore")
        if save_path is None:
            raise InvalidArgumentError("Can't load save_path when it is None.")
        prefix = os.fspath(save_path)
        if not checkpoint_exists(prefix):
            raise InvalidArgumentError(
                f"The passed save_path is not a valid checkpoint: {prefix}. It is what "
                "saver.save() returned, without .index or .data"
            )
        log.info("Restoring parameters from %s", prefix)
        reader = CheckpointReader(prefix)
        for name, symbol in self._variables.items():
            self._check(reader, prefix, name, symbol)
        values = {name: reader.read(name) for name in self._variables}
        for name, symbol in self._variables.items():
            sess.load(symbol, values[name].reshape(symbol.data.shape))

    def _check(
        self, reader: CheckpointReader, prefix: str, name: str, symbol: GraphVariable
    ) -> None:
        """Refuse before any variable is changed."""
        if name not in reader:
            raise NotFoundError(
                "Restoring from checkpoint failed. This is most likely due to a Variable name or "
                "other graph key that is missing from the checkpoint. Please ensure that you have "
                "not altered the graph expected based on the checkpoint. Original error:\n\n"
                f"Key {name} not found in checkpoint {prefix}, which has "
                f"{', '.join(reader.names()[:20])}"
            )
        shape, dtype = tuple(reader.shapes()[name]), reader.dtypes()[name]
        size = int(np.prod(shape, dtype=int))
        fits = shape == symbol.data.shape or (self._reshape and size == symbol.data.size)
        if not fits:
            raise InvalidArgumentError(
                f"Assign requires shapes of both tensors to match. lhs shape= "
                f"{list(symbol.data.shape)} rhs shape= {list(shape)}: the variable {symbol.name} "
                f"and {name} in the checkpoint {prefix}. Make the variable with the shape that was "
                "saved"
            )
        if dtype != symbol.dtype:
            held = "string" if dtype is None else dtype.name
            raise InvalidArgumentError(
                f"tensor_name = {name}; expected dtype {symbol.dtype_name} does not equal original "
                f"dtype {held} in the checkpoint {prefix}"
            )

    @property
    def last_checkpoints(self) -> list[str]:
        """The checkpoints that were kept, the oldest first."""
        return self._retention.paths

    def set_last_checkpoints_with_time(self, last: list[tuple[str, float]]) -> None:
        """Count these, too, among those to be kept and dropped."""
        self._retention.kept = list(last)

    def recover_last_checkpoints(self, checkpoint_paths: list[str]) -> None:
        """Count these, too, where they still exist."""
        for path in checkpoint_paths:
            if checkpoint_exists(path):
                self._retention.kept.append((path, os.path.getmtime(path + ".index")))


def _check_session(session: Any, what: str) -> None:
    if not isinstance(session, Session):
        raise ArgumentTypeError(
            f"'sess' must be a Session; {session!r} is none. Call saver.{what}(sess, path)"
        )


def _named(var_list: Any, allow_empty: bool) -> dict[str, GraphVariable]:
    if var_list is None:
        graph = default_graph()
        var_list = [*graph.get_collection(GLOBAL_VARIABLES)]
        var_list += [v for v in graph.get_collection("saveable_objects") if v not in var_list]
    if isinstance(var_list, dict):
        named = dict(var_list)
    else:
        named = {}
        for variable in var_list:
            if not isinstance(variable, GraphVariable):
                raise ArgumentTypeError(f"tf.train.Saver: {variable} is no variable")
            name = variable.name.partition(":")[0]
            if name in named and named[name] is not variable:
                raise InvalidArgumentError(f"At least two variables have the same name: {name}")
            named[name] = variable
    if not named and not allow_empty:
        raise InvalidArgumentError("No variables to save")
    return named
