"""`keras.ops` and `keras.random`: Keras's names and arguments, on tensors and on symbols."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras

X = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]], np.float32)
ops = keras.ops


def attended(x, heads=2, mask=None, **options):
    """Attention of three queries with two heads, each of one feature."""
    query = ops.reshape(x, (1, 3, 2, 1))
    value = ops.reshape(ops.flip(x, axis=0), (1, 3, 2, 1))[:, :, :heads]
    key = query[:, :, :heads]
    if mask is not None:
        key, options["mask"], options["scale"] = key / 2, ops.reshape(mask, (1, 1, 1, 3)), 0.5
    return ops.ravel(ops.dot_product_attention(query, key, value, **options))


CALLS = {
    "shape": (lambda x: ops.shape(x), (2, 3)),
    "reshape": (lambda x: ops.reshape(x, newshape=(3, 2)), X.reshape(3, 2)),
    "cast": (lambda x: ops.cast(x, "int32"), X.astype("int32")),
    "sum": (lambda x: ops.sum(x, 1, True), X.sum(1, keepdims=True)),
    "mean": (lambda x: ops.mean(x, axis=0), X.mean(0)),
    "matmul": (lambda x: ops.matmul(x1=x, x2=ops.transpose(x)), X @ X.T),
    "expand_dims": (lambda x: ops.expand_dims(x, -1), X[..., None]),
    "stack": (lambda x: ops.stack([x, x], axis=1), np.stack([X, X], 1)),
    "concatenate": (lambda x: ops.concatenate([x, x], axis=-1), np.concatenate([X, X], -1)),
    "where": (lambda x: ops.where(x > 0, x, 0.0), np.where(X > 0, X, 0)),
    "softmax": (lambda x: ops.softmax(x), np.exp(X) / np.exp(X).sum(-1, keepdims=True)),
    "einsum": (lambda x: ops.einsum("ij,kj->ik", x, x), X @ X.T),
    "one_hot": (lambda x: ops.one_hot([0, 2], 3), np.eye(3, dtype="float32")[[0, 2]]),
    "argmax": (lambda x: ops.argmax(x, axis=1), X.argmax(1).astype("int32")),
    "top_k": (lambda x: ops.top_k(x, 2)[1], np.array([[2, 0], [1, 0]], "int32")),
    "clip": (lambda x: ops.clip(x, x_min=0, x_max=2), X.clip(0, 2)),
    "tile": (lambda x: ops.tile(x, (2, 1)), np.tile(X, (2, 1))),
    "split": (lambda x: ops.split(x, [1], axis=1)[1], X[:, 1:]),
    "cumsum": (lambda x: ops.cumsum(x), X.cumsum()),
    "segment_sum": (
        lambda x: ops.segment_sum(x, [1, 1], 3),
        np.outer([0, 1, 0], X.sum(0)),
    ),
    "slice": (lambda x: ops.slice(x, (0, 1), (2, 2)), X[:, 1:]),
    "slice_update": (
        lambda x: ops.slice_update(x, (1, 1), [[9.0]]),
        np.array([X[0], [0.5, 9, -1]]),
    ),
    "scatter": (lambda x: ops.scatter([[0], [2]], x, (3, 3)), np.array([X[0], X[0] * 0, X[1]])),
    "swapaxes": (lambda x: ops.swapaxes(x, 0, 1), X.T),
    "dot": (lambda x: ops.dot(x, x[0]), X @ X[0]),
    "round": (lambda x: ops.round(x / 3, 2), (X / 3).round(2)),
    "map": (lambda x: ops.map(lambda row: row * 2, x), X * 2),
    "vectorized_map": (lambda x: ops.vectorized_map(lambda row: ops.sum(row), x), X.sum(1)),
    "fori_loop": (lambda x: ops.fori_loop(0, 3, lambda i, v: v + 1, x), X + 3),
    "cond": (lambda x: ops.cond(True, lambda: x, lambda: x * 0), X),
    "average": (
        lambda x: ops.average(x, axis=1, weights=[1.0, 2.0, 1.0]),
        X @ [0.25, 0.5, 0.25],
    ),
    "multi_hot": (lambda x: ops.multi_hot([[0, 2]], 3), np.array([[1.0, 0, 1]])),
    "dot_product_attention": (  # the numbers are Keras's
        lambda x: attended(x, bias=ops.reshape(x, (1, 2, 1, 3)), mask=[True, False, True]),
        np.array([-1.8497833, 3.8807969, -1.964841, 3.798187, -1.983268, 3.8519526], np.float32),
    ),
    "dot_product_attention, causal": (
        lambda x: attended(x, heads=1, is_causal=True),
        np.array([0.5, 0.5, -0.9962911, -0.5965879, -1.9819989, 0.223682], np.float32),
    ),
    "extract_patches": (
        lambda x: ops.image.extract_patches(ops.reshape(x, (1, 2, 3, 1)), (2, 2), 1),
        np.array([[[[1, -2, 0.5, 4], [-2, 3, 4, -1]]]]),
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_keras_computes(device, name):
    call, wanted = CALLS[name]
    with tc.device(device):
        found = call(ops.convert_to_tensor(X))
    if isinstance(wanted, tuple):
        assert found == wanted
        return
    if not isinstance(found, tuple):
        assert found.device is device
    if wanted.dtype in (np.int32, np.float32):
        assert found.dtype == wanted.dtype
    np.testing.assert_allclose(ops.convert_to_numpy(found), wanted, rtol=1e-5, atol=1e-6)


def test_defaults_are_keras_s():
    assert ops.arange(3).dtype == tc.int32
    assert ops.zeros((2,)).dtype == tc.float32
    assert ops.shape(keras.Input((4,))) == (None, 4)
    with pytest.raises(TypeError, match="sum: expected the arguments x, axis, keepdims"):
        ops.sum([1.0], dim=0)
    with pytest.raises(AttributeError, match="not there yet"):
        ops.istft  # noqa: B018


def test_in_a_functional_model_and_through_a_file(device, tmp_path):
    with tc.device(device):
        inputs = keras.Input((3,))
        y = ops.cast(ops.logical_not(ops.isnan(inputs)), "float32") * ops.expm1(inputs)
        y = ops.transpose(ops.log_softmax(y), (1, 0)) + ops.prod(
            ops.rsqrt(ops.square(inputs) + 1.0)
        )
        y = ops.flip(y, axis=0)
        model = keras.Model(inputs, y)
        before = model(X).numpy()
        model.save(tmp_path / "m.keras")
        after = keras.models.load_model(tmp_path / "m.keras")
        np.testing.assert_allclose(after(X).numpy(), before, rtol=1e-6)
    plain = np.expm1(X)
    plain = plain - np.log(np.exp(plain).sum(-1, keepdims=True))
    wanted = (plain.T + np.prod(1 / np.sqrt(X**2 + 1)))[::-1]
    np.testing.assert_allclose(before, wanted, rtol=1e-5)


def test_random(device):
    r = keras.random
    with tc.device(device):
        a, b = r.normal((3,), seed=1), r.normal((3,), seed=1)
        assert a.tolist() == b.tolist()
        stream = r.SeedGenerator(1)
        assert (
            r.normal((3,), seed=stream).tolist()
            == a.tolist()
            != r.normal((3,), seed=stream).tolist()
        )
        drawn = r.uniform((1000,), 2.0, 3.0, seed=2).numpy()
        assert drawn.min() >= 2 and drawn.max() < 3 and abs(drawn.mean() - 2.5) < 0.05
        whole = r.randint((500,), 1, 4, seed=3).numpy()
        assert set(whole.tolist()) == {1, 2, 3}
        classes = r.categorical([[0.0, -50.0, 0.0]], 200, seed=4).numpy()
        assert set(classes.ravel().tolist()) == {0, 2}
        kept = r.dropout(tc.ones((1000,)), 0.25, seed=5).numpy()
        assert abs((kept == 0).mean() - 0.25) < 0.05 and np.allclose(kept[kept > 0], 4 / 3)
        assert sorted(r.shuffle(tc.arange(9), seed=6).tolist()) == list(range(9))


def test_backend(device):
    K = keras.backend
    with tc.device(device):
        x = K.variable(X)
        np.testing.assert_allclose(K.mean(K.square(x), axis=-1).numpy(), (X**2).mean(-1), rtol=1e-6)
        assert K.int_shape(K.permute_dimensions(x, (1, 0))) == (3, 2)
        assert K.argmax(x).tolist() == X.argmax(-1).tolist()
        assert K.concatenate([x, x]).shape == (2, 6)
        assert K.clip(x, 0, 1).numpy().max() == 1.0
        assert K.sum(x, keepdims=True).shape == (1, 1)
        assert K.batch_flatten(tc.ones((2, 3, 4))).shape == (2, 12)
        K.set_value(x, X * 2)
        assert np.array_equal(K.get_value(x), X * 2)
        assert K.backend() == "tensorflow"
        assert K.is_keras_tensor(keras.Input((2,)))
