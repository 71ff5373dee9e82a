"""The kernels of attention against its reference in float64: odd sizes, masks, layouts, dtypes."""

from __future__ import annotations

from typing import NamedTuple

import ml_dtypes
import numpy as np
import pytest

import tensorcore as tc
from tensorcore.errors import TensorcoreError
from tensorcore.ops import OPS
from tensorcore.tensor import wrap

# Relative to the greatest value.
TOLERANCE = {"float32": 3e-6, "float64": 1e-13, "float16": 3e-3, "bfloat16": 2e-2}


class Sizes(NamedTuple):
    batch: int
    queries: int
    keys: int
    heads: int
    key_heads: int
    features: int
    value_features: int


SIZES = [
    Sizes(2, 1, 1, 1, 1, 64, 64),
    Sizes(1, 65, 70, 2, 2, 64, 64),
    Sizes(2, 17, 130, 4, 2, 40, 40),
    Sizes(1, 70, 33, 3, 1, 128, 128),
    Sizes(1, 30, 20, 2, 2, 7, 5),
]
MASKS = ["none", "padding", "pairs", "added", "by heads"]
IDS = [f"{s.queries}x{s.keys}x{s.features}" for s in SIZES]


def drawn(sizes, dtype, mask, seed=0):
    """query, key, value, and the gradient that arrives, in `dtype`; the mask or None."""
    rng = np.random.default_rng(seed)
    batch, queries, keys, heads, key_heads, features, value_features = sizes
    shapes = [
        (batch, queries, heads, features),
        (batch, keys, key_heads, features),
        (batch, keys, key_heads, value_features),
        (batch, queries, heads, value_features),
    ]
    arrays = [rng.normal(size=shape).astype(tc.dtypes.as_dtype(dtype)) for shape in shapes]
    masks = {
        "none": None,
        "padding": np.arange(keys) < rng.integers(0, keys + 1, size=(batch, 1, 1, 1)),
        "pairs": rng.uniform(size=(batch, 1, queries, keys)) < 0.5,
        "added": rng.normal(size=(1, heads, queries, keys)).astype(np.float32),
        "by heads": np.where(rng.uniform(size=(1, heads, 1, keys)) < 0.7, 0, -np.inf),
    }
    return arrays, masks[mask]


def both_ways(arrays, mask, attrs, run):
    """Results and gradients, by `run(record, arrays, attributes)`."""
    *given, g = arrays
    name = "attention" if mask is None else "masked_attention"
    masked = [] if mask is None else [mask]
    y, logs = run(OPS[name], [*given, *masked], attrs)
    delta = np.sum(np.asarray(g, np.float64) * np.asarray(y, np.float64), axis=-1)
    rows = [np.asarray(logs), delta.astype(np.asarray(logs).dtype)]
    slopes = run(OPS[f"{name}_gradient"], [g, *given, *masked, *rows], attrs)
    return y, logs, *slopes


def reference(op, arrays, attrs):
    wide = [a if a.dtype == np.bool_ else np.asarray(a, np.float64) for a in arrays]
    return op.reference(np, *wide, **attrs)


def on(device):
    """Runs a record on the device, and demands that it had a kernel for it."""

    def run(op, arrays, attrs):
        before = op.runs[device.kind, "kernel"]
        results = op(*(tc.asarray(array, device=device) for array in arrays), **attrs)
        assert op.runs[device.kind, "kernel"] == before + 1
        return [result.numpy() for result in results]

    return run


def close(found, expected, dtype, scale=1.0):
    for actual, value in zip(found, expected, strict=True):
        assert actual.shape == value.shape
        largest = max(1.0, np.abs(value).max(initial=0.0))
        np.testing.assert_allclose(
            np.asarray(actual, np.float64), value, rtol=0, atol=TOLERANCE[dtype] * scale * largest
        )


@pytest.fixture
def flash(device, monkeypatch):
    """On a GPU: no way round the kernels that need no matrix of pairs."""
    if device.kind == "gpu":
        from tensorcore.kernels.cuda import attention

        monkeypatch.setattr(attention, "attention_pairs", None)


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("sizes", SIZES, ids=IDS)
def test_kernels_compute_the_reference(device, flash, sizes, mask, is_causal):
    arrays, mask = drawn(sizes, "float32", mask)
    attrs = {"scale": 0.3, "is_causal": is_causal}
    found = both_ways(arrays, mask, attrs, on(device))
    close(found, both_ways(arrays, mask, attrs, reference), "float32", scale=2)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(device, flash, dtype):
    for mask, is_causal, sizes in (("padding", False, SIZES[1]), ("added", True, SIZES[2])):
        arrays, mask = drawn(sizes, dtype, mask)
        attrs = {"scale": 0.3, "is_causal": is_causal}
        found = both_ways(arrays, mask, attrs, on(device))
        close(found, both_ways(arrays, mask, attrs, reference), dtype, scale=2)


def test_what_has_no_kernel_of_its_own(device):
    """On a GPU float64 and heads of more than 128 features take products of matrices."""
    wide = Sizes(1, 9, 5, 2, 1, 130, 6)
    for dtype, sizes in (("float64", SIZES[1]), ("float32", wide), ("bfloat16", wide)):
        for mask, is_causal in (("padding", False), ("added", True)):
            arrays, mask = drawn(sizes, dtype, mask)
            attrs = {"scale": 0.1, "is_causal": is_causal}
            found = both_ways(arrays, mask, attrs, on(device))
            close(found, both_ways(arrays, mask, attrs, reference), dtype, scale=2)


def test_long_sequences():
    """More keys than one part of the gradient's loop takes."""
    device = tc.device("cpu")
    sizes = Sizes(1, 600, 1100, 2, 1, 16, 24)
    for mask, is_causal in (("none", True), ("padding", False)):
        arrays, mask = drawn(sizes, "float32", mask)
        attrs = {"scale": 0.5, "is_causal": is_causal}
        found = both_ways(arrays, mask, attrs, on(device))
        close(found, both_ways(arrays, mask, attrs, reference), "float32", scale=4)


def test_great_scores_and_what_is_no_number(device):
    """Scores of +-1e4 overflow no exponential; NaN stays with its query, infinity forbids."""
    arrays, _ = drawn(Sizes(1, 3, 70, 1, 1, 32, 32), "float32", "none")
    query, key, value, g = arrays
    query *= 1000
    query[0, 1, 0, 3] = np.nan
    mask = np.zeros((1, 1, 3, 70), np.float32)
    mask[..., :66] = -np.inf
    attrs = {"scale": 1.0, "is_causal": False}
    y, logs, dq, *_ = both_ways(arrays, mask, attrs, on(device))
    expected = both_ways([query, key, value, g], mask, attrs, reference)
    assert np.isnan(y[0, 1]).all() and np.isnan(logs[0, 1]) and np.isnan(dq[0, 1]).all()
    close([y[:, [0, 2]], logs[:, [0, 2]]], [x[:, [0, 2]] for x in expected[:2]], "float32", 4)


def test_layouts(device):
    """Views with other strides, and heads before lengths, give what contiguous arrays give."""
    arrays, mask = drawn(SIZES[1], "float32", "padding")
    attrs = {"scale": 0.3, "is_causal": False}
    op = OPS["masked_attention"]
    plain = [tc.asarray(a, device=device) for a in (*arrays[:3], mask)]
    expected = op(*plain, **attrs)
    turned = []
    for x in arrays[:3]:
        array = device.asarray(np.ascontiguousarray(np.moveaxis(x, 1, 2)))
        turned.append(wrap(device.xp.moveaxis(array, 1, 2), device))
    wide = device.asarray(np.repeat(mask, 2, axis=-1))
    found = op(*turned, wrap(wide[..., ::2], device), **attrs)
    for actual, value in zip(found, expected, strict=True):
        np.testing.assert_array_equal(actual.numpy(), value.numpy())


@pytest.mark.parametrize("seed", [7, 20240613])
def test_any_order_of_threads(seed):
    """The emulator runs the threads of a block in an order of its own."""
    from tests import emulator

    if not emulator.is_installed():
        pytest.skip("orders are drawn by the emulator")
    device = tc.device("gpu")
    emulator.set_schedule_seed(seed)
    try:
        for dtype in ("float32", "float16"):
            arrays, mask = drawn(SIZES[1], dtype, "added")
            attrs = {"scale": 0.3, "is_causal": True}
            found = both_ways(arrays, mask, attrs, on(device))
            close(found, both_ways(arrays, mask, attrs, reference), dtype, scale=2)
    finally:
        emulator.set_schedule_seed(0)


def test_threads_do_not_change_the_bits(monkeypatch):
    from tensorcore.kernels.cpu import threads

    arrays, mask = drawn(Sizes(2, 200, 150, 4, 2, 32, 32), "float32", "pairs")
    attrs = {"scale": 0.3, "is_causal": True}
    results = []
    for count in (1, 3):
        monkeypatch.setattr(threads, "usable", lambda count=count: count)
        results.append(both_ways(arrays, mask, attrs, on(tc.device("cpu"))))
    for one, several in zip(*results, strict=True):
        np.testing.assert_array_equal(one, several)


def test_nothing_to_see(device):
    """A query without keys, or an empty batch, gives 0; keys that are all forbidden, the mean."""
    empty, keys = tc.zeros((2, 3, 2, 32)), tc.zeros((2, 0, 2, 32))
    y = tc.nn.scaled_dot_product_attention(empty + 1.0, keys, keys)
    assert y.shape == (2, 3, 2, 32) and not y.numpy().any()
    values = np.random.default_rng(0).normal(size=(2, 3, 2, 32)).astype(np.float32)
    for never in (np.zeros((1, 1, 1, 3), np.bool_), np.full((1, 1, 1, 3), -np.inf, np.float32)):
        y = tc.nn.scaled_dot_product_attention(empty, empty, tc.asarray(values), mask=never)
        mean = np.broadcast_to(values.mean(axis=1, keepdims=True), values.shape)
        np.testing.assert_allclose(y.numpy(), mean, rtol=1e-6, atol=1e-6)
    none = tc.zeros((0, 3, 2, 32))
    assert tc.nn.scaled_dot_product_attention(none, none, none).shape == none.shape


def test_half_precision_is_summed_in_float32(device):
    """2600 equal weights would not add up to 1 in float16."""
    ones = tc.ones((1, 2600, 1, 32), dtype="float16")
    y = tc.nn.scaled_dot_product_attention(ones[:, :2], ones, ones)
    np.testing.assert_array_equal(y.numpy(), np.ones((1, 2, 1, 32), np.float16))
    assert y.dtype == np.float16 and ml_dtypes.finfo(y.dtype).bits == 16


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"key": (2, 3, 2, 4)}, "batch and features"),
        ({"key": (1, 3, 3, 4), "value": (1, 3, 3, 4)}, "multiple"),
        ({"value": (1, 2, 2, 4)}, "key and value in batch, length"),
        ({"query": (3, 2, 4)}, "batch, length, heads, features"),
        ({"mask": (2, 2, 3, 5)}, r"broadcast to \(batch, heads, queries, keys\) = \(1, 2, 5, 3\)"),
    ],
)
def test_errors_say_what_fits(change, words):
    shapes = {"query": (1, 5, 2, 4), "key": (1, 3, 2, 4), "value": (1, 3, 2, 4), **change}
    tensors = {name: tc.zeros(shape) for name, shape in shapes.items()}
    mask = tensors.pop("mask", None)
    with pytest.raises(TensorcoreError, match=f"scaled_dot_product_attention: .*{words}"):
        tc.nn.scaled_dot_product_attention(*tensors.values(), mask=mask)


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_queries_that_may_see_no_key(device, is_causal, dtype):
    """They take the mean of all values, those after them too, whose gradients share theirs."""
    (query, key, value, g), _ = drawn(Sizes(2, 140, 150, 2, 1, 40, 64), dtype, "none")
    mask = np.random.default_rng(3).uniform(size=(2, 1, 140, 150)) < 0.3
    mask[..., 0] = True
    mask[:, :, [0, 70, 139]] = False
    mask[1, :, :100] = False
    blind = np.argwhere(~mask[:, 0].any(axis=-1))
    attrs = {"scale": 0.3, "is_causal": is_causal}
    found = both_ways([query, key, value, g], mask, attrs, on(device))
    expected = both_ways([query, key, value, g], mask, attrs, reference)
    close([found[0], *found[2:]], [expected[0], *expected[2:]], dtype, scale=4)
    mean = np.asarray(value, np.float64).mean(axis=1)
    assert len(blind) == 3 + 101
    for b, q in blind:
        close([found[0][b, q]], [np.repeat(mean[b], 2, axis=0)], dtype)
        assert not found[2][b, q].any()
    seeing = mask.any(axis=-1)[:, 0, :, None, None]
    only = np.where(seeing, 0, g).astype(g.dtype)
    *_, dv = both_ways([query, key, value, only], mask, attrs, on(device))
    share = only.astype(np.float64).sum(axis=(1, 2), keepdims=True)[:, :, 0] / 150
    close([dv[:, :, 0]], [np.broadcast_to(share, (2, 150, 64))], dtype, scale=2)


@pytest.mark.parametrize("is_causal", [False, True])
def test_derivatives_where_no_key_is_seen(device, is_causal):
    shapes = (2, 3, 2, 4), (2, 5, 1, 4), (2, 5, 1, 3)
    rng = np.random.default_rng(0)
    factors = [tc.asarray(rng.normal(size=shape), device=device) for shape in shapes]
    mask = tc.asarray(np.arange(5) >= np.array([2, 5]).reshape(2, 1, 1, 1), device=device)

    def attended(query, key, value):
        return tc.nn.scaled_dot_product_attention(query, key, value, mask=mask, is_causal=is_causal)

    tc.gradcheck(attended, *factors, order=2, tolerance=2e-5)


def test_a_sequence_of_padding_alone(device):
    """An embedding's mask is passed on; as in Keras every place takes the mean of all values."""
    from tensorcore.keras import layers

    tokens = tc.asarray(np.array([[0, 0, 0], [1, 2, 0]]), device=device)
    embedded = layers.Embedding(5, 6, mask_zero=True)(tokens)
    layer = layers.MultiHeadAttention(2, 3)
    y = layer(embedded, embedded).numpy()
    kernel, bias, out, out_bias = (np.asarray(w) for w in layer.get_weights()[4:])
    values = np.einsum("bsd,dhk->bshk", embedded.numpy(), kernel) + bias
    means = np.einsum("bhk,hko->bo", values.mean(axis=1), out) + out_bias
    np.testing.assert_allclose(y[0], np.tile(means[0], (3, 1)), rtol=1e-5, atol=1e-6)
    seen = np.einsum("bhk,hko->bo", values[:, :2].mean(axis=1), out) + out_bias
    assert np.abs(y[1] - means[1]).max() > np.abs(y[1] - seen[1]).max()
