"""Pictures of the host turned, moved, sheared and zoomed, as `ImageDataGenerator` does."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorcore.errors import InvalidArgumentError

EXCHANGE = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
FILL_MODES = ("constant", "nearest", "reflect", "wrap")


def moved(
    picture: np.ndarray,
    theta: float = 0.0,
    tx: float = 0.0,
    ty: float = 0.0,
    shear: float = 0.0,
    zx: float = 1.0,
    zy: float = 1.0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """The picture after an affine map around its middle.

    Args:
        picture: (height, width, channels).
        theta, shear: angles in degrees.
        tx, ty: pixels to the right and down that new pixels are read from.
        zx, zy: how much farther apart pixels are read, to the right and down.
        fill_mode: what is read beyond the border: "nearest" (a a | a b c | c c), "reflect"
            (b a | a b c | c b), "wrap" (a b | a b c | b c: the border pixels count once), or
            "constant": `cval`.
        order: 1 weighs the four pixels around, 0 takes the nearest.
    """
    if fill_mode not in FILL_MODES:
        raise InvalidArgumentError(
            f"fill_mode must be one of {', '.join(FILL_MODES)}, received {fill_mode!r}"
        )
    if order not in (0, 1):
        raise InvalidArgumentError(f"interpolation_order must be 0 or 1, received {order!r}")
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return picture
    height, width = picture.shape[:2]
    # Keras's matrices are written for (x, y), and so is its middle, which is that of a picture
    # that is as wide as this one is high.
    middle = _moving((height - 1) / 2, (width - 1) / 2)
    by_x_and_y = middle @ _matrix(theta, tx, ty, shear, zx, zy) @ np.linalg.inv(middle)
    matrix = EXCHANGE @ by_x_and_y @ EXCHANGE
    down, across = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    rows = matrix[0, 0] * down + matrix[0, 1] * across + matrix[0, 2]
    columns = matrix[1, 0] * down + matrix[1, 1] * across + matrix[1, 2]
    return _read(picture, rows, columns, fill_mode, cval, order)


def _moving(down: float, right: float) -> np.ndarray:
    return np.array([[1.0, 0.0, down], [0.0, 1.0, right], [0.0, 0.0, 1.0]])


def _matrix(theta: float, tx: float, ty: float, shear: float, zx: float, zy: float) -> np.ndarray:
    """From a new pixel's (x, y, 1) to where it is read, seen from the middle."""
    turn, slant = np.deg2rad(theta), np.deg2rad(shear)
    rotation = np.eye(3)
    rotation[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    sheared = np.eye(3)
    sheared[:2, :2] = [[1.0, -np.sin(slant)], [0.0, np.cos(slant)]]
    return rotation @ _moving(tx, ty) @ sheared @ np.diag([zx, zy, 1.0])


def _read(
    picture: np.ndarray, rows: Any, columns: Any, fill_mode: str, cval: float, order: int
) -> np.ndarray:
    height, width = picture.shape[:2]
    outside = (rows < 0) | (rows > height - 1) | (columns < 0) | (columns > width - 1)
    rows, columns = _inside(rows, height, fill_mode), _inside(columns, width, fill_mode)
    if order == 0:
        found = picture[
            _index(np.floor(rows + 0.5), height), _index(np.floor(columns + 0.5), width)
        ]
    else:
        low_row, low_column = np.floor(rows), np.floor(columns)
        share_row, share_column = (rows - low_row)[..., None], (columns - low_column)[..., None]
        top, bottom = _index(low_row, height), _index(low_row + 1, height)
        left, right = _index(low_column, width), _index(low_column + 1, width)
        upper = picture[top, left] * (1 - share_column) + picture[top, right] * share_column
        lower = picture[bottom, left] * (1 - share_column) + picture[bottom, right] * share_column
        found = upper * (1 - share_row) + lower * share_row
    if fill_mode == "constant":
        found = np.where(outside[..., None], cval, found)
    return found.astype(picture.dtype)


def _inside(places: np.ndarray, size: int, fill_mode: str) -> np.ndarray:
    """Places within the picture that stand for those beyond the border."""
    if fill_mode == "reflect":
        turned = np.mod(places + 0.5, 2 * size)
        return np.clip(np.minimum(turned, 2 * size - turned) - 0.5, 0, size - 1)
    if fill_mode == "wrap" and size > 1:
        beyond = (places < 0) | (places > size - 1)
        return np.where(beyond, np.mod(places, size - 1), places)
    return np.clip(places, 0, size - 1)


def _index(places: np.ndarray, size: int) -> np.ndarray:
    return np.clip(places, 0, size - 1).astype(np.intp)
