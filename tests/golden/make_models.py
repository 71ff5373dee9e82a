"""Small models written by real Keras 3, with inputs, outputs, one more training step and summaries.

    KERAS_BACKEND=jax python tests/golden/make_models.py          # in an environment with Keras 3

writes tests/golden/models/*.keras (and .h5), models.npz and summaries.json.  The test that reads
them (tests/test_golden_models.py) needs no Keras.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ["COLUMNS"] = "200"

import keras
import numpy as np
from keras import layers, ops, regularizers

FOLDER = Path(__file__).resolve().parent
RNG = np.random.default_rng(7)


def values(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def dense():
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(5, activation="relu"), layers.Dense(3)], name="dense_model"
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model, values(4, 6), values(4, 3)


def flatten():
    model = keras.Sequential(
        [
            layers.Flatten(input_shape=(4, 4)),
            layers.Dense(8, activation="relu"),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model, values(5, 4, 4), RNG.integers(0, 4, 5)


def convolutions():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Conv2D(3, (2, 2), strides=(1, 2), dilation_rate=1),
            layers.AveragePooling2D(2, padding="same"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model, values(3, 8, 8, 2), values(3, 2)


def more_convolutions():
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.ZeroPadding2D(1),
            layers.SeparableConv2D(3, 3),
            layers.DepthwiseConv2D(3, padding="same"),
            layers.UpSampling2D(2),
            layers.Conv2DTranspose(2, 2, strides=2),
            layers.Reshape((-1, 2)),
            layers.Conv1D(2, 3, strides=2),
            layers.GlobalMaxPooling1D(),
        ]
    )
    return model, values(2, 6, 6, 2), None


def text():
    model = keras.Sequential()
    model.add(layers.Embedding(50, 8, input_shape=(None,)))
    model.add(layers.GlobalAveragePooling1D())
    model.add(layers.Dense(4, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, RNG.integers(0, 50, (6, 7)), RNG.integers(0, 2, 6)


def two_inputs():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(5, activation="tanh", name="shared")
    x = layers.Concatenate()([shared(a), shared(b)])
    y = layers.Add()([layers.Dense(3)(x), layers.Dense(3)(a)])
    model = keras.Model([a, b], layers.Dense(1)(y), name="two_inputs")
    model.compile("sgd", "mse")
    return model, [values(4, 4), values(4, 4)], values(4, 1)


def operators():
    x = keras.Input((3, 4), name="x")
    y = ops.exp(-x) / 3.0 + x * x
    y = ops.concatenate([y[:, 1:], ops.relu(x)], axis=1)
    y = ops.mean(y, axis=2) - 1.0
    y = ops.reshape(y, (-1, 5)) ** 2
    y = layers.Dense(2)(y)
    return keras.Model(x, ops.softmax(ops.maximum(y, 0.1))), values(2, 3, 4), None


def dicts():
    left, right = keras.Input((3,), name="left"), keras.Input((2,), name="right")
    x = layers.concatenate([left, right])
    outputs = {
        "score": layers.Dense(1, name="score")(x),
        "label": layers.Dense(3, activation="softmax", name="label")(x),
    }
    model = keras.Model({"left": left, "right": right}, outputs)
    model.compile(
        "adam",
        loss={"score": "mse", "label": "sparse_categorical_crossentropy"},
        loss_weights={"score": 0.5, "label": 2.0},
        metrics={"score": ["mae"], "label": ["accuracy"]},
    )
    y = {"score": values(4, 1), "label": RNG.integers(0, 3, 4)}
    return model, {"left": values(4, 3), "right": values(4, 2)}, y


def nested():
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(4)], name="block"
    )
    x = keras.Input((4,), name="outer")
    core_in = keras.Input((4,))
    core = keras.Model(core_in, layers.Dense(2)(core_in) * 0.5, name="core")
    y = inner(inner(x) + x)
    model = keras.Model(x, [core(y), layers.Dense(1, name="side")(y)], name="nested")
    model.compile("sgd", ["mse", "mae"])
    return model, values(3, 4), [values(3, 2), values(3, 1)]


def model_in_sequential():
    x = keras.Input((5,))
    base = keras.Model(x, layers.Dense(3, activation="gelu")(x), name="base")
    base.trainable = False
    model = keras.Sequential([base, layers.Dense(2)], name="on_top")
    model.compile(keras.optimizers.Adagrad(0.1), "mse")
    return model, values(3, 5), values(3, 2)


def activations():
    x = keras.Input((6,))
    y = layers.LayerNormalization()(x)
    y = layers.LeakyReLU(negative_slope=0.2)(layers.Dense(6, use_bias=False)(y))
    y = layers.ReLU(max_value=2.0)(layers.PReLU()(y))
    y = layers.Activation("elu")(layers.ELU(0.5)(y))
    return keras.Model(x, layers.Softmax()(y), name="activations"), values(3, 6), None


def preprocessing():
    normalize = layers.Normalization()
    normalize.adapt(values(20, 3) * 3 + 1)
    model = keras.Sequential(
        [keras.Input((3,)), normalize, layers.Rescaling(0.5, offset=1.0), layers.Dense(2)]
    )
    return model, values(4, 3), None


def regularized():
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(
                6,
                activation="relu",
                kernel_regularizer=regularizers.l2(0.01),
                bias_regularizer=regularizers.L1L2(0.01, 0.02),
                kernel_constraint=keras.constraints.MaxNorm(1.0),
                kernel_initializer=keras.initializers.HeNormal(seed=3),
                bias_initializer=keras.initializers.Constant(0.2),
            ),
            layers.Dense(1, activity_regularizer="l1"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.05), "mse")
    return model, values(5, 4), values(5, 1)


def rmsprop():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(1)])
    model.compile(keras.optimizers.RMSprop(0.01, momentum=0.9, centered=True), "huber")
    return model, values(5, 4), values(5, 1)


def adamw():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(1)])
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, 3, 0.5)
    model.compile(keras.optimizers.AdamW(schedule, weight_decay=0.02, clipnorm=1.0), "mse")
    return model, values(5, 4), values(5, 1)


def loss_objects():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    model.compile(
        keras.optimizers.Adam(0.02),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="acc")],
    )
    return model, values(6, 4), RNG.integers(0, 3, 6)


def lstm():
    model = keras.Sequential(
        [
            keras.Input((5, 3)),
            layers.LSTM(4, return_sequences=True),
            layers.LSTM(2),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    return model, values(3, 5, 3), values(3, 1)


def gru():
    model = keras.Sequential([keras.Input((None, 3)), layers.GRU(4), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model, values(3, 5, 3), values(3, 1)


def bidirectional():
    model = keras.Sequential(
        [
            keras.Input((None,)),
            layers.Embedding(20, 4, mask_zero=True),
            layers.Bidirectional(layers.LSTM(3)),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    tokens = RNG.integers(1, 20, (4, 6))
    tokens[1, 3:] = 0
    return model, tokens, RNG.integers(0, 2, 4)


def attention():
    x = keras.Input((5, 8))
    y = layers.MultiHeadAttention(2, 4)(x, x)
    y = layers.LayerNormalization()(layers.Add()([x, y]))
    model = keras.Model(x, layers.Dense(1)(layers.GlobalAveragePooling1D()(y)))
    model.compile("adam", "mse")
    return model, values(2, 5, 8), values(2, 1)


MODELS = [
    dense,
    flatten,
    convolutions,
    more_convolutions,
    text,
    two_inputs,
    operators,
    dicts,
    nested,
    model_in_sequential,
    activations,
    preprocessing,
    regularized,
    rmsprop,
    adamw,
    loss_objects,
    lstm,
    gru,
    bidirectional,
    attention,
]
LEGACY = [bidirectional, dense, two_inputs, text]


def flat(structure):
    return [np.asarray(leaf) for leaf in keras.tree.flatten(structure)]


def text_of(model, **options):
    lines = []
    model.summary(print_fn=lines.append, **options)
    return "\n".join(lines)


def main():
    folder = FOLDER / "models"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    arrays, summaries = {}, {}
    for number, make in enumerate(MODELS):
        keras.backend.clear_session()
        keras.utils.set_random_seed(number)
        model, x, y = make()
        name = make.__name__
        if y is not None:
            model.train_on_batch(x, y)
        model.save(folder / f"{name}.keras")
        if make in LEGACY:
            model.save(folder / f"{name}.h5")
            if make is not bidirectional:
                model.save_weights(folder / f"{name}.weights.h5")
        summaries[name] = {
            "plain": text_of(model),
            "nested": text_of(model, expand_nested=True, show_trainable=True),
            "narrow": text_of(model, line_length=70),
        }
        stored = {"x": x, "out": model.predict(x, verbose=0)}
        if y is not None:
            model.train_on_batch(x, y)
            stored.update(y=y, after=model.predict(x, verbose=0))
        for key, structure in stored.items():
            for index, array in enumerate(flat(structure)):
                arrays[f"{name}/{key}/{index}"] = array
    np.savez_compressed(FOLDER / "models.npz", **arrays)
    (FOLDER / "summaries.json").write_text(json.dumps(summaries, ensure_ascii=False, indent=0))


if __name__ == "__main__":
    main()
