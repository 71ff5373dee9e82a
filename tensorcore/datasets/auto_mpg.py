"""Auto MPG: how far 398 cars of the years 1970 to 1982 go on a gallon; for regression.

R. Quinlan, "Combining Instance-Based and Model-Based Learning", 1993; UCI Machine Learning
Repository.
"""

from __future__ import annotations

import numpy as np

from tensorcore.datasets import store
from tensorcore.datasets.store import DatasetFile

FILE = DatasetFile(
    "auto-mpg",
    "auto-mpg.data",
    30_286,
    "48b830e11feee5572525f8f1691ddb9d38d3d7b7063edcd8fca672c2a5e17d8d",
    (
        "https://archive.ics.uci.edu/ml/machine-learning-databases/auto-mpg/",
        "http://archive.ics.uci.edu/ml/machine-learning-databases/auto-mpg/",
    ),
)

COLUMNS = (
    "MPG",
    "Cylinders",
    "Displacement",
    "Horsepower",
    "Weight",
    "Acceleration",
    "Model Year",
    "Origin",
)
ORIGINS = ("USA", "Europe", "Japan")
FEATURES = (*COLUMNS[1:7], *ORIGINS)


def table() -> dict[str, np.ndarray]:
    """The columns of the file, float64; NaN where the horsepower is not known.

    Returns:
        Column name -> array of 398 values: miles per gallon, number of cylinders, cubic inches,
        horsepower, pounds, seconds to 60 miles an hour, year - 1900, origin (1 USA, 2 Europe, 3
        Japan).
    """
    (path,) = store.find(FILE)
    rows = []
    for number, line in enumerate(path.read_text(encoding="latin1").splitlines(), 1):
        words = line.partition("\t")[0].split()
        try:
            rows.append([float("nan") if word == "?" else float(word) for word in words])
        except ValueError as error:
            raise store.corrupted(path, f"line {number}: {error}") from error
        if len(words) != len(COLUMNS):
            raise store.corrupted(
                path, f"line {number} has {len(words)} columns, expected {len(COLUMNS)}"
            )
    return dict(zip(COLUMNS, np.asarray(rows).T, strict=True))


def load_data(
    test_split: float = 0.2, seed: int = 113
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The 392 cars of which all is known, mixed, as features and miles per gallon.

    Args:
        test_split: the share of the cars to test with.
        seed: of the shuffle.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float32 of shape (N, 9), named by `FEATURES` (the
        origin as three columns of 0 and 1), and float32 of shape (N,).

    Example:
        (x_train, y_train), (x_test, y_test) = auto_mpg.load_data()
    """
    columns = table()
    origin = columns["Origin"]
    features = [columns[name] for name in COLUMNS[1:7]]
    features += [(origin == number).astype(float) for number in (1, 2, 3)]
    x = np.stack(features, axis=-1).astype(np.float32)
    y = columns["MPG"].astype(np.float32)
    known = np.flatnonzero(np.isfinite(x).all(axis=1))
    order = np.random.default_rng(seed).permutation(known)
    border = int(len(order) * (1 - test_split))
    train, test = order[:border], order[border:]
    return (x[train], y[train]), (x[test], y[test])
