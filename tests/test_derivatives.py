"""vjp, jvp, jacobian, hessian, hvp, custom gradients, checkpoints, complex gradients, vmap."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.errors import GradientError, InvalidArgumentError, ShapeError, TracingError


def values(*shape, seed=0):
    return tc.asarray(np.random.default_rng(seed).normal(size=shape))


def softened(x):
    return tc.tanh(x[0] * x[1:]) + x[:-1] ** 2


def numeric_jacobian(function, x, step=1e-6):
    columns = []
    for i in range(x.size):
        delta = np.zeros(x.size)
        delta[i] = step
        up, down = (function(x + tc.asarray(s * delta)).numpy() for s in (1, -1))
        columns.append((up - down) / (2 * step))
    return np.stack(columns, axis=-1)


def test_jacobian_vjp_and_jvp_agree(device):
    x, u, v = values(5), values(4, seed=1), values(5, seed=2)
    jacobian = tc.jacobian(softened)(x).numpy()
    np.testing.assert_allclose(jacobian, numeric_jacobian(softened, x), atol=1e-8)
    value, pullback = tc.vjp(softened, x)
    np.testing.assert_allclose(value.numpy(), softened(x).numpy())
    np.testing.assert_allclose(pullback(u)[0].numpy(), u.numpy() @ jacobian)
    np.testing.assert_allclose(pullback(2 * u)[0].numpy(), 2 * u.numpy() @ jacobian)
    value, slope = tc.jvp(softened, [x], [v])
    np.testing.assert_allclose(slope.numpy(), jacobian @ v.numpy())


def test_several_inputs_and_outputs():
    a, b = values(3), values(3, seed=1)
    value, pullback = tc.vjp(lambda a, b: (a * b, a + b), a, b)
    ga, gb = pullback((tc.ones(3), tc.zeros(3)))
    np.testing.assert_allclose(ga.numpy(), b.numpy())
    np.testing.assert_allclose(gb.numpy(), a.numpy())
    value, slopes = tc.jvp(lambda a, b: (a * b, a + b), [a, b], [a, b])
    np.testing.assert_allclose(slopes[0].numpy(), 2 * (a * b).numpy())
    assert len(value) == 2
    with pytest.raises(ShapeError, match=r"gradients\[0\].*\(3,\)"):
        pullback((tc.ones(2), tc.zeros(3)))
    with pytest.raises(GradientError, match="int32"):
        tc.vjp(lambda a: tc.astype(a, tc.int32), a)


def test_hessian_and_its_product(device):
    x, v = values(4), values(4, seed=1)

    def energy(x):
        return tc.sum(tc.exp(x) * tc.flip(x)) + tc.prod(x)

    hessian = tc.hessian(energy)(x).numpy()
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-12)
    np.testing.assert_allclose(hessian, numeric_jacobian(tc.grad(energy), x), atol=1e-7)
    np.testing.assert_allclose(tc.hvp(energy, x, v).numpy(), hessian @ v.numpy())


def test_custom_gradient(device):
    @tc.custom_gradient
    def cube(x, y):
        return x**3 * y, lambda g: (g * 3 * x**2 * y, g * x**3)

    x, y = values(3), values(3, seed=1)
    tc.gradcheck(cube, x, y, order=2)

    @tc.custom_gradient
    def clipped(x):
        return x, lambda g: tc.clip(g, -1.0, 1.0)

    assert tc.grad(lambda x: tc.sum(5.0 * clipped(x)))(x).tolist() == [1.0] * 3

    @tc.custom_gradient
    def wrong(x, y):
        return x + y, lambda g: g

    with pytest.raises(InvalidArgumentError, match="2 gradients"):
        tc.grad(lambda x: tc.sum(wrong(x, x)))(x)


def test_checkpoint(device):
    runs = []
    v = tc.Variable([1.0, 2.0, 3.0], dtype=tc.float64)

    def block(x):
        runs.append(1)
        return tc.sin(x * v) * x

    x = values(3)
    thin = tc.checkpoint(block)
    with tc.GradientTape() as tape:
        tape.watch(x)
        loss = tc.sum(thin(x))
    assert len(runs) == 1
    found = tape.gradient(loss, [x, v])
    assert len(runs) == 2
    with tc.GradientTape() as tape:
        tape.watch(x)
        loss = tc.sum(block(x))
    for actual, expected in zip(found, tape.gradient(loss, [x, v]), strict=True):
        np.testing.assert_allclose(actual.numpy(), expected.numpy())
    tc.gradcheck(thin, x, order=2)


def test_stop_gradient(device):
    x = tc.asarray(3.0)
    assert tc.grad(lambda x: x * tc.stop_gradient(x * x))(x).item() == 9.0


def test_gradient_of_complex_numbers_is_the_direction_of_ascent(device):
    z = tc.asarray([1 + 2j, -0.5 + 0.1j], dtype=tc.complex128)

    def loss(z):
        return tc.sum(tc.abs(tc.exp(z) * z - 1) ** 2) + tc.real(z[0] * tc.conj(z[1]))

    gradient = tc.grad(loss)(z).numpy()
    for part in (1.0, 1j):
        step = np.array([part * 1e-6, 0])
        up, down = (float(loss(z + tc.asarray(s * step))) for s in (1, -1))
        slope = (up - down) / 2e-6
        expected = gradient[0].real if part == 1.0 else gradient[0].imag
        np.testing.assert_allclose(slope, expected, rtol=1e-6)
    assert float(loss(z - 1e-4 * tc.grad(loss)(z))) < float(loss(z))


COMPLEX = (
    "exp expm1 log log1p log2 log10 sqrt square reciprocal sin cos tan sinh cosh tanh asin acos "
    "atan asinh acosh atanh abs sign conj real imag angle negative"
)


@pytest.mark.parametrize("name", COMPLEX.split())
def test_complex_gradients(name):
    x = values(5) * 0.6 + 0.3 + 1j * (values(5, seed=1) * 0.4 + 0.2)
    tc.gradcheck(getattr(tc, name), x, order=2, tolerance=2e-5)


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "pow"])
def test_complex_gradients_of_two(name):
    x, y = (values(4, seed=s) + 1j * values(4, seed=s + 1) + 1.5 for s in (0, 2))
    tc.gradcheck(getattr(tc, name), x, y, order=2, tolerance=2e-5)
    tc.gradcheck(getattr(tc, name), tc.abs(x) + 0.5, y, order=2, tolerance=2e-5)


def test_complex_sums_and_products():
    x, y = (values(3, 3, seed=s) + 1j * values(3, 3, seed=s + 1) for s in (0, 2))
    for function in (
        lambda x: tc.prod(x, axis=1),
        lambda x: tc.cumulative_prod(x, axis=0),
        lambda x: tc.mean(x * tc.conj(x)),
        lambda x: tc.linalg.vector_norm(x),
        lambda x: x[1:, [0, 2]],
    ):
        tc.gradcheck(function, x, order=2, tolerance=2e-5)
    tc.gradcheck(tc.matmul, x, y, order=2)
    tc.gradcheck(tc.vecdot, x, y, order=2)


def test_slopes_of_running_products_where_there_are_zeros():
    x = tc.asarray([2.0, 0.0, 3.0, 0.0, 4.0], dtype=tc.float64)
    found = tc.jacobian(tc.cumulative_prod)(x).numpy()
    np.testing.assert_allclose(found, numeric_jacobian(tc.cumulative_prod, x), atol=1e-8)


# vmap ---------------------------------------------------------------------------------------------

FUNCTIONS = [
    (lambda x, y: x * y + 1, (3,), (2, 3)),
    (lambda x: tc.sum(x), (3, 2)),
    (lambda x: tc.sum(x, axis=-1, keepdims=True), (3, 2)),
    (lambda x: tc.max(x, axis=(0, 1)), (3, 2)),
    (lambda x: tc.argmax(x), (3, 2)),
    (lambda x: tc.std(x, axis=0), (3, 2)),
    (lambda x, w: x @ w, (3,), (3, 2)),
    (lambda x, w: x @ w, (2, 3), (3,)),
    (lambda x, w: x @ w, (3,), (3,)),
    (lambda x, w: x @ w, (2, 3), (5, 3, 2)),
    (lambda x: tc.transpose(x), (3, 2)),
    (lambda x: x[1:, 0], (3, 2)),
    (lambda x: x[..., None, -1], (3, 2)),
    (lambda x: x[tc.asarray([0, 2, 0])], (3, 2)),
    (lambda x, i: x[tc.astype(tc.abs(i) * 2 % 3, tc.int32)], (3, 2), (4,)),
    (lambda x: tc.reshape(x, (-1,)), (3, 2)),
    (lambda x: tc.nn.softmax(x), (3, 2)),
    (lambda x: tc.cumulative_sum(x), (3,)),
    (lambda x: tc.sort(x, axis=0, descending=True), (3, 2)),
    (lambda x: tc.flip(x), (3, 2)),
    (lambda x: tc.roll(x, 1), (3, 2)),
    (lambda x: tc.pad(x, 1), (3, 2)),
    (lambda x: tc.stack([x, x * 2], axis=-1), (3,)),
    (lambda x: tc.concat([x, tc.ones(2, dtype=tc.float64)]), (3,)),
    (lambda x: tc.einsum("ij,ik->jk", x, x), (3, 2)),
    (lambda x: tc.linalg.det(x), (3, 3)),
    (lambda a, b: tc.linalg.solve(a, b), (3, 3), (3,)),
    (lambda x: tc.abs(tc.fft.fft(x)), (4,)),
    (tc.grad(lambda x: tc.sum(tc.exp(x) * x[0])), (3,)),
    (tc.grad(lambda w, x: tc.sum((x @ w) ** 2)), (3,), (3,)),
    (tc.hessian(lambda x: tc.sum(x**3)), (3,)),
    (lambda x: tc.vmap(lambda row: row * x[0])(x), (3, 2)),
    (lambda x, y: tc.vmap(lambda a: a + y)(x), (3,), (2,)),
    (lambda x: tc.cumulative_prod(x, axis=0), (3, 2)),
    (tc.grad(lambda x: tc.prod(x)), (3,)),
    (tc.grad(lambda x: tc.sum(tc.cumulative_prod(x, axis=1) ** 2)), (2, 3)),
    (lambda x: tc.argsort(x), (5,)),
    (lambda x: tc.topk(x, 2, axis=0)[0], (4, 2)),
    (lambda x: tc.median(x, axis=1), (2, 3)),
    (lambda x: tc.searchsorted(tc.asarray([-1.0, 0.0, 1.0], dtype=tc.float64), x), (4,)),
    (lambda x: tc.isin(tc.round(x), tc.asarray([0.0, 1.0], dtype=tc.float64)), (4,)),
    (lambda x: tc.tile(x, (2, 1, 2)), (2, 3)),
    (lambda x: tc.tile(x, 2), (2, 3)),
    (lambda x: tc.repeat(x, 2, axis=1), (2, 3)),
    (lambda x: tc.nn.one_hot(whole(x, 3), 3, axis=0), (4,)),
    (lambda x, i: tc.scatter_add(x, tc.asarray([1, 1]), i), (3,), (2,)),
    (lambda x, i: tc.scatter_add(x, whole(i, 3), x[:, :2] * 2, axis=1), (2, 3), (2,)),
    (lambda x, i: tc.take(x, whole(i, 3), axis=1), (2, 3, 2), (2, 2)),
    (lambda x, i: tc.take_along_axis(x, whole(i, 3), axis=0), (3, 2), (1, 2)),
    (lambda x, v: tc.written(x, 1, v), (3, 2), (2,)),
    (lambda x, v: tc.written(x, (slice(None), [0, 1]), v), (3, 2), (1, 2)),
    (lambda x, v: tc.written(tc.zeros((3, 2), dtype=tc.float64), 0, x * v), (2,), (2,)),
    (lambda x, i: tc.written(x, whole(i, 3), 7.0), (3, 2), (2,)),
    (lambda x: tc.written(x, x > 0, 0.5), (3, 2)),
    (lambda x, v: tc.written(x, v > 0, v[0]), (3, 2), (3,)),
    (lambda x: tc.written(x, tc.asarray([True, False, True]), 0.5), (3, 2)),
    (tc.grad(lambda x: tc.sum(tc.written(x, 1, x[0] ** 2) ** 2)), (3,)),
    (lambda x, t: tc.nn.softmax_cross_entropy(x, t), (3, 4), (3, 4)),
    (tc.grad(lambda x, t: tc.sum(tc.nn.softmax_cross_entropy(x, t))), (4,), (4,)),
    (lambda x, i: tc.nn.sparse_softmax_cross_entropy(x, whole(i, 4)), (3, 4), (3,)),
    (tc.grad(lambda x: tc.nn.sparse_softmax_cross_entropy(x, tc.asarray(2))), (4,)),
    (lambda x, w: tc.nn.conv2d(x, w), (2, 5, 4, 2), (3, 2, 2, 3)),
    (
        lambda x, w: tc.nn.conv2d(x, w, strides=(2, 1), padding="SAME", groups=2),
        (2, 5, 4, 4),
        (3, 2, 2, 6),
    ),
    (tc.grad(lambda x, w: tc.sum(tc.nn.conv2d(x, w) ** 2)), (1, 4, 4, 2), (3, 2, 2, 3)),
    (
        tc.grad(lambda w, x: tc.sum(tc.nn.conv2d(x, w, groups=2) ** 2)),
        (3, 2, 1, 4),
        (2, 4, 4, 2),
    ),
    (lambda x: tc.nn.max_pool2d(x, window=(2, 2), strides=(2, 1)), (2, 4, 4, 2)),
    (
        tc.grad(lambda x: tc.sum(tc.nn.max_pool2d(x, window=(2, 2), strides=(2, 2)) ** 2)),
        (1, 4, 4, 1),
    ),
    (
        tc.grad(lambda x: tc.sum(tc.nn.avg_pool2d(x, window=(2, 2), strides=(2, 2)) ** 2)),
        (1, 4, 4, 1),
    ),
    (lambda x, w: tc.nn.layer_norm(x, w, w * 2), (2, 5), (5,)),
    (lambda x, w: tc.nn.layer_norm(x, w, tc.zeros(5), centered=False), (5,), (5,)),
    (tc.grad(lambda x, w: tc.sum(tc.nn.layer_norm(x, w, w) ** 2)), (2, 5), (5,)),
    (tc.grad(lambda w, x: tc.sum(tc.nn.layer_norm(x, w, w) ** 2)), (5,), (2, 5)),
    (lambda x, y: attended(x, y), (2, 3, 2, 4), (2, 5, 1, 4)),
    (tc.grad(lambda x, y: tc.sum(attended(x, y) ** 2)), (2, 3, 2, 4), (2, 5, 1, 4)),
    (lambda x, m: attended(x, x, mask=m > 0), (2, 3, 1, 4), (1, 1, 1, 3)),
]


def attended(query, key, mask=None):
    return tc.nn.scaled_dot_product_attention(query, key, key, mask=mask)


def whole(x, size):
    """Values as whole numbers below `size`."""
    return tc.astype(tc.abs(x) * 100, tc.int32) % size


@pytest.mark.parametrize("case", FUNCTIONS, ids=range(len(FUNCTIONS)))
def test_vmap_is_the_loop(case, device):
    function, *shapes = case
    given = [values(4, *shape, seed=n) for n, shape in enumerate(shapes)]
    expected = np.stack([function(*[x[i] for x in given]).numpy() for i in range(4)])
    np.testing.assert_allclose(tc.vmap(function)(*given).numpy(), expected, atol=1e-12)
    if len(given) == 2:
        mixed = tc.vmap(function, in_axes=(0, None))(given[0], given[1][0])
        expected = np.stack([function(x, given[1][0]).numpy() for x in given[0]])
        np.testing.assert_allclose(mixed.numpy(), expected, atol=1e-12)


def test_vmap_axes_and_gradients_around_it(device):
    x = values(3, 4)
    turned = tc.vmap(lambda row: row * 2, in_axes=1, out_axes=1)(x)
    np.testing.assert_allclose(turned.numpy(), 2 * x.numpy())
    assert tc.vmap(tc.vmap(lambda v: v + 1))(x).shape == (3, 4)
    slope = tc.grad(lambda x: tc.sum(tc.vmap(lambda row: row * row)(x)))(x)
    np.testing.assert_allclose(slope.numpy(), 2 * x.numpy())
    traced = tc.function(lambda x: tc.vmap(lambda row: tc.sum(row * row))(x))
    np.testing.assert_allclose(traced(x).numpy(), (x.numpy() ** 2).sum(1))


def test_vmap_keeps_the_bounds_of_each_example(device):
    table = values(2, 3, 2)
    for index in (-1, 3):
        ids = tc.asarray([[0], [index]])
        with pytest.raises(IndexError, match=f"index {index} is out of range"):
            tc.vmap(tc.nn.embedding_lookup)(table, ids).numpy()
        with pytest.raises(IndexError, match=f"index {index} is out of range"):
            tc.vmap(tc.scatter_add)(table, ids, values(2, 1, 2)).numpy()


def test_vmap_of_a_function_with_its_own_gradient(device):
    @tc.custom_gradient
    def doubled(x):
        return tc.round(x), lambda g: 2 * g

    x = values(3)
    assert tc.vmap(tc.grad(doubled))(x).tolist() == [2.0, 2.0, 2.0]
    assert tc.vmap(doubled)(x).shape == (3,)
    with pytest.raises(TracingError, match="custom_gradient"):
        tc.grad(lambda x: tc.sum(tc.vmap(doubled)(x)))(x)


@pytest.mark.parametrize("function", [tc.prod, tc.cumulative_prod])
@pytest.mark.parametrize(
    "row", [[2.0, 0.0, 3.0], [0.0, 5.0, 0.0], [0.0, 0.0, 0.0], [1.0, 2.0, 0.0]]
)
def test_products_have_two_derivatives_at_zeros(function, row, device):
    weights = tc.asarray([1.0, -2.0, 3.0], dtype=tc.float64)
    x = tc.asarray(row, dtype=tc.float64)

    def slope(x):
        return tc.grad(lambda x: tc.sum(function(x) * weights))(x)

    numeric = numeric_jacobian(lambda x: function(x) * weights, x)
    np.testing.assert_allclose(slope(x).numpy(), numeric.sum(0), atol=1e-8)
    np.testing.assert_allclose(tc.jacobian(slope)(x).numpy(), numeric_jacobian(slope, x), atol=1e-8)


def test_vmap_says_what_it_cannot():
    x = values(3, 4)
    for function, words in (
        (lambda row: float(row[0]), "not known"),
        (lambda row: row[row > 0], "boolean"),
        (lambda row: tc.unique_values(row), "unique_positions has no rule"),
        (lambda row: tc.searchsorted(row, 0.5), "searchsorted looks into one table, and x1"),
        (lambda row: tc.isin(tc.asarray(0.5), row), "isin looks into one table, and x2"),
        (lambda row: tc.written(row, row > 0, row), "the value must be one number"),
        (lambda row: row + tc.random.normal((4,)), "random"),
    ):
        with pytest.raises(TracingError, match=words):
            tc.vmap(function)(x)
    with pytest.raises(ShapeError, match="same number"):
        tc.vmap(lambda a, b: a)(x, values(2, 4))
    with pytest.raises(InvalidArgumentError, match="in_axes"):
        tc.vmap(lambda a: a, in_axes=(0, 0))(x)
    assert tc.add(1.0, x).shape == (3, 4)  # nothing is left behind by what was raised
