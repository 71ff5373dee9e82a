"""Garments drawn by code: 28x28 images in ten classes that need no file and no network.

It stands in for Fashion-MNIST where nothing can be downloaded: same shape, same dtype, ten
classes, and as hard for a small network.  Each image has its own position, size, turn, slant,
cut, brightness, fabric and noise.  A garment is a union of soft-edged shapes in its own
coordinates, u to the right and v down, about -1 to 1; a class is drawn for many images at once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

CLASS_NAMES = (
    "T-shirt",
    "Trousers",
    "Jumper",
    "Dress",
    "Skirt",
    "Hat",
    "Boot",
    "Shoe",
    "Bag",
    "Sock",
)

SIDE = 28
SOFTNESS = 9.0  # how steep an edge is: coverage a unit of distance, about one pixel wide
IMAGES_AT_ONCE = 128  # 128 x 28 x 28 float32 are 400 kB: the work stays in the processor's cache

Pair = tuple[np.ndarray, np.ndarray]


def load_data(n_train: int = 6000, n_test: int = 1000, seed: int = 0) -> tuple[Pair, Pair]:
    """Draws a data set; the same arguments give the same images.

    Args:
        n_train: number of images to train with.
        n_test: number of images to test with; they do not depend on `n_train`.
        seed: any integer from 0 on; another seed gives other images of the same kind.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images uint8 of shape (N, 28, 28), 0 is
        background; labels uint8 of shape (N,), 0 to 9, named by `CLASS_NAMES`, each class equally
        often, mixed.

    Raises:
        ValueError: a number or the seed is negative.

    Example:
        (x_train, y_train), (x_test, y_test) = generated.load_data(n_train=2000)
    """
    for name, value in (("n_train", n_train), ("n_test", n_test), ("seed", seed)):
        if value < 0:
            raise ValueError(f"generated.load_data: {name} must be 0 or more, received {value}")
    train = _draw(n_train, np.random.default_rng([seed, 0]))
    test = _draw(n_test, np.random.default_rng([seed, 1]))
    return train, test


def _draw(n: int, rng: np.random.Generator) -> Pair:
    labels = rng.permutation(np.arange(n) % len(CLASS_NAMES)).astype(np.uint8)
    images = np.empty((n, SIDE, SIDE), np.uint8)
    for label, garment in enumerate(GARMENTS):
        (places,) = np.nonzero(labels == label)
        for start in range(0, len(places), IMAGES_AT_ONCE):
            some = places[start : start + IMAGES_AT_ONCE]
            images[some] = _draw_class(garment, len(some), rng)
    return images, labels


def _draw_class(garment: Garment, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draws n images of one class: (n, 28, 28) uint8."""
    u, v = _own_coordinates(n, rng)
    cover = np.clip(garment(u, v, rng), 0, 1)
    light = _fabric(u, v, rng) * _vary(rng, n, 0.35, 1.0)
    image = cover * light
    noise = rng.standard_normal(u.shape, dtype=np.float32)
    image += noise * _vary(rng, n, 0.01, 0.11)
    return (np.clip(image, 0, 1) * 255).astype(np.uint8)


def _own_coordinates(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The pixels of n images in the coordinates of their garments: two arrays (n, 28, 28)."""
    line = (np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2) / (SIDE / 2)
    x = line[None, None, :] - _vary(rng, n, -0.13, 0.13)
    y = line[None, :, None] - _vary(rng, n, -0.13, 0.13)
    size = _vary(rng, n, 0.74, 1.02)
    turn = _vary(rng, n, -0.22, 0.22)
    slant = _vary(rng, n, -0.2, 0.2)
    width = size * _vary(rng, n, 0.82, 1.15)
    # turn is small: 1 - turn^2/2 and turn are its cosine and sine, the same bits on every machine.
    cosine = 1 - turn * turn / 2
    u = (cosine * x + turn * y) / width
    v = (cosine * y - turn * x) / size
    return u + slant * v, v


def _fabric(u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light on the cloth: a gradient, and on some garments stripes across or along."""
    n = len(u)
    across = _vary(rng, n, -1, 1)
    gradient = 0.85 + 0.15 * (across * u + (1 - np.abs(across)) * v)
    along = np.where(_vary(rng, n, 0, 1) < 0.3, u, v)
    wave = along * _vary(rng, n, 2.0, 4.0) + _vary(rng, n, 0, 1)
    stripes = 4 * np.abs(wave - np.floor(wave) - 0.5) - 1
    strength = _vary(rng, n, 0, 0.35) * (_vary(rng, n, 0, 1) < 0.45)
    return gradient - strength * (1 + stripes)


def _vary(rng: np.random.Generator, n: int, low: float, high: float) -> np.ndarray:
    """One random number an image, shaped to meet its pixels: (n, 1, 1) float32."""
    return (low + (high - low) * rng.random((n, 1, 1))).astype(np.float32)


# Shapes.  Each gives the coverage of every pixel, from 0 to 1 across a soft edge about one pixel
# wide.  The measures of a shape are numbers, or arrays (n, 1, 1) with one number an image.


def _soft(distance: np.ndarray) -> np.ndarray:
    """Coverage from the distance to the edge, positive inside."""
    return np.clip(0.5 + distance * SOFTNESS, 0, 1)


def _trapezoid(u, v, top, bottom, half_top, half_bottom, middle_top=0.0, middle_bottom=0.0):
    """From v = top to v = bottom, with its half width and its middle going linearly."""
    share = np.clip((v - top) / (bottom - top), 0, 1)
    half = half_top + (half_bottom - half_top) * share
    middle = middle_top + (middle_bottom - middle_top) * share
    return _soft(np.minimum(half - np.abs(u - middle), np.minimum(v - top, bottom - v)))


def _ellipse(u, v, middle_u, middle_v, half_u, half_v):
    a = (u - middle_u) / half_u
    b = (v - middle_v) / half_v
    return _soft((1 - np.sqrt(a * a + b * b)) * np.minimum(half_u, half_v))


def _stroke(u, v, u0, v0, u1, v1, half):
    """A thick line with round ends."""
    du = u1 - u0
    dv = v1 - v0
    along = np.clip(((u - u0) * du + (v - v0) * dv) / (du * du + dv * dv), 0, 1)
    a = u - u0 - along * du
    b = v - v0 - along * dv
    return _soft(half - np.sqrt(a * a + b * b))


def _union(*shapes):
    result = shapes[0]
    for shape in shapes[1:]:
        result = np.maximum(result, shape)
    return result


def _without(shape, hole):
    return np.minimum(shape, 1 - hole)


# Garments: u, v and random numbers in, coverage out.  The cut varies, and cuts of neighbours
# overlap.

Garment = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def _top(u, v, rng, sleeve_low, sleeve_high, hem_low, hem_high):
    n = len(u)
    waist = _vary(rng, n, 0.38, 0.52)
    body = _trapezoid(u, v, -0.78, _vary(rng, n, hem_low, hem_high), 0.5, waist)
    reach = _vary(rng, n, sleeve_low, sleeve_high)
    thick = _vary(rng, n, 0.14, 0.2)
    spread = _vary(rng, n, 0.25, 0.6)
    left = _stroke(u, v, -0.4, -0.6, -0.4 - reach * spread, -0.6 + reach, thick)
    right = _stroke(u, v, 0.4, -0.6, 0.4 + reach * spread, -0.6 + reach, thick)
    neck = _ellipse(u, v, 0.0, -0.82, _vary(rng, n, 0.16, 0.26), _vary(rng, n, 0.08, 0.3))
    return _without(_union(body, left, right), neck)


def _t_shirt(u, v, rng):
    return _top(u, v, rng, 0.2, 0.7, 0.55, 0.85)


def _jumper(u, v, rng):
    return _top(u, v, rng, 0.6, 1.3, 0.5, 0.8)


def _trousers(u, v, rng):
    n = len(u)
    foot = _vary(rng, n, 0.13, 0.24)
    apart = _vary(rng, n, 0.24, 0.46)
    length = _vary(rng, n, 0.55, 0.98)
    waist = _trapezoid(u, v, -0.92, -0.35, 0.36, 0.44)
    left = _trapezoid(u, v, -0.5, length, 0.23, foot, -0.22, -apart)
    right = _trapezoid(u, v, -0.5, length, 0.23, foot, 0.22, apart)
    return _union(waist, left, right)


def _dress(u, v, rng):
    n = len(u)
    waist = _vary(rng, n, -0.25, 0.05)
    narrow = _vary(rng, n, 0.22, 0.32)
    upper = _trapezoid(u, v, -0.85, waist, _vary(rng, n, 0.26, 0.46), narrow)
    hem = _vary(rng, n, 0.75, 1.0)
    lower = _trapezoid(u, v, waist - 0.08, hem, narrow, _vary(rng, n, 0.32, 0.72))
    neck = _ellipse(u, v, 0.0, -0.9, 0.18, _vary(rng, n, 0.1, 0.4))
    reach = _vary(rng, n, 0.02, 0.4)
    left = _stroke(u, v, -0.3, -0.68, -0.3 - reach * 0.5, -0.68 + reach, 0.13)
    right = _stroke(u, v, 0.3, -0.68, 0.3 + reach * 0.5, -0.68 + reach, 0.13)
    return _without(_union(upper, lower, left, right), neck)


def _skirt(u, v, rng):
    n = len(u)
    top = _vary(rng, n, -0.75, -0.45)
    hem = _vary(rng, n, 0.35, 0.9)
    cloth = _trapezoid(u, v, top, hem, _vary(rng, n, 0.24, 0.36), _vary(rng, n, 0.4, 0.9))
    belt = _trapezoid(u, v, top - 0.12, top + 0.06, 0.3, 0.34)
    return _union(cloth, belt)


def _hat(u, v, rng):
    n = len(u)
    brim_v = _vary(rng, n, 0.2, 0.45)
    brim = _ellipse(u, v, 0.0, brim_v, _vary(rng, n, 0.72, 1.0), _vary(rng, n, 0.12, 0.24))
    crown_half = _vary(rng, n, 0.36, 0.56)
    crown = _trapezoid(u, v, _vary(rng, n, -0.7, -0.35), brim_v, crown_half * 0.85, crown_half)
    dome = _ellipse(u, v, 0.0, brim_v - 0.3, crown_half, _vary(rng, n, 0.3, 0.6))
    return _union(brim, np.where(_vary(rng, n, 0, 1) < 0.5, crown, dome))


def _boot(u, v, rng):
    n = len(u)
    half = _vary(rng, n, 0.22, 0.32)
    shaft = _trapezoid(u, v, _vary(rng, n, -0.95, -0.3), 0.65, half + 0.04, half, -0.3, -0.32)
    foot = _ellipse(u, v, 0.1, 0.55, _vary(rng, n, 0.6, 0.78), _vary(rng, n, 0.22, 0.32))
    sole = _trapezoid(u, v, 0.62, 0.82, 0.66, 0.68, 0.06, 0.06)
    heel = _trapezoid(u, v, 0.6, _vary(rng, n, 0.82, 1.0), 0.2, 0.16, -0.42, -0.42)
    return _union(shaft, np.minimum(foot, _soft(0.66 - v)), sole, heel)


def _shoe(u, v, rng):
    n = len(u)
    top = _vary(rng, n, -0.45, 0.0)
    back = _trapezoid(u, v, top, 0.5, 0.26, 0.42, -0.6, -0.42)
    instep = _stroke(u, v, -0.35, top + 0.3, 0.55, 0.42, _vary(rng, n, 0.14, 0.22))
    toe = _ellipse(u, v, 0.35, 0.5, 0.58, _vary(rng, n, 0.2, 0.32))
    sole = _trapezoid(u, v, 0.46, _vary(rng, n, 0.6, 0.74), 0.88, 0.86, 0.03, 0.03)
    return _union(back, instep, np.minimum(toe, _soft(0.55 - v)), sole)


def _bag(u, v, rng):
    n = len(u)
    top = _vary(rng, n, -0.35, 0.0)
    floor = _vary(rng, n, 0.5, 0.85)
    body = _trapezoid(u, v, top, floor, _vary(rng, n, 0.42, 0.8), _vary(rng, n, 0.55, 0.85))
    wide = _vary(rng, n, 0.25, 0.5)
    high = _vary(rng, n, 0.15, 0.6)
    ring = _ellipse(u, v, 0.0, top, wide, high)
    hole = _ellipse(u, v, 0.0, top, wide - 0.13, high - 0.13)
    return _union(body, _without(ring, hole))


def _sock(u, v, rng):
    n = len(u)
    half = _vary(rng, n, 0.19, 0.28)
    leg = _trapezoid(u, v, _vary(rng, n, -0.95, -0.5), 0.5, half + 0.02, half, -0.2, -0.25)
    toe_u = _vary(rng, n, 0.25, 0.6)
    foot = _stroke(u, v, -0.25, 0.5, toe_u, _vary(rng, n, 0.6, 0.75), half)
    return _union(leg, foot)


# In the order of CLASS_NAMES.
GARMENTS: tuple[Garment, ...] = (
    _t_shirt,
    _trousers,
    _jumper,
    _dress,
    _skirt,
    _hat,
    _boot,
    _shoe,
    _bag,
    _sock,
)
