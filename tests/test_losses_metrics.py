"""Losses and metrics: hand-computed values, reductions, weights, shapes that do not fit."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import losses, metrics
from tensorcore.errors import InvalidArgumentError, ShapeError

LOGITS = np.array([[2.0, 0.0, -1.0], [0.5, 0.5, 3.0]])
PROBS = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)
LABELS = np.array([0, 1])
ONE_HOT = np.eye(3)[LABELS]
CROSS = -np.log(PROBS[[0, 1], LABELS])


def f32(values):
    return np.asarray(values, np.float32)


def close(actual, expected, rel=3e-6):
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=rel, atol=1e-6)


# Losses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [LABELS, LABELS.astype("uint8"), LABELS[:, None], f32(LABELS)])
def test_sparse_cross_entropy(device, labels):
    close(losses.sparse_categorical_crossentropy(labels, f32(LOGITS), from_logits=True), CROSS)
    close(losses.sparse_categorical_crossentropy(labels, f32(PROBS)), CROSS)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    close(loss(labels, f32(LOGITS)), CROSS.mean())


@pytest.mark.parametrize("labels", [ONE_HOT, ONE_HOT.astype("int32")])
def test_categorical_cross_entropy(device, labels):
    close(losses.categorical_crossentropy(labels, f32(LOGITS), from_logits=True), CROSS)
    close(losses.categorical_crossentropy(labels, f32(PROBS)), CROSS)
    # Predictions that do not add up to 1 are scaled first.
    close(losses.categorical_crossentropy(labels, f32(PROBS * 3)), CROSS)


def test_categorical_cross_entropy_with_smoothed_labels_and_another_axis(device):
    smooth = ONE_HOT * 0.9 + 0.1 / 3
    expected = -(smooth * np.log(PROBS)).sum(-1)
    loss = losses.CategoricalCrossentropy(label_smoothing=0.1, reduction="none")
    close(loss(ONE_HOT, f32(PROBS)), expected)
    close(losses.categorical_crossentropy(ONE_HOT.T, f32(PROBS.T), axis=0), CROSS)


def test_binary_cross_entropy(device):
    y = np.array([[1.0, 0.0], [0.0, 1.0]])
    z = np.array([[2.0, -1.0], [0.5, 30.0]])
    p = 1 / (1 + np.exp(-z))
    expected = -(y * np.log(p) + (1 - y) * np.log1p(-np.minimum(p, 1 - 1e-16))).mean(-1)
    close(losses.binary_crossentropy(y, f32(z), from_logits=True), expected)
    close(losses.binary_crossentropy(y[:1], f32(p[:1])), expected[:1])
    smooth = y * 0.8 + 0.1
    expected = -(smooth * np.log(p) + (1 - smooth) * np.log(1 - p)).mean(-1)[:1]
    close(losses.BinaryCrossentropy(label_smoothing=0.2)(y[:1], f32(p[:1])), expected[0])


def test_probabilities_of_0_and_1_stay_finite(device):
    close(losses.binary_crossentropy([[1.0]], f32([[0.0]])), [-np.log(1e-7)], rel=1e-4)
    close(losses.sparse_categorical_crossentropy([1], f32([[1.0, 0.0]])), [-np.log(1e-7)], 1e-4)
    close(losses.categorical_crossentropy([[0, 1]], f32([[1.0, 0.0]])), [-np.log(1e-7)], 1e-4)


def test_binary_cross_entropy_brings_vectors_and_columns_together(device):
    column = f32([[0.9], [0.2]])
    expected = -np.log([0.9, 0.8])
    close(losses.binary_crossentropy([1, 0], column), expected)
    close(losses.BinaryCrossentropy()([1, 0], column), expected.mean())


def test_errors_between_numbers(device):
    y, p = [[0.0, 2.0], [1.0, 1.0]], f32([[1.0, 4.0], [1.0, 0.5]])
    close(losses.mean_squared_error(y, p), [2.5, 0.125])
    close(losses.mean_absolute_error(y, p), [1.5, 0.25])
    close(losses.MeanSquaredError()(y, p), 1.3125)
    # (N,) labels and (N, 1) predictions must not broadcast to (N, N).
    close(losses.MeanSquaredError()([1.0, 2.0], f32([[1.0], [4.0]])), 2.0)
    close(losses.MeanAbsoluteError(reduction="none")([1.0, 2.0], f32([[1.0], [4.0]])), [0.0, 2.0])


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [("sum_over_batch_size", 3.5 / 2), ("sum", 3.5), ("none", [0.5, 3.0]), ("mean", 1.75)],
)
def test_reductions_and_sample_weights(device, reduction, expected):
    loss = losses.MeanSquaredError(reduction=reduction)
    y, p = [[0.0], [0.0]], f32([[1.0], [1.0]])
    close(loss(y, p, sample_weight=[0.5, 3.0]), expected)
    close(loss(y, p, sample_weight=[[0.5], [3.0]]), expected)


def test_sample_weights_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"sample_weight: expected one weight a sample.*\(3,\)"):
        losses.MeanSquaredError()([[0.0], [0.0]], [[1.0], [1.0]], sample_weight=[1.0, 1.0, 1.0])
    with pytest.raises(InvalidArgumentError, match="reduction must be one of"):
        losses.MeanSquaredError(reduction="median")


def test_gradients(device):
    p = tc.Variable(f32(PROBS))
    with tc.GradientTape() as tape:
        loss = losses.SparseCategoricalCrossentropy()(LABELS, p)
    # d/dp of -log(p_label / sum(p)) = 1 / sum(p) - onehot / p, and half of it for the mean of two.
    close(tape.gradient(loss, p), (1 - ONE_HOT / PROBS) / 2, rel=1e-5)
    z = tc.Variable(f32(LOGITS))
    with tc.GradientTape() as tape:
        loss = losses.CategoricalCrossentropy(from_logits=True)(ONE_HOT, z)
    close(tape.gradient(loss, z), (PROBS - ONE_HOT) / 2)


def test_the_wrong_loss_for_the_labels_is_explained():
    with pytest.raises(ShapeError, match=r'one-hot.*"categorical_crossentropy".*np.argmax'):
        losses.sparse_categorical_crossentropy(ONE_HOT, PROBS)
    for labels in (LABELS, LABELS[:, None]):
        pattern = r'"sparse_categorical_crossentropy", or labels = .*to_categorical\(labels, 3\)'
        with pytest.raises(ShapeError, match=pattern):
            losses.categorical_crossentropy(labels, PROBS)
    with pytest.raises(ShapeError, match=r"binary_crossentropy.*\(2, 3\).*Dense\(1\)"):
        losses.binary_crossentropy(LABELS, PROBS)
    with pytest.raises(ShapeError, match=r"mean_squared_error.*\(2, 3\).*\(2, 2\)"):
        losses.mean_squared_error(np.ones((2, 2)), PROBS)
    with pytest.raises(ShapeError, match=r"labels of shape \(3,\)"):
        losses.sparse_categorical_crossentropy([0, 1, 2], PROBS)


def test_labels_out_of_range_are_found(device):
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    with pytest.raises(ValueError, match="label 3 is out of range; expected 0 to 2"):
        loss([0, 3], f32(LOGITS)).numpy()


def test_losses_by_name_function_and_configuration():
    assert losses.get("mse") is losses.mean_squared_error
    assert losses.get("mean_squared_error") is losses.mean_squared_error
    found = losses.deserialize(losses.serialize(losses.BinaryCrossentropy(from_logits=True)))
    assert found.options["from_logits"] is True
    own = losses.as_loss(lambda y, p: tc.abs(p - y) * 2)
    close(own(f32([1.0]), f32([3.0])), 4.0)
    with pytest.raises(InvalidArgumentError, match=r'unknown loss "msee"\. Did you mean "mse"\?'):
        losses.get("msee")


def test_a_loss_of_ones_own(device):
    class Hinge(losses.Loss):
        def call(self, y_true, y_pred):
            return tc.maximum(1.0 - y_true * y_pred, 0.0)

    loss = Hinge()
    assert loss.name == "hinge"
    close(loss(tc.asarray([1.0, -1.0]), tc.asarray([0.25, 0.5])), (0.75 + 1.5) / 2)


# Metrics ------------------------------------------------------------------------------------------


def test_mean(device):
    mean = metrics.Mean(name="m")
    assert float(mean.result()) == 0.0
    mean.update_state([1.0, 3.0])
    mean.update_state(5.0)
    close(mean.result(), 3.0)
    mean.update_state([10.0, 20.0], sample_weight=[1.0, 0.0])
    close(mean.result(), 19.0 / 4)
    mean.update_state(1.0, sample_weight=4)
    close(mean.result(), 23.0 / 8)
    mean.update_state([[1.0, 1.0], [5.0, 5.0]], sample_weight=[0.0, 1.0])
    close(mean.result(), 33.0 / 10)
    mean.reset_state()
    assert float(mean.result()) == 0.0
    close(mean(4.0), 4.0)


def test_the_state_is_on_the_device_of_the_values(device):
    mean = metrics.Mean()
    mean.update_state(tc.asarray([1.0]))
    assert [v.device for v in mean.variables] == [device, device]
    with tc.device("cpu"):
        mean.update_state(tc.asarray([3.0], device=device))
    close(mean.result(), 2.0)


def test_accuracies(device):
    close(metrics.Accuracy()([1, 2, 3, 4], [1, 2, 0, 4]), 0.75)
    close(metrics.BinaryAccuracy()([[1], [1], [0], [0]], f32([[0.9], [0.5], [0.1], [0.8]])), 0.5)
    close(metrics.BinaryAccuracy(threshold=0.3)([1, 1], f32([[0.4], [0.2]])), 0.5)
    p = f32([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    close(metrics.SparseCategoricalAccuracy()([1, 0, 0], p), 2 / 3)
    close(metrics.SparseCategoricalAccuracy()([[1], [0], [0]], p), 2 / 3)
    close(metrics.CategoricalAccuracy()([[0, 1], [1, 0], [1, 0]], p), 2 / 3)
    weighted = metrics.SparseCategoricalAccuracy()
    weighted.update_state([1, 0, 0], p, sample_weight=[1.0, 1.0, 2.0])
    close(weighted.result(), 0.5)


def test_accuracy_gathers_over_batches_of_different_size(device):
    metric = metrics.SparseCategoricalAccuracy()
    metric.update_state([0], f32([[0.9, 0.1]]))
    metric.update_state([1, 1, 1], f32([[0.9, 0.1]] * 3))
    close(metric.result(), 0.25)
    with pytest.raises(ShapeError, match="expected integer labels of shape"):
        metric.update_state([1, 1], f32([[0.9, 0.1]]))


def test_errors_as_metrics(device):
    close(metrics.MeanSquaredError()([[0.0], [2.0]], f32([[1.0], [5.0]])), 5.0)
    close(metrics.MeanAbsoluteError()([[0.0], [2.0]], f32([[1.0], [5.0]])), 2.0)


@pytest.mark.parametrize(
    ("labels", "outputs", "expected"),
    [
        ((32,), (32, 10), "SparseCategoricalAccuracy"),
        ((32, 1), (32, 10), "SparseCategoricalAccuracy"),
        ((32, 10), (32, 10), "CategoricalAccuracy"),
        ((32, 1), (32, 1), "BinaryAccuracy"),
        ((32,), (32, 1), "BinaryAccuracy"),
    ],
)
def test_accuracy_by_name_fits_the_shapes(labels, outputs, expected):
    for name in ("accuracy", "acc"):
        metric = metrics.as_metric(name, labels, outputs)
        assert (type(metric).__name__, metric.name) == (expected, name)


def test_metrics_by_name_and_function():
    assert metrics.as_metric("mse", (1,), (1,)).name == "mse"
    found = metrics.as_metric("binary_crossentropy", (1,), (1,))
    close(found([[1.0]], f32([[0.5]])), np.log(2))

    def twice(y_true, y_pred):
        return (y_pred - y_true) * 2

    found = metrics.as_metric(twice, (1,), (1,))
    assert found.name == "twice"
    close(found(f32([1.0]), f32([2.0])), 2.0)
    with pytest.raises(InvalidArgumentError, match='unknown metric "acuracy"'):
        metrics.get("acuracy")


def test_a_metric_of_ones_own(device):
    class Positives(metrics.Metric):
        def __init__(self, name="positives"):
            super().__init__(name=name)
            self.count = self.add_weight(name="count", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.count.assign_add(tc.sum(tc.astype(y_pred > 0, "float32")))

        def result(self):
            return self.count.value

    metric = Positives()
    metric.update_state(None, tc.asarray([1.0, -1.0, 2.0]))
    metric.update_state(None, tc.asarray([1.0]))
    assert float(metric.result()) == 3.0
    metric.reset_state()
    assert float(metric.result()) == 0.0
