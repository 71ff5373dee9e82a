"""`tf.saved_model`: Keras models as a folder.

The folder holds `model.keras`.  TensorFlow's own SavedModel is a graph of its operations and is not
read or written; a Keras model travels between the two as a `.keras` file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tensorcore import missing
from tensorcore.errors import ArgumentTypeError, FileFormatError
from tensorcore.saving.models import load_model, save_model
from tensorcore.training import Model

__all__ = ["contains_saved_model", "load", "save"]

FILE = "model.keras"


def save(obj: Any, export_dir: Any, signatures: Any = None, options: Any = None) -> None:
    """Write a Keras model into a folder, which is made if it is missing."""
    if not isinstance(obj, Model):
        raise ArgumentTypeError(
            f"saved_model.save: expected a Keras model, received {type(obj).__name__}; the "
            "variables of other objects are saved by tf.train.Checkpoint"
        )
    folder = Path(export_dir)
    folder.mkdir(parents=True, exist_ok=True)
    save_model(obj, folder / FILE)


def load(export_dir: Any, tags: Any = None, options: Any = None) -> Any:
    """The model of a folder that `save` wrote."""
    folder = Path(export_dir)
    if (folder / FILE).is_file():
        return load_model(folder / FILE)
    if (folder / "saved_model.pb").is_file():
        raise FileFormatError(
            f"saved_model.load: {folder} is TensorFlow's own SavedModel, a graph of its "
            'operations. Save the model there as a file, model.save("model.keras"), and load it by '
            "tf.keras.models.load_model"
        )
    raise FileFormatError(f"saved_model.load: {folder} has no {FILE}")


def contains_saved_model(export_dir: Any) -> bool:
    """Whether the folder can be loaded."""
    return (Path(export_dir) / FILE).is_file()


def __getattr__(name: str) -> Any:
    raise missing.attribute(__name__, name, __all__)
