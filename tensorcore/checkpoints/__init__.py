"""Weights in TensorFlow's own checkpoint format, read and written without TensorFlow."""

from tensorcore.checkpoints.reader import CheckpointReader
from tensorcore.checkpoints.state import CheckpointState, latest_checkpoint
from tensorcore.checkpoints.writer import write_checkpoint

__all__ = ["CheckpointReader", "CheckpointState", "latest_checkpoint", "write_checkpoint"]
