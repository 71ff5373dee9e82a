"""What is compared with Keras: one line a configuration.

The same table is read by `make_numbers.py`, which asks Keras, and by `test_golden.py`, which asks
tensorcore.  After a change here the numbers have to be made anew.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np


class Data(NamedTuple):
    """An array to be drawn: a kind and a shape."""

    kind: str
    shape: tuple[int, ...]
    high: int = 0

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        return _KINDS[self.kind](rng, self)


def _simplex(rng: np.random.Generator, data: Data) -> np.ndarray:
    values = rng.uniform(0.1, 1.0, data.shape)
    return values / values.sum(-1, keepdims=True)


def _mask(rng: np.random.Generator, data: Data) -> np.ndarray:
    """Rows that begin with at least one 1, with a hole in the first row and zeros at the end."""
    lengths = rng.integers(1, data.shape[1] + 1, data.shape[0])
    mask = np.arange(data.shape[1])[None] < lengths[:, None]
    mask[0] = True
    mask[0, 1] = False
    return mask


def _pairs(rng: np.random.Generator, data: Data) -> np.ndarray:
    """A mask of pairs (batch, queries, keys) that leaves the second query nothing."""
    mask = rng.uniform(size=data.shape) < 0.6
    mask[:, 1] = False
    return mask


_KINDS: dict[str, Any] = {
    "pairs": _pairs,
    "normal": lambda rng, d: rng.normal(size=d.shape),
    "int": lambda rng, d: rng.integers(0, d.high, d.shape),
    "probability": lambda rng, d: rng.uniform(0.05, 0.95, d.shape),
    "positive": lambda rng, d: rng.uniform(0.1, 2.0, d.shape),
    "simplex": _simplex,
    "onehot": lambda rng, d: np.eye(d.shape[-1])[rng.integers(0, d.shape[-1], d.shape[:-1])],
    "binary": lambda rng, d: rng.integers(0, 2, d.shape),
    "sign": lambda rng, d: rng.integers(0, 2, d.shape) * 2 - 1,
    "mask": _mask,
}


class Thing(NamedTuple):
    """An object to be made: name of a class or function of a module, and its arguments."""

    name: str
    options: Mapping[str, Any] = MappingProxyType({})
    module: str = "layers"

    def make(self, keras: Any) -> Any:
        options = {key: made(keras, value) for key, value in self.options.items()}
        return getattr(getattr(keras, self.module), self.name)(**options)


def made(keras: Any, value: Any) -> Any:
    """The value with the things inside made."""
    if isinstance(value, Thing):
        return value.make(keras)
    if type(value) in (list, tuple):
        return type(value)(made(keras, part) for part in value)
    return value


class Case(NamedTuple):
    """One configuration.

    Attributes:
        name: unique, the name in the file of numbers.
        thing: what is made.
        data: the arrays it is called with.
        call: further arguments of the call; Data among them are drawn.
        joined: whether the arrays are one argument, a list.
    """

    name: str
    thing: Thing
    data: tuple[Data, ...]
    call: dict[str, Any]
    joined: bool

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(self.name.encode()))


_counts: dict[str, int] = {}


def _case(
    module: str, name: str, data: tuple[Any, ...], call: Any, joined: bool, options: Any
) -> Case:
    key = f"{module}.{name}"
    number = _counts[key] = _counts.get(key, -1) + 1
    found = tuple(d if isinstance(d, Data) else Data("normal", d) for d in data)
    return Case(f"{key}.{number}", Thing(name, options, module), found, call or {}, joined)


def layer(name: str, *data: Any, call: Any = None, joined: bool = False, **options: Any) -> Case:
    return _case("layers", name, data, call, joined, options)


def loss(name: str, y_true: Data, y_pred: Data, **options: Any) -> Case:
    return _case("losses", name, (y_true, y_pred), None, False, options)


def metric(name: str, *data: Data, **options: Any) -> Case:
    return _case("metrics", name, data, None, False, options)


def optimizer(name: str, **options: Any) -> Case:
    return _case("optimizers", name, ((3, 4), (5,)), None, False, options)


def function(module: str, name: str, *data: Any, **options: Any) -> Case:
    return _case(module, name, data, None, False, options)


def sub(name: str, **options: Any) -> Thing:
    return Thing(name, options)


def schedule(name: str, **options: Any) -> Thing:
    return Thing(name, options, "schedules")


def ints(*shape: int, high: int) -> Data:
    return Data("int", shape, high)


L2 = Thing("L2", {"l2": 0.1}, "regularizers")
L1 = Thing("L1", {"l1": 0.1}, "regularizers")
L1L2 = Thing("L1L2", {"l1": 0.02, "l2": 0.1}, "regularizers")
TRAINING = {"training": True}
MASK = {"mask": Data("mask", (3, 5))}

IMAGE = (2, 6, 5, 3)
SEQUENCE = (3, 5, 4)  # batch, steps, features

LAYERS = [
    layer("Dense", (4, 5), units=3),
    layer("Dense", (2, 3, 5), units=3, activation="relu", use_bias=False),
    layer("Dense", (4, 5), units=3, activation="softmax"),
    layer(
        "Dense",
        (4, 5),
        units=3,
        activation="tanh",
        kernel_regularizer=L2,
        bias_regularizer=L1,
        activity_regularizer=L1L2,
    ),
    layer("Flatten", (2, 3, 4)),
    layer("Dropout", (3, 4), rate=0.5),
    layer("SpatialDropout1D", SEQUENCE, rate=0.5),
    layer("SpatialDropout2D", IMAGE, rate=0.5),
    layer("GaussianNoise", (3, 4), stddev=0.5),
    layer("GaussianDropout", (3, 4), rate=0.5),
    layer("AlphaDropout", (3, 4), rate=0.5),
    layer("ActivityRegularization", (3, 4), l1=0.1, l2=0.2),
    layer("Identity", (3, 4)),
    layer("Softmax", (3, 4, 2), axis=1),
    layer("ReLU", (3, 4)),
    layer("ReLU", (3, 4), max_value=1.0, negative_slope=0.1, threshold=0.2),
    layer("LeakyReLU", (3, 4)),
    layer("LeakyReLU", (3, 4), negative_slope=0.1),
    layer("PReLU", (3, 4)),
    layer("PReLU", IMAGE, shared_axes=[1, 2]),
    layer("ELU", (3, 4), alpha=0.7),
    layer("Activation", (3, 4), activation="gelu"),
    layer("Activation", (3, 4), activation="sigmoid"),
    layer("Conv1D", (2, 7, 3), filters=4, kernel_size=3),
    layer("Conv1D", (2, 8, 4), filters=4, kernel_size=3, strides=2, padding="same", groups=2),
    layer("Conv1D", (2, 8, 3), filters=2, kernel_size=2, padding="causal", dilation_rate=2),
    layer("Conv1DTranspose", (2, 4, 3), filters=2, kernel_size=3, strides=2),
    layer("Conv2D", IMAGE, filters=4, kernel_size=3),
    layer("Conv2D", IMAGE, filters=4, kernel_size=(3, 2), strides=(2, 1), padding="same"),
    layer("Conv2D", (2, 7, 7, 4), filters=6, kernel_size=2, dilation_rate=(2, 3), groups=2),
    layer("Conv2D", IMAGE, filters=2, kernel_size=2, use_bias=False, activation="relu"),
    layer("Conv2DTranspose", (2, 3, 4, 3), filters=2, kernel_size=3),
    layer("Conv2DTranspose", (2, 3, 4, 3), filters=2, kernel_size=3, strides=2, padding="same"),
    layer("Conv2DTranspose", (1, 3, 3, 2), filters=2, kernel_size=2, strides=(3, 2)),
    layer(
        "Conv2DTranspose",
        (1, 3, 3, 2),
        filters=2,
        kernel_size=4,
        strides=2,
        padding="same",
        output_padding=1,
    ),
    layer("DepthwiseConv1D", (2, 7, 3), kernel_size=3, depth_multiplier=2),
    layer("DepthwiseConv2D", IMAGE, kernel_size=3),
    layer("DepthwiseConv2D", IMAGE, kernel_size=2, strides=2, padding="same", depth_multiplier=2),
    layer("SeparableConv1D", (2, 7, 3), filters=4, kernel_size=3),
    layer("SeparableConv2D", IMAGE, filters=4, kernel_size=3),
    layer("SeparableConv2D", IMAGE, filters=2, kernel_size=3, padding="same", depth_multiplier=2),
    layer("MaxPooling1D", (2, 7, 3)),
    layer("MaxPooling1D", (2, 7, 3), pool_size=3, strides=2, padding="same"),
    layer("MaxPooling2D", IMAGE),
    layer("MaxPooling2D", IMAGE, pool_size=3, strides=2, padding="same"),
    layer("AveragePooling1D", (2, 7, 3), pool_size=2),
    layer("AveragePooling1D", (2, 7, 3), pool_size=3, strides=2, padding="same"),
    layer("AveragePooling2D", IMAGE, pool_size=2),
    layer("AveragePooling2D", IMAGE, pool_size=3, strides=2, padding="same"),
    layer("GlobalAveragePooling1D", SEQUENCE),
    layer("GlobalAveragePooling1D", (3, 5, 4), call=MASK),
    layer("GlobalAveragePooling2D", IMAGE, keepdims=True),
    layer("GlobalMaxPooling1D", SEQUENCE),
    layer("GlobalMaxPooling2D", IMAGE),
    layer("BatchNormalization", (6, 3)),
    layer("BatchNormalization", (6, 3), call=TRAINING),
    layer("BatchNormalization", IMAGE, call=TRAINING, momentum=0.7, epsilon=0.01),
    layer("BatchNormalization", (4, 3, 5), call=TRAINING, axis=1, center=False, scale=False),
    layer("LayerNormalization", (3, 4)),
    layer("LayerNormalization", IMAGE, axis=[1, 3], epsilon=0.01),
    layer("LayerNormalization", (3, 4), center=False, scale=False),
    layer("GroupNormalization", (2, 4, 6), groups=3),
    layer("GroupNormalization", (2, 3, 3, 4), groups=-1, scale=False),
    layer("RMSNormalization", (3, 4)),
    layer("UnitNormalization", (3, 4)),
    layer("Embedding", ints(3, 4, high=6), input_dim=6, output_dim=3),
    layer(
        "Embedding",
        ints(3, 4, high=6),
        input_dim=6,
        output_dim=3,
        mask_zero=True,
        embeddings_regularizer=L2,
    ),
    layer("Normalization", (3, 4), mean=0.5, variance=2.0),
    layer("Normalization", (3, 2), mean=[0.5, 1.0], variance=[2.0, 3.0], invert=True),
    layer("Rescaling", (3, 4), scale=0.5, offset=0.1),
    layer("CategoryEncoding", ints(3, 4, high=6), num_tokens=6),
    layer("CategoryEncoding", ints(3, 4, high=6), num_tokens=6, output_mode="count"),
    layer("CategoryEncoding", ints(3, high=6), num_tokens=6, output_mode="one_hot"),
    layer("Concatenate", (2, 3), (2, 4), joined=True),
    layer("Concatenate", (2, 3, 4), (2, 1, 4), joined=True, axis=1),
    layer("Add", (2, 3), (2, 3), (2, 3), joined=True),
    layer("Add", (2, 3, 4), (2, 4), joined=True),
    layer("Subtract", (2, 3), (2, 3), joined=True),
    layer("Multiply", (2, 3), (2, 3), joined=True),
    layer("Average", (2, 3), (2, 3), (2, 3), joined=True),
    layer("Maximum", (2, 3), (2, 3), joined=True),
    layer("Minimum", (2, 3), (2, 3), joined=True),
    layer("Dot", (2, 3), (2, 3), joined=True, axes=1, normalize=True),
    layer("Dot", (2, 3, 4), (2, 5, 4), joined=True, axes=(2, 2)),
    layer("Dot", (2, 3, 4), (2, 4, 5), joined=True, axes=(2, 1)),
    layer("Reshape", (2, 3, 4), target_shape=(4, -1)),
    layer("Permute", (2, 3, 4), dims=(2, 1)),
    layer("RepeatVector", (2, 3), n=4),
    layer("UpSampling1D", SEQUENCE, size=2),
    layer("UpSampling2D", (2, 3, 2, 2), size=(2, 3)),
    layer("UpSampling2D", (2, 3, 2, 2), size=2, interpolation="bilinear"),
    layer("ZeroPadding1D", SEQUENCE, padding=(1, 2)),
    layer("ZeroPadding2D", IMAGE),
    layer("ZeroPadding2D", IMAGE, padding=((1, 0), (2, 3))),
    layer("Cropping1D", SEQUENCE, cropping=(1, 2)),
    layer("Cropping2D", IMAGE, cropping=((1, 0), (2, 1))),
    layer("Masking", SEQUENCE),
    layer("SimpleRNN", SEQUENCE, units=3),
    layer("SimpleRNN", SEQUENCE, units=3, return_sequences=True, go_backwards=True),
    layer("SimpleRNN", SEQUENCE, call=MASK, units=3, return_state=True, activation="relu"),
    layer("LSTM", SEQUENCE, units=3),
    layer("LSTM", SEQUENCE, units=3, return_sequences=True, return_state=True),
    layer("LSTM", SEQUENCE, call=MASK, units=3, return_sequences=True),
    layer("LSTM", SEQUENCE, call=MASK, units=3, go_backwards=True, use_bias=False),
    layer(
        "LSTM",
        SEQUENCE,
        units=3,
        recurrent_activation="hard_sigmoid",
        unit_forget_bias=False,
        kernel_regularizer=L2,
        recurrent_regularizer=L2,
    ),
    layer("GRU", SEQUENCE, units=3),
    layer("GRU", SEQUENCE, units=3, reset_after=False, return_sequences=True),
    layer("GRU", SEQUENCE, call=MASK, units=3, return_sequences=True, return_state=True),
    layer("GRU", SEQUENCE, units=3, use_bias=False, activation="relu"),
    layer("RNN", SEQUENCE, cell=sub("LSTMCell", units=3), return_sequences=True),
    layer("RNN", SEQUENCE, cell=[sub("GRUCell", units=3), sub("SimpleRNNCell", units=2)]),
    layer("Bidirectional", SEQUENCE, layer=sub("LSTM", units=3)),
    layer(
        "Bidirectional",
        SEQUENCE,
        call=MASK,
        layer=sub("GRU", units=2, return_sequences=True),
        merge_mode="sum",
    ),
    layer("TimeDistributed", SEQUENCE, layer=sub("Dense", units=3)),
    layer("TimeDistributed", (2, 3, 4, 4, 1), layer=sub("Conv2D", filters=2, kernel_size=2)),
    layer("MultiHeadAttention", (2, 3, 4), (2, 5, 4), num_heads=2, key_dim=3),
    layer(
        "MultiHeadAttention",
        (2, 4, 3),
        (2, 4, 3),
        call={"use_causal_mask": True},
        num_heads=2,
        key_dim=3,
        output_shape=5,
    ),
    layer(
        "MultiHeadAttention",
        (3, 2, 4),
        (3, 5, 4),
        call={"value_mask": Data("mask", (3, 5)), "return_attention_scores": True},
        num_heads=2,
        key_dim=3,
        use_bias=False,
    ),
    layer(
        "MultiHeadAttention",
        (3, 5, 4),
        (3, 5, 4),
        call={"value_mask": Data("mask", (3, 5)), "use_causal_mask": True},
        num_heads=2,
        key_dim=3,
    ),
    layer(
        "MultiHeadAttention",
        (2, 3, 4),
        (2, 5, 4),
        call={"attention_mask": Data("pairs", (2, 3, 5))},
        num_heads=2,
        key_dim=3,
    ),
    layer(
        "MultiHeadAttention",
        (2, 5, 4),
        (2, 5, 4),
        call={"attention_mask": Data("pairs", (2, 5, 5)), "use_causal_mask": True},
        num_heads=2,
        key_dim=3,
    ),
    layer(
        "MultiHeadAttention",
        (2, 3, 4),
        (2, 5, 4),
        call={"attention_mask": Data("pairs", (2, 3, 5)), "return_attention_scores": True},
        num_heads=2,
        key_dim=3,
    ),
    layer("Attention", (2, 3, 4), (2, 5, 4), joined=True),
    layer("Attention", (2, 3, 4), (2, 5, 4), joined=True, use_scale=True, score_mode="dot"),
    layer("Attention", (2, 3, 4), (2, 5, 4), joined=True, score_mode="concat"),
    layer("AdditiveAttention", (2, 3, 4), (2, 5, 4), joined=True),
    layer("EinsumDense", (2, 3, 4), equation="abc,cd->abd", output_shape=(None, 5), bias_axes="d"),
]

P = (4, 3)
NORMAL, PROBABILITY, SIMPLEX = Data("normal", P), Data("probability", P), Data("simplex", P)
POSITIVE, BINARY, ONEHOT = Data("positive", P), Data("binary", P), Data("onehot", P)
LABELS = ints(4, high=3)

LOSSES = [
    loss("MeanSquaredError", NORMAL, NORMAL),
    loss("MeanAbsoluteError", NORMAL, NORMAL),
    loss("MeanAbsolutePercentageError", NORMAL, NORMAL),
    loss("MeanSquaredLogarithmicError", POSITIVE, POSITIVE),
    loss("Huber", NORMAL, NORMAL),
    loss("Huber", NORMAL, NORMAL, delta=0.3),
    loss("LogCosh", NORMAL, NORMAL),
    loss("KLDivergence", SIMPLEX, SIMPLEX),
    loss("Poisson", POSITIVE, POSITIVE),
    loss("Hinge", BINARY, NORMAL),
    loss("Hinge", Data("sign", P), NORMAL),
    loss("SquaredHinge", BINARY, NORMAL),
    loss("CategoricalHinge", ONEHOT, NORMAL),
    loss("CosineSimilarity", NORMAL, NORMAL),
    loss("BinaryCrossentropy", BINARY, PROBABILITY),
    loss("BinaryCrossentropy", BINARY, NORMAL, from_logits=True, label_smoothing=0.1),
    loss("BinaryFocalCrossentropy", BINARY, PROBABILITY),
    loss(
        "BinaryFocalCrossentropy",
        BINARY,
        NORMAL,
        from_logits=True,
        apply_class_balancing=True,
        gamma=1.5,
        label_smoothing=0.1,
    ),
    loss("CategoricalCrossentropy", ONEHOT, SIMPLEX),
    loss("CategoricalCrossentropy", ONEHOT, PROBABILITY, label_smoothing=0.1),
    loss("CategoricalCrossentropy", SIMPLEX, NORMAL, from_logits=True),
    loss("CategoricalFocalCrossentropy", ONEHOT, SIMPLEX),
    loss("CategoricalFocalCrossentropy", ONEHOT, NORMAL, from_logits=True, gamma=1.5, alpha=0.4),
    loss("SparseCategoricalCrossentropy", LABELS, SIMPLEX),
    loss("SparseCategoricalCrossentropy", LABELS, NORMAL, from_logits=True),
    loss("SparseCategoricalCrossentropy", LABELS, NORMAL, from_logits=True, ignore_class=1),
    loss("SparseCategoricalCrossentropy", ints(2, 4, high=3), Data("simplex", (2, 4, 3))),
    loss("Dice", BINARY, PROBABILITY),
    loss("Tversky", BINARY, PROBABILITY, alpha=0.3, beta=0.6),
]

# Of many samples, so that thresholds and orders differ.
Q = (20, 3)
SCORES = Data("probability", (20,))
FLAGS = Data("binary", (20,))
MANY = Data("simplex", Q)
MANY_LABELS = ints(20, high=3)
MANY_ONEHOT = Data("onehot", Q)

METRICS = [
    metric("Mean", NORMAL),
    metric("Sum", NORMAL),
    metric("Accuracy", ints(20, high=3), ints(20, high=3)),
    metric("BinaryAccuracy", FLAGS, SCORES),
    metric("BinaryAccuracy", BINARY, PROBABILITY, threshold=0.7),
    metric("CategoricalAccuracy", MANY_ONEHOT, MANY),
    metric("SparseCategoricalAccuracy", MANY_LABELS, MANY),
    metric("TopKCategoricalAccuracy", MANY_ONEHOT, MANY, k=2),
    metric("SparseTopKCategoricalAccuracy", MANY_LABELS, MANY, k=2),
    metric("BinaryCrossentropy", BINARY, PROBABILITY, label_smoothing=0.1),
    metric("CategoricalCrossentropy", MANY_ONEHOT, MANY),
    metric("SparseCategoricalCrossentropy", MANY_LABELS, MANY),
    metric("KLDivergence", MANY, MANY),
    metric("Poisson", POSITIVE, POSITIVE),
    metric("MeanSquaredError", NORMAL, NORMAL),
    metric("RootMeanSquaredError", NORMAL, NORMAL),
    metric("MeanAbsoluteError", NORMAL, NORMAL),
    metric("MeanAbsolutePercentageError", NORMAL, NORMAL),
    metric("MeanSquaredLogarithmicError", POSITIVE, POSITIVE),
    metric("LogCoshError", NORMAL, NORMAL),
    metric("CosineSimilarity", NORMAL, NORMAL),
    metric("Hinge", BINARY, NORMAL),
    metric("SquaredHinge", BINARY, NORMAL),
    metric("CategoricalHinge", ONEHOT, NORMAL),
    metric("R2Score", Data("normal", Q), Data("normal", Q)),
    metric("R2Score", Data("normal", Q), Data("normal", Q), class_aggregation=None),
    metric(
        "R2Score",
        Data("normal", Q),
        Data("normal", Q),
        class_aggregation="variance_weighted_average",
        num_regressors=2,
    ),
    metric("F1Score", MANY_ONEHOT, MANY, average="macro"),
    metric("F1Score", MANY_ONEHOT, MANY),
    metric("FBetaScore", MANY_ONEHOT, MANY, average="weighted", beta=2.0, threshold=0.3),
    metric("FBetaScore", MANY_ONEHOT, MANY, average="micro", beta=0.5),
    metric("TruePositives", FLAGS, SCORES),
    metric("TrueNegatives", FLAGS, SCORES),
    metric("FalsePositives", FLAGS, SCORES, thresholds=[0.2, 0.6]),
    metric("FalseNegatives", FLAGS, SCORES),
    metric("Precision", FLAGS, SCORES),
    metric("Precision", MANY_ONEHOT, MANY, top_k=1, class_id=1),
    metric("Precision", FLAGS, SCORES, thresholds=[0.2, 0.6]),
    metric("Recall", FLAGS, SCORES),
    metric("Recall", MANY_ONEHOT, MANY, thresholds=0.3, class_id=2),
    metric("AUC", FLAGS, SCORES),
    metric("AUC", FLAGS, SCORES, curve="PR", num_thresholds=50),
    metric("AUC", FLAGS, SCORES, curve="PRGAIN", num_thresholds=20),
    metric("AUC", FLAGS, SCORES, summation_method="minoring", num_thresholds=20),
    metric("AUC", FLAGS, SCORES, summation_method="majoring", thresholds=[0.2, 0.5, 0.7]),
    metric("AUC", MANY_ONEHOT, MANY, multi_label=True, num_thresholds=30),
    metric("AUC", FLAGS, Data("normal", (20,)), from_logits=True),
    metric("SensitivityAtSpecificity", FLAGS, SCORES, specificity=0.5),
    metric("SpecificityAtSensitivity", FLAGS, SCORES, sensitivity=0.5),
    metric("PrecisionAtRecall", FLAGS, SCORES, recall=0.5),
    metric("RecallAtPrecision", FLAGS, SCORES, precision=0.5),
    metric("MeanIoU", ints(20, high=3), ints(20, high=3), num_classes=3),
    metric("IoU", ints(20, high=3), ints(20, high=3), num_classes=3, target_class_ids=[0, 2]),
    metric("BinaryIoU", FLAGS, SCORES, target_class_ids=[0, 1], threshold=0.3),
    metric("OneHotIoU", MANY_ONEHOT, MANY, num_classes=3, target_class_ids=[0, 2]),
    metric("OneHotMeanIoU", MANY_ONEHOT, MANY, num_classes=3),
    metric("PearsonCorrelation", NORMAL, NORMAL),
    metric("ConcordanceCorrelation", NORMAL, NORMAL),
]

DECAY = schedule("ExponentialDecay", initial_learning_rate=0.1, decay_steps=2, decay_rate=0.5)

OPTIMIZERS = [
    optimizer("SGD"),
    optimizer("SGD", learning_rate=0.1, momentum=0.9),
    optimizer("SGD", learning_rate=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    optimizer("SGD", learning_rate=DECAY, clipnorm=0.5),
    optimizer("SGD", learning_rate=0.1, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3),
    optimizer("SGD", learning_rate=0.1, gradient_accumulation_steps=2),
    optimizer("Adam"),
    optimizer("Adam", learning_rate=0.1, amsgrad=True, clipvalue=0.5),
    optimizer("Adam", learning_rate=DECAY, beta_1=0.8, beta_2=0.9, epsilon=0.01),
    optimizer("Adam", learning_rate=0.1, global_clipnorm=0.5, weight_decay=0.1),
    optimizer("AdamW", learning_rate=0.1),
    optimizer("AdamW", learning_rate=0.1, weight_decay=0.05, amsgrad=True),
    optimizer("RMSprop", learning_rate=0.1),
    optimizer("RMSprop", learning_rate=0.1, momentum=0.5, centered=True, rho=0.8),
    optimizer("RMSprop", learning_rate=0.1, centered=True),
    optimizer("RMSprop", learning_rate=0.1, momentum=0.5),
    optimizer("Adagrad", learning_rate=0.1),
    optimizer("Adagrad", learning_rate=0.1, initial_accumulator_value=0.5),
    optimizer("Adadelta", learning_rate=1.0),
    optimizer("Adamax", learning_rate=0.1),
    optimizer("Nadam", learning_rate=0.1),
    optimizer("Ftrl", learning_rate=0.1),
    optimizer(
        "Ftrl",
        learning_rate=0.1,
        l1_regularization_strength=0.01,
        l2_regularization_strength=0.1,
        l2_shrinkage_regularization_strength=0.1,
        beta=0.1,
    ),
    optimizer("Lion", learning_rate=0.01),
]

SCHEDULES = [
    function("schedules", "ExponentialDecay", **DECAY.options),
    function(
        "schedules",
        "ExponentialDecay",
        initial_learning_rate=0.1,
        decay_steps=3,
        decay_rate=0.5,
        staircase=True,
    ),
    function("schedules", "PiecewiseConstantDecay", boundaries=[3, 6], values=[1.0, 0.5, 0.1]),
    function("schedules", "PolynomialDecay", initial_learning_rate=0.1, decay_steps=10),
    function(
        "schedules",
        "PolynomialDecay",
        initial_learning_rate=0.1,
        decay_steps=4,
        power=2.0,
        cycle=True,
    ),
    function(
        "schedules", "InverseTimeDecay", initial_learning_rate=0.1, decay_steps=3, decay_rate=0.5
    ),
    function(
        "schedules",
        "InverseTimeDecay",
        initial_learning_rate=0.1,
        decay_steps=3,
        decay_rate=0.5,
        staircase=True,
    ),
    function("schedules", "CosineDecay", initial_learning_rate=0.1, decay_steps=10, alpha=0.1),
    function(
        "schedules",
        "CosineDecay",
        initial_learning_rate=0.0,
        decay_steps=8,
        warmup_target=0.1,
        warmup_steps=4,
    ),
    function("schedules", "CosineDecayRestarts", initial_learning_rate=0.1, first_decay_steps=4),
    function(
        "schedules",
        "CosineDecayRestarts",
        initial_learning_rate=0.1,
        first_decay_steps=4,
        t_mul=1.0,
        m_mul=0.8,
        alpha=0.1,
    ),
]
# Keras takes no weights for these.
UNWEIGHTED: tuple[str, ...] = ()
STEPS = (0, 1, 2, 3, 4, 5, 7, 9, 12, 20)

A = (3, 5)
ACTIVATIONS = [
    function("activations", name, A)
    for name in [
        "celu",
        "elu",
        "exponential",
        "gelu",
        "glu",
        "hard_shrink",
        "hard_sigmoid",
        "hard_silu",
        "hard_tanh",
        "leaky_relu",
        "linear",
        "log_sigmoid",
        "log_softmax",
        "mish",
        "relu",
        "relu6",
        "selu",
        "sigmoid",
        "silu",
        "soft_shrink",
        "softmax",
        "softplus",
        "softsign",
        "sparse_plus",
        "sparse_sigmoid",
        "sparsemax",
        "squareplus",
        "tanh",
        "tanh_shrink",
        "threshold",
    ]
    if name not in ("glu", "threshold")
]
ACTIVATIONS += [
    function("activations", "glu", (3, 6)),
    function("activations", "elu", A, alpha=0.5),
    function("activations", "gelu", A, approximate=True),
    function("activations", "leaky_relu", A, negative_slope=0.3),
    function("activations", "relu", A, negative_slope=0.1, max_value=1.0, threshold=0.2),
    function("activations", "softmax", (3, 5, 2), axis=1),
    function("activations", "threshold", A, threshold=0.2, default_value=-1.0),
]

CONSTRAINTS = [
    function("constraints", "MaxNorm", (4, 3), max_value=1.0),
    function("constraints", "MaxNorm", (4, 3), max_value=0.5, axis=1),
    function("constraints", "MinMaxNorm", (4, 3), min_value=0.5, max_value=1.0, rate=0.7),
    function("constraints", "NonNeg", (4, 3)),
    function("constraints", "UnitNorm", (4, 3)),
    function("constraints", "UnitNorm", (2, 2, 3, 2), axis=[0, 1, 2]),
]

REGULARIZERS = [
    function("regularizers", "L1", (4, 3), l1=0.1),
    function("regularizers", "L2", (4, 3), l2=0.1),
    function("regularizers", "L1L2", (4, 3), l1=0.1, l2=0.2),
    function("regularizers", "OrthogonalRegularizer", (4, 3), factor=0.1, mode="rows"),
    function("regularizers", "OrthogonalRegularizer", (4, 3), factor=0.1, mode="columns"),
]
