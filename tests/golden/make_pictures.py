"""Makes pictures.npz with Keras: what its picture layers give where chance has no choice.

KERAS_BACKEND=jax python -m tests.golden.make_pictures
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("pictures.npz")
WARPS = [
    ("RandomRotation", {"factor": (0.1, 0.1)}),
    ("RandomZoom", {"height_factor": (0.3, 0.3)}),
    ("RandomZoom", {"height_factor": (-0.4, -0.4), "width_factor": (0.2, 0.2)}),
    ("RandomTranslation", {"height_factor": (0.3, 0.3), "width_factor": (-0.15, -0.15)}),
]
LAYERS = [
    ("Resizing", {"height": 3, "width": 9}),
    ("Resizing", {"height": 10, "width": 4, "interpolation": "nearest"}),
    ("Resizing", {"height": 4, "width": 3, "crop_to_aspect_ratio": True}),
    ("CenterCrop", {"height": 3, "width": 4}),
    ("CenterCrop", {"height": 9, "width": 6}),
    ("RandomBrightness", {"factor": (0.3, 0.3)}),
    ("RandomContrast", {"factor": 0.0, "value_range": (0, 100)}),
    *(
        (name, {**options, "fill_mode": mode, "fill_value": 7.0})
        for name, options in WARPS
        for mode in ("reflect", "wrap", "nearest", "constant")
    ),
    ("RandomRotation", {"factor": (0.1, 0.1), "interpolation": "nearest"}),
]


def pictures() -> np.ndarray:
    """Two small pictures, values from 0 to 255."""
    return np.random.default_rng(0).uniform(0, 255, (2, 6, 7, 3)).astype(np.float32)


def main() -> None:
    """Write the file."""
    from keras import layers

    found = {}
    for number, (name, options) in enumerate(LAYERS):
        layer = getattr(layers, name)(**options)
        found[str(number)] = np.asarray(layer(pictures(), training=True))
    np.savez_compressed(FILE, **found)


if __name__ == "__main__":
    main()
