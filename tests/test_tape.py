"""Gradient tapes, functions of gradients, variables and their old values."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.errors import ArgumentTypeError, GradientError, InvalidArgumentError, ShapeError


def test_gradient_of_a_product(device):
    x, y = tc.asarray([1.0, 2.0]), tc.asarray([3.0, 4.0])
    with tc.GradientTape() as tape:
        tape.watch(x, y)
        z = tc.sum(x * y * x)
    dx, dy = tape.gradient(z, [x, y])
    np.testing.assert_allclose(dx.numpy(), 2 * x.numpy() * y.numpy())
    np.testing.assert_allclose(dy.numpy(), x.numpy() ** 2)
    assert dx.device is device


def test_variables_are_watched(device):
    v, frozen = tc.Variable(3.0), tc.Variable(2.0, trainable=False)
    with tc.GradientTape() as tape:
        y = v * v * frozen
    assert float(tape.gradient(y, v)) == 12.0
    assert tape.watched_variables() == (v,)
    with tc.GradientTape(watch_accessed_variables=False) as tape:
        y = v * v
    assert tape.gradient(y, v) is None


def test_broadcasting_is_summed_back(device):
    x, b = tc.ones((4, 3)), tc.ones((3,))
    slope = tc.grad(lambda b: tc.sum((x + b) * 2.0))(b)
    np.testing.assert_array_equal(slope.numpy(), [8.0, 8.0, 8.0])


def test_second_and_third_derivative(device):
    def cube(x):
        return x * x * x

    second, third = tc.grad(tc.grad(cube)), tc.grad(tc.grad(tc.grad(cube)))
    assert float(second(tc.asarray(2.0))) == 12.0
    assert float(third(tc.asarray(2.0))) == 6.0


def test_a_tape_around_a_tape(device):
    x = tc.asarray(2.0)
    with tc.GradientTape() as outer:
        outer.watch(x)
        with tc.GradientTape() as inner:
            inner.watch(x)
            y = tc.exp(x) * x
        slope = inner.gradient(y, x)
    curvature = outer.gradient(slope, x)
    np.testing.assert_allclose(float(curvature), np.exp(2.0) * 4.0, rtol=1e-6)


def test_a_persistent_tape_serves_several_gradients(device):
    x = tc.asarray(3.0)
    with tc.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    assert float(tape.gradient(z, x)) == 108.0
    assert float(tape.gradient(y, x)) == 6.0
    assert float(tape.gradient(z, y)) == 18.0


def test_a_used_tape_says_so(device):
    x = tc.asarray(3.0)
    with tc.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    tape.gradient(y, x)
    with pytest.raises(GradientError, match=r"GradientTape\(persistent=True\)"):
        tape.gradient(y, x)


def test_structures_and_unconnected(device):
    x, y = tc.asarray(1.0), tc.asarray(2.0)
    with tc.GradientTape(persistent=True) as tape:
        tape.watch(x, y)
        z = 3.0 * x
    result = tape.gradient(z, {"x": x, "rest": [y, (x,)]})
    assert float(result["x"]) == 3.0
    assert result["rest"][0] is None
    assert float(result["rest"][1][0]) == 3.0
    assert float(tape.gradient(z, y, unconnected_gradients="zero")) == 0.0


def test_several_targets_and_weights(device):
    x = tc.asarray([1.0, 2.0])
    with tc.GradientTape() as tape:
        tape.watch(x)
        a, b = x * x, 3.0 * x
    slope = tape.gradient([a, b], x, output_gradients=[tc.asarray([1.0, 10.0]), None])
    np.testing.assert_array_equal(slope.numpy(), [2.0 + 3.0, 40.0 + 3.0])


def test_paused_recording_and_reset(device):
    x = tc.asarray(2.0)
    with tc.GradientTape() as tape:
        tape.watch(x)
        with tape.stop_recording():
            hidden = x * x
        y = hidden * x
    assert float(tape.gradient(y, x)) == 4.0
    with tc.GradientTape() as tape:
        tape.watch(x)
        x * x
        tape.reset()
        tape.watch(x)
        y = 5.0 * x
    assert float(tape.gradient(y, x)) == 5.0


def test_only_what_is_needed_is_kept(device):
    x, w = tc.ones((2, 3)), tc.ones((3, 4))
    with tc.GradientTape() as tape:
        tape.watch(w)
        tc.sum(x @ w)
    kept = [node.kept for node in tape._nodes]
    assert set(kept[0]) == {0, 1}  # the rule of w names x1 (and the shape through x2)
    assert kept[1] == {}  # a sum needs shapes only


def test_memory_is_freed_while_walking(device):
    x = tc.asarray([1.0])
    with tc.GradientTape() as tape:
        tape.watch(x)
        y = tc.exp(tc.exp(x))
    tape.gradient(y, x)
    assert tape._nodes == []


def test_bad_calls(device):
    x = tc.asarray([1.0, 2.0])
    with tc.GradientTape() as tape:
        with pytest.raises(GradientError, match="already"), tape:
            pass
        with pytest.raises(ArgumentTypeError, match=r"tape\.watch: expected tensors"):
            tape.watch(3.0)
        with pytest.raises(GradientError, match="floating-point dtype, received int32"):
            tape.watch(tc.asarray([1]))
        tape.watch(x)
        y = x * x
        whole = tc.argmax(y)
    with pytest.raises(GradientError, match="the target has dtype int64"):
        tc.GradientTape().gradient(whole, x)
    with pytest.raises(ShapeError, match=r"target's shape \(2,\), received \(3,\)"):
        tc.GradientTape().gradient(y, x, output_gradients=tc.ones(3))
    with pytest.raises(ArgumentTypeError, match="as sources, received 'x'"):
        tc.GradientTape().gradient(y, "x")
    with pytest.raises(InvalidArgumentError, match="unconnected_gradients"):
        tc.GradientTape().gradient(y, x, unconnected_gradients="maybe")


def test_grad_of_functions(device):
    def f(x, y):
        return tc.sum(x * y)

    x, y = tc.asarray([1.0, 2.0]), tc.asarray([3.0, 4.0])
    value, (dx, dy) = tc.value_and_grad(f, argnums=(0, 1))(x, y)
    assert float(value) == 11.0
    np.testing.assert_array_equal(dx.numpy(), [3.0, 4.0])
    np.testing.assert_array_equal(dy.numpy(), [1.0, 2.0])
    nested = tc.grad(lambda p: tc.sum(p["w"] * p["w"]) + p["b"][0])(
        {"w": x, "b": [tc.asarray(1.0)]}
    )
    np.testing.assert_array_equal(nested["w"].numpy(), [2.0, 4.0])
    assert float(nested["b"][0]) == 1.0
    with pytest.raises(ShapeError, match="must return one number"):
        tc.grad(lambda x: x * x)(x)
    with pytest.raises(GradientError, match="floating-point dtype"):
        tc.grad(lambda x: tc.sum(x))(tc.asarray([1]))


def test_gradcheck_finds_a_wrong_rule(device, monkeypatch):
    x = tc.asarray(np.array([0.3, 0.7]))
    assert tc.gradcheck(lambda v: tc.sin(v) * v, x, order=2) < 1e-6
    rule = tc.sin.gradients[0]
    monkeypatch.setattr(rule, "function", lambda g, **kept: 1.01 * g)
    with pytest.raises(GradientError, match="gradcheck: the gradient along a random direction"):
        tc.gradcheck(tc.sin, x)


def test_old_values_survive_assignment(device):
    v = tc.Variable([1.0, 2.0])
    before = v.value
    first = v[0]
    with tc.GradientTape() as tape:
        y = tc.sum(v * v)
    v.assign([5.0, 6.0])
    np.testing.assert_array_equal(before.numpy(), [1.0, 2.0])
    assert float(first) == 1.0
    np.testing.assert_array_equal(tape.gradient(y, v).numpy(), [2.0, 4.0])
    np.testing.assert_array_equal(v.numpy(), [5.0, 6.0])


def test_an_update_copies_nothing_when_nobody_looks(device):
    v = tc.Variable(tc.ones(4))
    storage = v._storage
    with tc.GradientTape() as tape:
        y = tc.sum(v * v)
    slope = tape.gradient(y, v)
    old = v._tensor.data
    v.assign_sub(0.5 * slope)
    assert v._storage is storage
    assert old is storage
    np.testing.assert_array_equal(v.numpy(), np.zeros(4))


def test_assignments_are_checked(device):
    v = tc.Variable([1.0, 2.0], name="weights")
    with pytest.raises(
        ShapeError, match=r"weights\.assign: expected shape \(2,\), received \(3,\)"
    ):
        v.assign([1.0, 2.0, 3.0])
    whole = tc.Variable([1, 2], name="counts")
    with pytest.raises(
        TypeError, match=r"counts\.assign: the variable holds int32, received float32"
    ):
        whole.assign([0.5, 1.5])
    assert v.assign_add([1.0, 1.0]) is v
    np.testing.assert_array_equal(v.numpy(), [2.0, 3.0])


def no_gradient(use, source, watch=True, inside=True):
    """What the tape says of the gradient of sum(use(source))."""
    before = use(source)
    with tc.GradientTape() as tape:
        if watch:
            tape.watch(source)
        other = tc.Variable(1.0, name="other")
        target = other * 2.0 + (tc.sum(tc.astype(use(source), tc.float32)) if inside else 0.0)
    assert tape.gradient(target, source) is None, before
    return tape.explain(source)


@pytest.mark.parametrize(
    ("use", "options", "words"),
    [
        (lambda x: x * 2, {"watch": False}, "the source is not watched: call tape.watch(x) inside"),
        (lambda x: x * 2, {"inside": False}, "no operation inside the tape used the source"),
        (tc.argmax, {}, "the source reaches the target only through argmax (none: integer)"),
        (lambda x: x > 1, {}, "only through greater (none: the result is boolean)"),
        (lambda x: tc.stop_gradient(x * 3), {}, "only through stop_gradient (none: stop_gradient"),
        (lambda x: tc.asarray(x.numpy()), {}, "no operation inside the tape used the source"),
    ],
)
def test_a_gradient_that_is_none_is_explained(use, options, words, device):
    assert words in no_gradient(use, tc.asarray([1.0, 2.0]), **options)


def test_explanations_of_variables(device):
    frozen = tc.Variable([1.0], trainable=False, name="frozen")
    steps = tc.Variable([1], name="steps")
    weights = tc.Variable([1.0], name="weights")
    with tc.GradientTape() as tape:
        unused = weights * frozen
        target = tc.sum(frozen * steps)
    with pytest.raises(RuntimeError, match=r"explain: call tape\.gradient"):
        tape.explain(weights)
    assert tape.gradient(target, [frozen, weights, steps]) == [None, None, None]
    assert tape.explain(frozen).startswith("frozen is not trainable; call tape.watch(variable)")
    assert tape.explain(steps) == (
        "steps has dtype int32; only floating-point values have gradients"
    )
    assert tape.explain(weights) == "what was computed from weights is not part of the target"
    assert unused.shape == (1,)
    with tc.GradientTape() as tape:
        target = tc.sum(weights * weights)
    assert tape.gradient(target, weights).tolist() == [2.0]
    assert tape.explain(weights) == ""
