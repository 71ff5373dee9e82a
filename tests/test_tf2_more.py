"""Names of TensorFlow 2 that programs use now and then: loops, derivatives, parts of variables.

Numbers are those of real TensorFlow 2.21.
"""

from __future__ import annotations

import numpy as np
import pytest

from tensorcore.errors import GradientError, ShapeError


@pytest.fixture
def tf(tensorflow_manners):
    return tensorflow_manners


# Derivatives --------------------------------------------------------------------------------------


def test_jacobians(tf, device):
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    w = tf.Variable([[1.0, -1.0], [0.5, 2.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.matmul(x, w) ** 2
    found = tape.jacobian(y, {"x": x, "w": [w]})
    assert found["x"].shape == found["w"][0].shape == (2, 2, 2, 2)
    expected = np.zeros((2, 2, 2, 2), np.float32)
    product = x.numpy() @ w.numpy()
    for i in range(2):
        for j in range(2):
            expected[i, j, i, :] = 2 * product[i, j] * w.numpy()[:, j]
    np.testing.assert_allclose(found["x"].numpy(), expected)
    np.testing.assert_allclose(found["w"][0].numpy()[1, 0], [[2 * 5.0 * 3.0, 0], [2 * 5.0 * 4, 0]])
    with pytest.raises(GradientError, match="was used already"):
        tape.jacobian(y, x)


def test_jacobians_row_by_row(tf, device):
    x = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = tf.stack([x[:, 0] * x[:, 1], x[:, 0] ** 2], axis=1)
    found = tape.batch_jacobian(y, x).numpy()
    assert found.tolist() == [
        [[2.0, 1.0], [2.0, 0.0]],
        [[4.0, 3.0], [6.0, 0.0]],
        [[6.0, 5.0], [10.0, 0.0]],
    ]
    whole = tape.jacobian(y, x).numpy()
    np.testing.assert_array_equal(found, whole[np.arange(3), :, np.arange(3)])
    assert tape.jacobian(y, tf.Variable(1.0)) is None
    assert tape.batch_jacobian(y, x[:, :1]) is None
    zeros = tape.jacobian(y, tf.Variable([1.0, 2.0]), unconnected_gradients="zero")
    assert zeros.shape == (3, 2, 2)
    with pytest.raises(ShapeError, match="must have the same first dimension, received shapes"):
        tape.batch_jacobian(y, x[:2])


def test_second_derivatives_by_a_jacobian(tf, device):
    x = tf.Variable([1.0, 2.0, 3.0])
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = tf.reduce_sum(x**3) + x[0] * x[1]
        slope = inner.gradient(y, x)
    hessian = outer.jacobian(slope, x).numpy()
    np.testing.assert_allclose(hessian, [[6.0, 1.0, 0.0], [1.0, 12.0, 0.0], [0.0, 0.0, 18.0]])


# Parts of variables -------------------------------------------------------------------------------


def test_parts_of_variables_are_assigned_to(tf, device):
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    before = v.read_value()
    assert v[0, 1].assign(9.0) is v
    v[1].assign_add([1.0, 1.0])
    v[:, 0].assign_sub([0.5, 0.5])
    assert v.numpy().tolist() == [[0.5, 9.0], [3.5, 5.0]]
    assert before.numpy().tolist() == [[1.0, 2.0], [3.0, 4.0]]

    @tf.function
    def step(value):
        v[0, 0].assign(value)
        v[..., 1].assign_add(tf.constant([1.0, 2.0]))
        return v * 2.0

    assert step(tf.constant(5.0)).numpy().tolist() == [[10.0, 20.0], [7.0, 14.0]]
    assert v.numpy().tolist() == [[5.0, 10.0], [3.5, 7.0]]
    with pytest.raises(AttributeError) as caught:
        tf.constant([1.0])[0].assign(2.0)
    assert str(caught.value) == (
        "'Tensor' object has no attribute 'assign': only variables and parts of them, "
        "variable[index], can be changed. Make it with tf.Variable(...)"
    )
    assert not hasattr(v + 1.0, "assign")


# Loops and branches -------------------------------------------------------------------------------


def both(tf, function):
    """The function, eager and traced."""
    return function, tf.function(function)


def test_scan(tf, device):
    x = tf.constant([1, 2, 3])
    pairs = (tf.constant([1.0, 2.0, 3.0]), tf.constant([4.0, 5.0, 6.0]))
    for run in both(tf, lambda: tf.scan(lambda a, b: a + b, x)):
        assert run().numpy().tolist() == [1, 3, 6]
    for run in both(tf, lambda: tf.scan(lambda a, b: a + b, x, reverse=True)):
        assert run().numpy().tolist() == [6, 5, 3]
    for run in both(tf, lambda: tf.scan(lambda a, b: a * b, x, initializer=tf.constant(10))):
        assert run().numpy().tolist() == [10, 20, 60]
    for run in both(
        tf, lambda: tf.scan(lambda a, b: a + b[0] * b[1], pairs, initializer=tf.constant(0.0))
    ):
        assert run().numpy().tolist() == [4.0, 14.0, 32.0]
    v = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = tf.scan(lambda a, b: a * v + b, pairs[0])[-1]
    assert float(tape.gradient(y, v)) == 2 * 2.0 + 2.0


def test_branches_and_loops_of_traced_functions(tf, device):
    def chosen(i):
        return tf.switch_case(i, {0: lambda: 10.0 * v, 3: lambda: 30.0 * v}, default=lambda: -v)

    v = tf.Variable(2.0)
    for run in both(tf, chosen):
        assert [float(run(tf.constant(i))) for i in (0, 1, 3)] == [20.0, -2.0, 60.0]
    pairs = [(0, lambda: v + 1.0), (1, lambda: v + 2.0)]
    assert float(tf.switch_case(tf.constant(5), pairs)) == 4.0

    def sign(x):
        return tf.case([(x > 0.0, lambda: 1.0 * v), (x < 0.0, lambda: -1.0 * v)], lambda: 0.0 * v)

    for run in both(tf, sign):
        assert [float(run(tf.constant(x))) for x in (5.0, -5.0, 0.0)] == [2.0, -2.0, 0.0]

    def steps(limit):
        count, _ = tf.while_loop(lambda n, x: x < limit, lambda n, x: (n + 1, x * v), (0, 1.0 * v))
        (only,) = tf.while_loop(lambda x: x < limit, lambda x: x * v, [1.0 * v])
        return count, only

    for run in both(tf, steps):
        count, only = run(tf.constant(100.0))
        assert (int(count), float(only)) == (6, 128.0)

    def guarded(x):
        return tf.cond(x > 0.0, lambda: v.assign_add(1.0), lambda: v.assign_sub(1.0)) * 1.0

    traced = tf.function(guarded)
    assert [float(traced(tf.constant(x))) for x in (1.0, -1.0, -1.0)] == [3.0, 2.0, 1.0]
    squares = tf.function(lambda x: tf.map_fn(lambda row: row * row, x))
    assert squares(tf.constant([1.0, 2.0])).numpy().tolist() == [1.0, 4.0]


# The rest -----------------------------------------------------------------------------------------


def test_lengths(tf, device):
    x = tf.constant([[3.0, 4.0], [0.0, 0.0]])
    assert float(tf.norm(x)) == 5.0
    assert tf.norm(x, axis=1).numpy().tolist() == [5.0, 0.0]
    assert tf.norm(x, ord=1, axis=0, keepdims=True).numpy().tolist() == [[3.0, 4.0]]
    assert tf.norm(x, keepdims=True).shape == (1, 1)
    assert float(tf.norm(x, ord=np.inf)) == 4.0


def test_the_logger_decides_on_what_sessions_say(tf, capsys):
    from tensorcore.session import log

    logger = tf.get_logger()
    before = logger.level
    try:
        log.info("first")
        logger.setLevel("ERROR")
        log.info("second")
        log.error("third")
    finally:
        logger.setLevel(before)
    assert capsys.readouterr().err == "INFO:tensorflow:first\nERROR:tensorflow:third\n"
    assert logger.name == "tensorflow"


def test_colours_by_chance(tf, device):
    image = tf.constant(np.random.default_rng(0).random((4, 5, 3)), tf.float32)
    value = tf.image.rgb_to_hsv(image)
    for _ in range(4):
        turned = tf.image.rgb_to_hsv(tf.image.random_hue(image, 0.1)).numpy()
        np.testing.assert_allclose(turned[..., 1:], value.numpy()[..., 1:], atol=1e-5)
        moved = (turned - value.numpy())[..., 0]
        moved = (moved + 0.5) % 1.0 - 0.5
        np.testing.assert_allclose(moved, moved[0, 0], atol=1e-4)
        assert abs(moved[0, 0]) <= 0.1 + 1e-4
        paler = tf.image.rgb_to_hsv(tf.image.random_saturation(image, 0.2, 0.6)).numpy()
        shares = paler[..., 1] / value.numpy()[..., 1]
        np.testing.assert_allclose(shares, shares[0, 0], rtol=1e-3)
        assert 0.2 - 1e-3 <= shares[0, 0] <= 0.6 + 1e-3
    with pytest.raises(TypeError, match="expected floats from 0 to 1, received uint8; convert"):
        tf.image.rgb_to_hsv(tf.zeros((2, 2, 3), tf.uint8))
    with pytest.raises(ShapeError, match="expected 3 channels in the last dimension, received"):
        tf.image.rgb_to_hsv(tf.zeros((2, 2, 1)))
    with pytest.raises(ValueError, match='padding must be "VALID" or "SAME", received'):
        tf.image.extract_patches(tf.zeros((1, 2, 2, 1)), [1, 1, 1, 1], [1] * 4, [1] * 4, "same")
