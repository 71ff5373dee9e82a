"""Whether real Keras loads the models that tensorcore writes, with equal outputs and training.

Two steps, each in its own environment:

    python tests/golden/check_with_keras.py write FOLDER
    KERAS_BACKEND=jax python tests/golden/check_with_keras.py read FOLDER
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))


def write(folder: Path) -> None:
    """Every golden model, after one more step of training here, with its inputs and outputs."""
    from tensorcore import keras
    from tests import test_golden_models as golden

    folder.mkdir(parents=True, exist_ok=True)
    for name in golden.NAMES:
        try:
            model = keras.models.load_model(HERE / "models" / f"{name}.keras")
        except ValueError as problem:
            print(f"{name}: left out, {problem}")
            continue
        x = golden.stored(name, "x")
        arrays = {}
        if name in golden.TRAINED:
            y = golden.stored(name, "y")
            model.train_on_batch(x, y)
            arrays.update(named("y", y))
        model.save(folder / f"{name}.keras")
        model.save_weights(folder / f"{name}.weights.h5")
        arrays.update(named("x", x))
        arrays.update(named("out", model.predict(x, verbose=0)))
        if name in golden.TRAINED:
            model.train_on_batch(x, y)
            arrays.update(named("after", model.predict(x, verbose=0)))
        np.savez(folder / f"{name}.npz", **arrays)


def named(what: str, structure: object) -> dict[str, np.ndarray]:
    """Keys that say the structure: "x", "x/0", "x/left"."""
    if isinstance(structure, dict):
        return {f"{what}/{key}": value for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return {f"{what}/{number}": value for number, value in enumerate(structure)}
    return {what: np.asarray(structure)}


def unnamed(arrays: dict[str, np.ndarray], what: str) -> object:
    """The structure that `named` took apart."""
    if what in arrays:
        return arrays[what]
    keys = [key.partition("/")[2] for key in arrays if key.startswith(f"{what}/")]
    if all(key.isdigit() for key in keys):
        return [arrays[f"{what}/{number}"] for number in range(len(keys))]
    return {key: arrays[f"{what}/{key}"] for key in keys}


def read(folder: Path) -> None:
    """Load each model with Keras, compare its outputs, and train one step with it."""
    import keras

    warnings.simplefilter("error")
    failed = 0
    for path in sorted(folder.glob("*.keras")):
        arrays = dict(np.load(path.with_suffix(".npz")))
        x = unnamed(arrays, "x")
        try:
            model = keras.models.load_model(path)
            model.load_weights(path.with_suffix(".weights.h5"))
            worst = largest(model.predict(x, verbose=0), unnamed(arrays, "out"))
            if "after" in {key.partition("/")[0] for key in arrays}:
                model.train_on_batch(x, unnamed(arrays, "y"))
                worst = max(worst, largest(model.predict(x, verbose=0), unnamed(arrays, "after")))
        except Exception as problem:
            failed += 1
            print(f"{path.stem:22} FAILED: {type(problem).__name__}: {str(problem)[:300]}")
            continue
        failed += worst > 1e-4
        print(f"{path.stem:22} largest difference {worst:.1e}")
    print(f"{failed} of {len(list(folder.glob('*.keras')))} failed")
    sys.exit(failed > 0)


def largest(first: object, second: object) -> float:
    """The largest difference of two structures of arrays, relative to their size."""
    one, other = named("v", first), named("v", second)
    return max(
        float(np.max(np.abs(one[key] - other[key]) / (1 + np.abs(other[key])))) for key in other
    )


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]))
