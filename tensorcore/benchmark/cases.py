"""What is measured: one record per case, with the work it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import tensorcore as tc
from tensorcore import keras

Make = Callable[[int, str, np.random.Generator], "Work"]


class Work(NamedTuple):
    """One case at one size.

    Attributes:
        run: what is timed.
        shape: how the size is called in the table.
        flops: floating-point operations of one run; 0 if counting them says nothing.
        nbytes: bytes that have to be read and written at least.
        samples: examples of a batch; 0 for operations.
        compile: compiles now what otherwise waits for some more runs.
    """

    run: Callable[[], Any]
    shape: str
    flops: float
    nbytes: float
    samples: int = 0
    compile: Callable[[], Any] = lambda: None


class Case(NamedTuple):
    """A line of the table for each of its sizes.

    Attributes:
        name: unique; `--only` looks for parts of it.
        group: "operation", "layer", "step" or "model".
        sizes: all sizes; the first ones are those of `--quick`.
        make: (size, dtype, random generator) -> Work, on the current device.
        quick: how many sizes `--quick` takes.
    """

    name: str
    group: str
    sizes: tuple[int, ...]
    make: Make
    quick: int = 3


def _tensor(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    return tc.astype(tc.asarray(rng.random(shape, np.float32) + 0.5), dtype)


def _shape(*sizes: int) -> str:
    return " x ".join(map(str, sizes))


# Operations ---------------------------------------------------------------------------------------


def _elementwise(function: Any, inputs: int, flops: float) -> Make:
    def make(size: int, dtype: str, rng: np.random.Generator) -> Work:
        arrays = [_tensor(rng, (size,), dtype) for _ in range(inputs)]
        nbytes = (inputs + 1) * arrays[0].nbytes
        return Work(lambda: function(*arrays), str(size), flops * size, nbytes)

    return make


def _rows(function: Any, flops: float, reads: int = 1, writes: float = 1) -> Make:
    """A function of a matrix whose rows have 256 elements."""

    def make(size: int, dtype: str, rng: np.random.Generator) -> Work:
        x = _tensor(rng, (max(1, size // 256), 256), dtype)
        nbytes = (reads + writes) * x.nbytes
        return Work(lambda: function(x), _shape(*x.shape), flops * x.size, nbytes)

    return make


def _matmul(size: int, dtype: str, rng: np.random.Generator) -> Work:
    x, y = _tensor(rng, (size, size), dtype), _tensor(rng, (size, size), dtype)
    return Work(lambda: x @ y, _shape(size, size), 2.0 * size**3, 3 * x.nbytes)


def _conv2d(size: int, dtype: str, rng: np.random.Generator) -> Work:
    x, w = _tensor(rng, (size, 28, 28, 32), dtype), _tensor(rng, (3, 3, 32, 64), dtype)
    flops = 2.0 * size * 28 * 28 * 64 * 9 * 32
    nbytes = x.nbytes * 3 + w.nbytes
    return Work(lambda: tc.nn.conv2d(x, w, padding="SAME"), _shape(*x.shape), flops, nbytes)


def _max_pool(size: int, dtype: str, rng: np.random.Generator) -> Work:
    x = _tensor(rng, (size, 28, 28, 32), dtype)
    run = lambda: tc.nn.max_pool2d(x, window=(2, 2), strides=(2, 2), padding="VALID")  # noqa: E731
    return Work(run, _shape(*x.shape), x.size, 1.25 * x.nbytes)


def _take(size: int, dtype: str, rng: np.random.Generator) -> Work:
    table = _tensor(rng, (10_000, 64), dtype)
    indices = tc.asarray(rng.integers(0, 10_000, size).astype(np.int32))
    nbytes = 2 * size * 64 * table.dtype.itemsize + indices.nbytes
    return Work(lambda: tc.take(table, indices, axis=0), f"{size} rows of 64", 0, nbytes)


def _sort(size: int, dtype: str, rng: np.random.Generator) -> Work:
    x = _tensor(rng, (size,), dtype)
    return Work(lambda: tc.sort(x), str(size), size * math.log2(size), 2 * x.nbytes)


def _normal(size: int, dtype: str, rng: np.random.Generator) -> Work:
    run = lambda: tc.random.normal((size,), dtype=dtype)  # noqa: E731
    return Work(run, str(size), 20.0 * size, size * np.dtype(tc.dtypes.as_dtype(dtype)).itemsize)


_ELEMENTS = (1_000, 100_000, 10_000_000, 10_000, 1_000_000)

OPERATIONS = [
    Case("add", "operation", _ELEMENTS, _elementwise(tc.add, 2, 1)),
    Case("exp", "operation", _ELEMENTS, _elementwise(tc.exp, 1, 10)),
    Case("tanh", "operation", _ELEMENTS, _elementwise(tc.tanh, 1, 15)),
    Case("gelu", "operation", _ELEMENTS, _elementwise(tc.nn.gelu, 1, 25)),
    Case("sum", "operation", _ELEMENTS, _rows(tc.sum, 1, writes=0)),
    Case("sum of columns", "operation", _ELEMENTS, _rows(lambda x: tc.sum(x, axis=0), 1, writes=0)),
    Case("softmax", "operation", _ELEMENTS, _rows(tc.nn.softmax, 12)),
    Case("transpose", "operation", _ELEMENTS, _rows(lambda x: tc.asarray(x.T, copy=True), 0)),
    Case("matmul", "operation", (64, 256, 1024, 128, 512, 2048), _matmul),
    Case("conv2d 3x3", "operation", (1, 32, 8), _conv2d, quick=2),
    Case("max_pool2d", "operation", (1, 32, 8), _max_pool, quick=2),
    Case("take", "operation", (100, 10_000, 100_000), _take, quick=2),
    Case("sort", "operation", (1_000, 100_000, 1_000_000), _sort, quick=2),
    Case("random normal", "operation", (1_000, 100_000, 10_000_000), _normal, quick=2),
]


# The cases whose sizes are numbers of elements.
BY_ELEMENTS = tuple(case.name for case in OPERATIONS if case.sizes is _ELEMENTS)


# Layers: forward and backward ---------------------------------------------------------------------


def _compiling(plans: Callable[[], Any]) -> Callable[[], None]:
    def compile() -> None:
        for plan in plans():
            plan.compile()

    return compile


def _layer(build: Any, shape: tuple[int, ...], flops: float, integers: int = 0) -> Make:
    """A layer's forward and backward run; `flops` of one sample's forward run."""

    def make(size: int, dtype: str, rng: np.random.Generator) -> Work:
        layer = build(dtype)
        if integers:
            x = tc.asarray(rng.integers(0, integers, (size, *shape)).astype(np.int32))
        else:
            x = _tensor(rng, (size, *shape), dtype)
        layer(x)

        @tc.function
        def run(x: Any) -> Any:
            with tc.GradientTape() as tape:
                if not integers:
                    tape.watch(x)
                y = tc.sum(layer(x, training=True))
            wanted = [*layer.trainable_weights, *([] if integers else [x])]
            return tape.gradient(y, wanted)

        weights = sum(v.size * v.dtype.itemsize for v in layer.weights)
        nbytes = 4 * x.nbytes + 3 * weights
        plans = lambda: [run.get_concrete_function(x).plan]  # noqa: E731
        return Work(
            lambda: run(x), f"batch {size}", 3 * flops * size, nbytes, size, _compiling(plans)
        )

    return make


LAYERS = [
    Case(
        "Dense 256",
        "layer",
        (32, 512),
        _layer(lambda dtype: keras.layers.Dense(256, dtype=dtype), (256,), 2 * 256 * 256),
        quick=2,
    ),
    Case(
        "Conv2D 32",
        "layer",
        (8, 64),
        _layer(
            lambda dtype: keras.layers.Conv2D(32, 3, dtype=dtype), (28, 28, 16), 2 * 26 * 26 * 4608
        ),
        quick=1,
    ),
    Case(
        "Embedding 10000 x 16",
        "layer",
        (32, 512),
        _layer(lambda dtype: keras.layers.Embedding(10_000, 16, dtype=dtype), (256,), 0, 10_000),
        quick=2,
    ),
]


# Training steps and models ------------------------------------------------------------------------


def _step(build: Any, shape: tuple[int, ...], flops: float, integers: int = 0) -> Make:
    """One step of `fit` on a batch that is there already."""

    def make(size: int, dtype: str, rng: np.random.Generator) -> Work:
        model, classes = build(dtype)
        x: Any = rng.random((size, *shape), np.float32)
        if integers:
            x = rng.integers(0, integers, (size, *shape)).astype(np.int32)
        y = rng.integers(0, classes, size).astype(np.int32)
        model.train_on_batch(x, y)
        batch = model.batch_on_device(x, y)
        step = model.step("train_step")
        weights = sum(v.size * v.dtype.itemsize for v in model.trainable_weights)
        nbytes = 3 * x.nbytes + 8 * weights
        compile = _compiling(lambda: step.plans)
        return Work(lambda: step(batch), f"batch {size}", 3 * flops * size, nbytes, size, compile)

    return make


def _predict(build: Any, shape: tuple[int, ...], flops: float) -> Make:
    def make(size: int, dtype: str, rng: np.random.Generator) -> Work:
        model, _ = build(dtype)
        x = rng.random((size, *shape), np.float32)
        run = lambda: model.predict(x, verbose=0)  # noqa: E731
        return Work(run, f"batch {size}", flops * size, x.nbytes, size)

    return make


def images_model(dtype: str) -> tuple[Any, int]:
    """W1: 28 x 28 - Dense 128 relu - Dropout 0.2 - Dense 10."""
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Flatten(input_shape=(28, 28), dtype=dtype),
            layers.Dense(128, activation="relu", dtype=dtype),
            layers.Dropout(0.2, dtype=dtype),
            layers.Dense(10, activation="softmax", dtype=dtype),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, 10


def convolution_model(dtype: str) -> tuple[Any, int]:
    """W2: Conv2D 32 on 28 x 28 x 1 - Flatten - Dense 128 relu - Dense 10."""
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1), dtype=dtype),
            layers.Flatten(dtype=dtype),
            layers.Dense(128, activation="relu", dtype=dtype),
            layers.Dense(10, activation="softmax", dtype=dtype),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, 10


def text_model(dtype: str) -> tuple[Any, int]:
    """W3: Embedding(10000, 16) on 256 tokens - mean - Dense 16 relu - Dense 1 sigmoid."""
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Embedding(10_000, 16, input_shape=(None,), dtype=dtype),
            layers.GlobalAveragePooling1D(dtype=dtype),
            layers.Dense(16, activation="relu", dtype=dtype),
            layers.Dense(1, activation="sigmoid", dtype=dtype),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    return model, 2


_W1_FLOPS = 2 * (784 * 128 + 128 * 10)
_W2_FLOPS = 2 * (26 * 26 * 32 * 9 + 21632 * 128 + 1280)
_W3_FLOPS = 2 * (256 * 16 + 16 * 16 + 16)

STEPS = [
    Case("step W1", "step", (32, 512, 128), _step(images_model, (28, 28), _W1_FLOPS), quick=2),
    Case("step W2", "step", (32, 128), _step(convolution_model, (28, 28, 1), _W2_FLOPS), quick=1),
    Case("step W3", "step", (512, 64), _step(text_model, (256,), _W3_FLOPS, 10_000), quick=1),
    Case("predict W1", "model", (1, 10_000), _predict(images_model, (28, 28), _W1_FLOPS), quick=2),
]

CASES = [*OPERATIONS, *LAYERS, *STEPS]
