"""Optimizers: each step against the formula in float64, and the rules of the flat buffers."""

from __future__ import annotations

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import optimizers
from tensorcore.errors import InvalidArgumentError, ShapeError, TrainingError
from tensorcore.optimizers import SGD, Adam, schedules
from tests.tolerances import assert_close

SHAPES = [(3, 2), (2,), (), (1, 4)]


def variables(rng, dtype="float64"):
    return [
        tc.Variable(rng.normal(size=shape), dtype=dtype, name=f"v{i}")
        for i, shape in enumerate(SHAPES)
    ]


def gradients(rng, dtype="float64"):
    return [tc.asarray(rng.normal(size=shape), dtype=dtype) for shape in SHAPES]


def rate(optimizer):
    return float(np.float32(float(optimizer.learning_rate)))


class ByHand:
    """The formulas, one variable at a time, in float64."""

    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.m = self.v = None
        self.t = 0

    def step(self, weights, grads):
        o, lr = self.optimizer, rate(self.optimizer)
        self.t += 1
        if self.m is None:
            self.m = [np.zeros_like(w) for w in weights]
            self.v = [np.zeros_like(w) for w in weights]
        result = []
        for i, (w, g) in enumerate(zip(weights, grads, strict=True)):
            if isinstance(o, Adam):
                self.m[i] = o.beta_1 * self.m[i] + (1 - o.beta_1) * g
                self.v[i] = o.beta_2 * self.v[i] + (1 - o.beta_2) * g * g
                a = lr * np.sqrt(1 - o.beta_2**self.t) / (1 - o.beta_1**self.t)
                result.append(w - a * self.m[i] / (np.sqrt(self.v[i]) + o.epsilon))
            else:
                self.m[i] = o.momentum * self.m[i] - lr * g
                step = o.momentum * self.m[i] - lr * g if o.nesterov else self.m[i]
                result.append(w + step)
        return result


MAKERS = {
    "sgd": lambda: SGD(0.1),
    "momentum": lambda: SGD(0.1, momentum=0.9),
    "nesterov": lambda: SGD(0.1, momentum=0.8, nesterov=True),
    "adam": lambda: Adam(0.05, beta_1=0.8, beta_2=0.95, epsilon=1e-5),
}


@pytest.mark.parametrize("name", MAKERS)
def test_five_steps_follow_the_formula(device, rng, name):
    optimizer = MAKERS[name]()
    hand = ByHand(optimizer)
    vs = variables(rng)
    expected = [v.numpy() for v in vs]
    for _ in range(5):
        grads = gradients(rng)
        expected = hand.step(expected, [g.numpy() for g in grads])
        optimizer.apply_gradients(zip(grads, vs, strict=True))
        for v, e in zip(vs, expected, strict=True):
            assert_close(v.numpy(), e)
    assert int(optimizer.iterations) == 5


@pytest.mark.parametrize("name", MAKERS)
def test_one_variable_at_a_time_gives_the_same_as_all_at_once(device, rng, name):
    whole, single = MAKERS[name](), MAKERS[name]()
    a = variables(np.random.default_rng(1))
    b = variables(np.random.default_rng(1))
    single.build(b)
    for _ in range(3):
        grads = gradients(rng)
        whole.apply(grads, a)
        count = int(single.iterations)
        for g, v in zip(grads, b, strict=True):
            single.iterations.assign(count)  # the four calls together are one step
            single.apply([g], [v])
    for v, w in zip(a, b, strict=True):
        assert_close(v.numpy(), w.numpy())


def test_the_order_of_the_variables_does_not_matter(device, rng):
    a, b = variables(np.random.default_rng(1)), variables(np.random.default_rng(1))
    first, second = Adam(), Adam()
    second.build(b)
    for _ in range(2):
        grads = gradients(rng)
        first.apply(grads, a)
        second.apply(grads[::-1], b[::-1])
    for v, w in zip(a, b, strict=True):
        assert_close(v.numpy(), w.numpy())


def test_mixed_dtypes_are_grouped(device, rng):
    wide, narrow = tc.Variable(np.ones(3), dtype="float64"), tc.Variable([1.0, 1.0])
    SGD(0.5).apply([tc.asarray(np.full(3, 2.0)), tc.ones(2)], [wide, narrow])
    assert wide.numpy().tolist() == [0.0, 0.0, 0.0]
    assert narrow.numpy().tolist() == [0.5, 0.5]
    assert (wide.dtype, narrow.dtype) == (tc.float64, tc.float32)


def test_gradients_are_brought_to_the_dtype_of_the_variables_and_checked(device):
    a, b = tc.Variable([1.0]), tc.Variable([2.0])
    SGD(0.5).apply([tc.asarray(np.ones(1)), tc.ones(1)], [a, b])
    SGD(0.5).apply([np.ones(1)], [a])
    assert (a.numpy().tolist(), b.numpy().tolist()) == ([0.0], [1.5])
    assert a.dtype == tc.float32
    with pytest.raises(ShapeError, match=r"expected a gradient of shape \(1,\) for .*\(2,\)"):
        SGD(0.5).apply([tc.ones(2)], [a])


def test_old_values_stay_what_they_were(device):
    a, b = tc.Variable([1.0, 2.0]), tc.Variable([3.0])
    optimizer = SGD(1.0, momentum=0.5)
    grads = [tc.ones(2), tc.ones(1)]
    optimizer.apply(grads, [a, b])
    old, state = a.value, optimizer.variables[2].value
    optimizer.apply(grads, [a, b])
    assert old.numpy().tolist() == [0.0, 1.0]
    assert state.numpy().tolist() == [-1.0, -1.0]
    assert a.numpy().tolist() == [-1.5, -0.5]
    assert optimizer.variables[2].numpy().tolist() == [-1.5, -1.5]


def test_flat_variables_can_be_assigned(device):
    a, b = tc.Variable([1.0, 2.0]), tc.Variable([3.0])
    optimizer = SGD(1.0)
    optimizer.apply([tc.ones(2), tc.ones(1)], [a, b])
    a.assign([10.0, 20.0])
    optimizer.apply([tc.ones(2), tc.ones(1)], [a, b])
    assert a.numpy().tolist() == [9.0, 19.0]
    assert b.numpy().tolist() == [1.0]


def test_two_optimizers_can_share_variables(device):
    a, b = tc.Variable([1.0]), tc.Variable([2.0])
    first, second = SGD(1.0), SGD(1.0, momentum=0.5)
    for optimizer in (first, second, first, second):
        optimizer.apply([tc.ones(1), tc.ones(1)], [a, b])
    # SGD -1 -1; momentum -1 and then -1.5.
    assert a.numpy().tolist() == [-3.5]
    assert b.numpy().tolist() == [-2.5]


def test_missing_gradients_are_skipped_with_a_warning(device):
    a, b = tc.Variable([1.0], name="a"), tc.Variable([2.0], name="b")
    optimizer = SGD(1.0)
    with pytest.warns(UserWarning, match=r"Gradients do not exist for variables \['b'\]"):
        optimizer.apply([tc.ones(1), None], [a, b])
    assert a.numpy().tolist() == [0.0]
    assert b.numpy().tolist() == [2.0]


def test_no_gradient_at_all_is_an_error():
    v = tc.Variable([1.0], name="weight")
    with pytest.raises(ValueError, match=r"no gradient for any variable: weight.*GradientTape"):
        Adam().apply_gradients([(None, v)])
    with pytest.raises(InvalidArgumentError, match="1 gradients for 2 variables"):
        Adam().apply([tc.ones(1)], [v, v])


# Learning rates -----------------------------------------------------------------------------------


def test_learning_rate_can_be_set(device):
    v = tc.Variable([1.0])
    optimizer = SGD(learning_rate=0.5)
    optimizer.apply([tc.ones(1)], [v])
    optimizer.learning_rate = 0.25
    optimizer.apply([tc.ones(1)], [v])
    optimizer.learning_rate.assign(0.125)
    optimizer.apply([tc.ones(1)], [v])
    assert v.numpy().tolist() == [0.125]
    assert float(optimizer.lr) == 0.125
    assert float(SGD(lr=0.75).learning_rate) == 0.75


def test_schedule(device):
    v = tc.Variable([0.0])
    optimizer = SGD(schedules.PiecewiseConstantDecay([0, 1], [1.0, 0.5, 0.25]))
    for _ in range(3):
        optimizer.apply([tc.ones(1)], [v])
    assert v.numpy().tolist() == [-1.75]
    with pytest.raises(TrainingError, match="follows a schedule"):
        optimizer.learning_rate = 0.1
    again = SGD.from_config(optimizer.get_config())
    assert float(again.learning_rate) == 1.0
    assert len(optimizer.variables) == 1  # no learning rate beside the step count


def test_schedules_by_hand():
    decay = schedules.ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5)
    assert float(decay(tc.asarray(5))) == pytest.approx(0.1 * 0.5**0.5, rel=1e-6)
    stairs = schedules.ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5, staircase=True)
    assert float(stairs(tc.asarray(19))) == pytest.approx(0.05, rel=1e-6)


def test_a_function_can_be_the_learning_rate():
    v = tc.Variable([0.0])
    rates = iter([1.0, 0.5])
    optimizer = SGD(lambda: next(rates))
    for _ in range(2):
        optimizer.apply([tc.ones(1)], [v])
    assert v.numpy().tolist() == [-1.5]


# Clipping -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"clipvalue": 1.0}, [[-1.0, -1.0], [-0.5]]),
        ({"clipnorm": 2.5}, [[-1.5, -2.0], [-0.5]]),
        # The norm of all is sqrt(9 + 16 + 0.25); they are scaled to 1.
        ({"global_clipnorm": 1.0}, [[-3 / 5.024938, -4 / 5.024938], [-0.5 / 5.024938]]),
        ({"global_clipnorm": 9.0}, [[-3.0, -4.0], [-0.5]]),
    ],
)
def test_clipping(device, options, expected):
    a, b = tc.Variable([0.0, 0.0]), tc.Variable([0.0])
    SGD(1.0, **options).apply([tc.asarray([3.0, 4.0]), tc.asarray([0.5])], [a, b])
    for v, e in zip((a, b), expected, strict=True):
        assert_close(v.numpy(), np.array(e, np.float32))


def test_options_are_checked():
    with pytest.raises(InvalidArgumentError, match="only one of"):
        SGD(clipnorm=1.0, clipvalue=1.0)
    with pytest.raises(InvalidArgumentError, match="momentum must be from 0 to 1"):
        SGD(momentum=2.0)
    with pytest.raises(InvalidArgumentError, match=r"loss_scale_factor=2\.0 is not there yet"):
        Adam(loss_scale_factor=2.0)
    with pytest.raises(InvalidArgumentError, match="gradient_accumulation_steps must be an int"):
        Adam(gradient_accumulation_steps=1)
    with pytest.raises(TypeError, match="unknown argument 'colour'"):
        Adam(colour=1)
    with pytest.raises(TypeError, match=r"unknown argument 'learning_rat'\. Did you mean"):
        Adam(learning_rat=1)
    with pytest.raises(TypeError, match="learning_rate must be a number"):
        Adam("fast")


# Names and configurations -------------------------------------------------------------------------


def test_get():
    assert type(optimizers.get("adam")) is Adam
    assert type(optimizers.get("SGD")) is SGD
    assert type(optimizers.get(Adam)) is Adam
    with pytest.raises(
        InvalidArgumentError, match=r'unknown optimizer "adm"\. Did you mean "adam"'
    ):
        optimizers.get("adm")
    with pytest.raises(TypeError, match="expected a name"):
        optimizers.get(3)


@pytest.mark.parametrize("name", MAKERS)
def test_config(name):
    optimizer = MAKERS[name]()
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()


def test_variables_come_in_the_order_of_files(device):
    vs = [tc.Variable([1.0, 2.0], name="kernel"), tc.Variable([3.0], name="bias")]
    vs[0].path = "dense/kernel"
    optimizer = Adam()
    optimizer.build(vs)
    assert [v.name for v in optimizer.variables] == [
        "iteration",
        "learning_rate",
        "dense_kernel_momentum",
        "dense_kernel_velocity",
        "bias_momentum",
        "bias_velocity",
    ]
    assert optimizer.variables[0].dtype == tc.int32


def test_an_optimizer_of_ones_own_is_short(device):
    from tensorcore.ops import updates

    class HeavyBall(optimizers.Optimizer):
        state_names = ("velocity",)
        update_op = updates.momentum_update

        def scalars(self, learning_rate, step):
            return learning_rate, 0.5

    v = tc.Variable([0.0])
    optimizer = HeavyBall(1.0)
    for _ in range(2):
        optimizer.apply([tc.ones(1)], [v])
    assert v.numpy().tolist() == [-2.5]


@pytest.mark.parametrize("limit", ["clipnorm", "global_clipnorm"])
def test_exploding_gradients_are_clipped_not_lost(device, limit):
    v = tc.Variable([0.0, 0.0])
    optimizer = optimizers.SGD(1.0, **{limit: 1.0})
    optimizer.apply([tc.asarray([3e25, -4e25])], [v])
    np.testing.assert_allclose(v.numpy(), [-0.6, 0.8], rtol=1e-5)
    optimizer.apply([tc.zeros(2)], [v])
    np.testing.assert_allclose(v.numpy(), [-0.6, 0.8], rtol=1e-5)


@pytest.mark.parametrize("first", ["float16", "float32"])
def test_variables_of_several_dtypes_learn_alike_traced(device, first):
    second = {"float16": "float32", "float32": "float16"}[first]

    def trained(wrap):
        vs = [tc.Variable([1.0, 2.0], dtype=first), tc.Variable([3.0], dtype=second)]
        optimizer = Adam(0.001)
        optimizer.build(vs)

        def step(*gradients):
            optimizer.apply(list(gradients), vs)

        for i in range(5):
            wrap(step)(tc.asarray([0.1, 0.2 * i], dtype=first), tc.asarray([0.3], dtype=second))
        return [v.numpy() for v in vs]

    traced = {}
    found = trained(lambda step: traced.setdefault(0, tc.function(step)))
    for actual, expected in zip(found, trained(lambda step: step), strict=True):
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)


def test_variables_can_be_left_out_of_weight_decay(device):
    weights = [tc.Variable([1.0], name="kernel"), tc.Variable([1.0], name="bias")]
    optimizer = SGD(0.5, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.apply_gradients([(tc.zeros(1), weight) for weight in weights])
    assert_close(weights[0].numpy(), np.array([0.95], np.float32))
    assert weights[1].numpy().tolist() == [1.0]


def test_constraints_hold_after_each_step(device):
    weight = tc.Variable([1.0, -1.0])
    weight.constraint = tc.constraints.NonNeg()
    optimizer = Adam(0.5)
    step = tc.function(lambda g: optimizer.apply_gradients([(g, weight)]))
    for _ in range(3):
        step(tc.asarray([1.0, 1.0]))
        assert weight.numpy().min() >= 0
    assert optimizer.variables[0].numpy() == 3


def test_minimize(device):
    weight = tc.Variable(2.0)
    SGD(0.25).minimize(lambda: weight * weight, [weight])
    assert float(weight) == 1.0
    with pytest.raises(TypeError, match="expected a function without arguments"):
        SGD(0.25).minimize(weight * weight, [weight])
