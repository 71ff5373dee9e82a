"""`tf.train` of TensorFlow 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore.checkpoints import CheckpointReader, latest_checkpoint
from tensorcore.checkpoints.state import CheckpointState, checkpoint_exists
from tensorcore.checkpoints.state import read_state as get_checkpoint_state
from tensorcore.checkpoints.state import write_state as update_checkpoint_state
from tensorcore.errors import MissingNameError
from tensorcore.session.graph import Graph, default_graph
from tensorcore.session.optimizers import (
    AdadeltaOptimizer,
    AdagradOptimizer,
    AdamOptimizer,
    GradientDescentOptimizer,
    MomentumOptimizer,
    Optimizer,
    RMSPropOptimizer,
)
from tensorcore.session.saver import Saver
from tensorcore.session.schedules import (
    cosine_decay,
    exponential_decay,
    inverse_time_decay,
    natural_exp_decay,
    piecewise_constant,
    polynomial_decay,
)
from tensorcore.session.session import Session
from tensorcore.session.variables import GLOBAL_VARIABLES, GraphVariable

piecewise_constant_decay = piecewise_constant
GLOBAL_STEP = "global_step"


def get_global_step(graph: Graph | None = None) -> GraphVariable | None:
    """The variable that counts steps, or None."""
    found = (graph or default_graph()).get_collection(GLOBAL_STEP)
    return found[0] if found else None


def create_global_step(graph: Graph | None = None) -> GraphVariable:
    """Make the variable that counts steps, int64."""
    graph = graph or default_graph()
    with graph.name_scope(None):
        return GraphVariable(
            np.int64(0), False, [GLOBAL_VARIABLES, GLOBAL_STEP], name=GLOBAL_STEP, graph=graph
        )


def get_or_create_global_step(graph: Graph | None = None) -> GraphVariable:
    """The variable that counts steps, made if there is none."""
    return get_global_step(graph) or create_global_step(graph)


def global_step(sess: Session, global_step_tensor: Any) -> int:
    """The number of steps so far."""
    return int(sess.run(global_step_tensor))


def load_checkpoint(ckpt_dir_or_file: str) -> CheckpointReader:
    """A reader of a checkpoint, or of the latest one of a folder."""
    return CheckpointReader(_prefix(ckpt_dir_or_file))


NewCheckpointReader = load_checkpoint


def list_variables(ckpt_dir_or_file: str) -> list[tuple[str, list[int]]]:
    """(name, shape) of each tensor of a checkpoint."""
    return sorted(load_checkpoint(ckpt_dir_or_file).shapes().items())


def load_variable(ckpt_dir_or_file: str, name: str) -> np.ndarray:
    """The values of a tensor of a checkpoint."""
    return load_checkpoint(ckpt_dir_or_file).read(name.removesuffix(":0"))


def _prefix(folder_or_prefix: str) -> str:
    if checkpoint_exists(folder_or_prefix):
        return folder_or_prefix
    return latest_checkpoint(folder_or_prefix) or folder_or_prefix


_QUEUES = (
    "input queues are not there: feed NumPy arrays through feed_dict, batch by batch, or use "
    "tf.keras and tf.data of TensorFlow 2"
)
_INSTEAD = dict.fromkeys(
    (
        *("Coordinator", "QueueRunner", "start_queue_runners", "add_queue_runner", "batch"),
        *("shuffle_batch", "batch_join", "shuffle_batch_join", "string_input_producer"),
        *("slice_input_producer", "range_input_producer", "input_producer", "limit_epochs"),
    ),
    _QUEUES,
) | dict.fromkeys(
    ("MonitoredTrainingSession", "MonitoredSession", "Supervisor", "SessionRunHook"),
    "use tf.Session and tf.train.Saver",
)


def __getattr__(name: str) -> Any:
    if name in _INSTEAD:
        raise MissingNameError(f"tf.train.{name} is not there: {_INSTEAD[name]}", name=name)
    raise MissingNameError(f"tf.train.{name} is not there", name=name)
