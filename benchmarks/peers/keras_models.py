"""The models of the workloads in Keras' own words: the same text for Keras and for tensorcore."""

from __future__ import annotations

from typing import Any


def build(keras: Any, workload: str) -> Any:
    """The compiled model of a workload."""
    kind = workload.split()[0]
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


def encoder_block(keras: Any) -> Any:
    """The class of a transformer encoder block: d 256, 4 heads, ffn 1024, norms behind."""
    layers = keras.layers

    class EncoderBlock(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.attention = layers.MultiHeadAttention(num_heads=4, key_dim=64)
            self.first_norm = layers.LayerNormalization()
            self.wide = layers.Dense(1024, activation="relu")
            self.narrow = layers.Dense(256)
            self.second_norm = layers.LayerNormalization()

        def call(self, x: Any) -> Any:
            x = self.first_norm(x + self.attention(x, x))
            return self.second_norm(x + self.narrow(self.wide(x)))

    return EncoderBlock


def fit(keras: Any, workload: str, data: Any) -> Any:
    """One epoch of `model.fit`."""
    model = build(keras, workload)
    x, y, batch = data["x"], data["y"], int(data["batch"])
    steps = -(-len(x) // batch)

    def round() -> int:
        model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
        return steps

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
