"""Pictures of Keras's ImageDataGenerator for tests/test_picture_generator.py; needs SciPy, Pillow.

KERAS_BACKEND=jax python tests/golden/make_generator.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("generator.npz")
MOVES = [
    {"theta": 30.0},
    {"tx": 1.5, "ty": -2.25},
    {"shear": 20.0},
    {"zx": 0.5, "zy": 1.5},
    {"theta": -15.0, "tx": 1.0, "ty": 2.0, "shear": 10.0, "zx": 0.8, "zy": 1.2},
]
MODES = ["nearest", "constant", "wrap"]
OPTIONS = [
    {"rotation_range": 40, "width_shift_range": 0.2, "height_shift_range": 2, "zoom_range": 0.3},
    {"shear_range": 15.0, "horizontal_flip": True, "vertical_flip": True, "rescale": 1 / 255},
    {"channel_shift_range": 30.0, "fill_mode": "constant", "cval": 7.0, "rotation_range": 20},
    {"brightness_range": [0.5, 1.5], "samplewise_center": True},
    {"featurewise_center": True, "featurewise_std_normalization": True, "zoom_range": [0.7, 1.0]},
    {"samplewise_center": True, "samplewise_std_normalization": True, "horizontal_flip": True},
    {"zca_whitening": True, "featurewise_center": True},
]


def pictures():
    return np.random.default_rng(0).uniform(0, 255, (6, 5, 6, 3)).astype("float32")


def moves(apply):
    """name -> picture, for all moves and fill modes."""
    x = pictures()[0]
    found = {}
    for number, move in enumerate(MOVES):
        for mode in MODES:
            found[f"move {number} {mode}"] = apply(x, move, mode, 3.0, 1)
        found[f"move {number} coarse"] = apply(x, move, "nearest", 0.0, 0)
    return found


def batches(generator_class):
    """name -> batches of each set of options, from a seed."""
    found = {}
    for number, options in enumerate(OPTIONS):
        generator = generator_class(**options)
        generator.fit(pictures())
        flow = generator.flow(pictures(), np.arange(6), batch_size=4, seed=11)
        for turn in range(3):
            x, y = next(flow)
            found[f"flow {number} {turn} x"] = x
            found[f"flow {number} {turn} y"] = y
    return found


if __name__ == "__main__":
    from keras.src.legacy.preprocessing import image

    def apply(x, move, mode, cval, order):
        return image.apply_affine_transform(
            x,
            **move,
            row_axis=0,
            col_axis=1,
            channel_axis=2,
            fill_mode=mode,
            cval=cval,
            order=order,
        )

    np.savez_compressed(FILE, **moves(apply), **batches(image.ImageDataGenerator))
