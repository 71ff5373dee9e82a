"""The models of the workloads in Keras' own words: the same text for Keras and for tensorcore."""

from __future__ import annotations

import math
from typing import Any


def build(keras: Any, workload: str, sizes: Any = ()) -> Any:
    """The compiled model of a workload; W8 and W9 are told their sizes, see `workloads.SIZES`."""
    kind = workload.split()[0]
    if kind in ("W8", "W9"):
        return (residual_network if kind == "W8" else text_classifier)(keras, *map(int, sizes))
    layers = keras.layers
    if kind in ("W1", "W7"):
        stack = [
            keras.Input(shape=(28, 28)),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax"),
        ]
    elif kind == "W2":
        stack = [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    elif kind == "W3":
        stack = [
            keras.Input(shape=(256,), dtype="int32"),
            layers.Embedding(10000, 16),
            layers.GlobalAveragePooling1D(),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    elif kind == "W4":
        stack = [
            keras.Input(shape=(32, 32, 3)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    elif kind == "W5":
        block = encoder_block(keras)
        stack = [keras.Input(shape=(128, 256)), block(), block()]
        model = keras.Sequential(stack)
        model.compile("sgd", "mse")
        return model
    else:
        raise NotImplementedError(f"there is no workload {workload}")
    model = keras.Sequential(stack)
    if kind == "W3":
        model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    else:
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def encoder_block(
    keras: Any, size: int = 256, heads: int = 4, wide: int = 1024, dtype: str = "float32"
) -> Any:
    """The class of a transformer encoder block with its norms behind."""
    layers = keras.layers

    class EncoderBlock(layers.Layer):
        def __init__(self) -> None:
            super().__init__(dtype=dtype)
            self.attention = layers.MultiHeadAttention(heads, size // heads, dtype=dtype)
            self.first_norm = layers.LayerNormalization(dtype=dtype)
            self.wide = layers.Dense(wide, activation="relu", dtype=dtype)
            self.narrow = layers.Dense(size, dtype=dtype)
            self.second_norm = layers.LayerNormalization(dtype=dtype)

        def call(self, x: Any) -> Any:
            x = self.first_norm(x + self.attention(x, x))
            return self.second_norm(x + self.narrow(self.wide(x)))

    return EncoderBlock


MIXED = "mixed_bfloat16"  # weights in float32, products and convolutions in bfloat16


def residual_network(keras: Any, size: int, classes: int, width: int) -> Any:
    """W8: a ResNet-18 (He et al., 2015) on images of bytes, trained with momentum."""
    layers = keras.layers

    def convolved(x: Any, filters: int, window: int, stride: int) -> Any:
        x = layers.Conv2D(
            filters, window, strides=stride, padding="same", use_bias=False, dtype=MIXED
        )(x)
        return layers.BatchNormalization(dtype=MIXED)(x)

    def relu(x: Any) -> Any:
        return layers.Activation("relu", dtype=MIXED)(x)

    def block(x: Any, filters: int, stride: int) -> Any:
        y = convolved(relu(convolved(x, filters, 3, stride)), filters, 3, 1)
        if stride > 1:
            x = convolved(x, filters, 1, stride)
        return relu(layers.Add(dtype=MIXED)([x, y]))

    image = keras.Input((size, size, 3), dtype="uint8")
    x = layers.Rescaling(1 / 255, dtype=MIXED)(image)
    x = relu(convolved(x, width, 7, 2))
    x = layers.MaxPooling2D(3, strides=2, padding="same", dtype=MIXED)(x)
    for stage in range(4):
        x = block(x, width << stage, 2 if stage else 1)
        x = block(x, width << stage, 1)
    x = layers.GlobalAveragePooling2D(dtype=MIXED)(x)
    model = keras.Model(image, layers.Dense(classes, activation="softmax", dtype="float32")(x))
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def text_classifier(
    keras: Any, length: int, words: int, size: int, heads: int, wide: int, blocks: int, classes: int
) -> Any:
    """W9: embedded words, encoder blocks, the mean over places, and classes."""
    layers = keras.layers
    block = encoder_block(keras, size, heads, wide, MIXED)
    model = keras.Sequential(
        [
            keras.Input((length,), dtype="int32"),
            layers.Embedding(words, size, dtype=MIXED),
            *(block() for _ in range(blocks)),
            layers.GlobalAveragePooling1D(dtype=MIXED),
            layers.Dense(classes, activation="softmax", dtype="float32"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def trained_numbers(model: Any) -> int:
    """How many numbers are trained."""
    return sum(math.prod(variable.shape) for variable in model.trainable_variables)


def fit(keras: Any, workload: str, data: Any) -> Any:
    """One epoch of `model.fit`."""
    model = build(keras, workload, data.get("sizes", ()))
    x, y, batch = data["x"], data["y"], int(data["batch"])
    steps = -(-len(x) // batch)

    def round() -> int:
        model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
        return steps

    round.parameters = lambda: trained_numbers(model)  # type: ignore[attr-defined]
    return round


def predict(keras: Any, workload: str, data: Any) -> Any:
    """`model.predict` of all rows, or of one many times."""
    model = build(keras, workload)
    x = data["x"]
    times = int(data["times"])

    def round() -> int:
        for _ in range(times):
            model.predict(x, verbose=0)
        return times

    return round


def call(keras: Any, workload: str, data: Any) -> Any:
    """`model(x)` of one sample, many times."""
    if workload != "W7 one":
        raise NotImplementedError
    model = build(keras, workload)
    x, times = data["x"], int(data["times"])
    x = x.copy()

    def round() -> int:
        for _ in range(times):
            model(x)
        return times

    return round


def fit_or_predict(keras: Any) -> Any:
    """The competitor that calls `fit`, or `predict` for the workloads W7."""

    def make(workload: str, data: Any, device: str) -> Any:
        return (predict if workload.startswith("W7") else fit)(keras, workload, data)

    return make
