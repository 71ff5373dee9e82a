"""TensorFlow 1's world: graphs, names, sessions, feeds, variables, optimizers, the Saver.

Words and printed forms are those of TensorFlow 2.21's `tensorflow.compat.v1` (behaviour of version
1), asked for with the same programs.
"""

from __future__ import annotations

import collections
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import tensorcore as tc
import tensorcore.tf.compat.v1 as tf
from tensorcore.errors import (
    ArgumentTypeError,
    DTypeError,
    FailedPreconditionError,
    InvalidArgumentError,
    MissingNameError,
    NotFoundError,
    SessionError,
    ShapeError,
    TensorcoreError,
)
from tests.golden import tf1_programs as programs


@pytest.fixture(autouse=True)
def world(request):
    """A fresh graph on the test's device."""
    tf.reset_default_graph()
    if "device" in request.fixturenames:
        with tc.device(request.getfixturevalue("device")):
            yield
    else:
        with tc.device("cpu"):
            yield
    tf.reset_default_graph()


def run(fetches, feed_dict=None, init=True):
    with tf.Session() as sess:
        if init:
            sess.run(tf.global_variables_initializer())
        return sess.run(fetches, feed_dict)


# How things print ---------------------------------------------------------------------------------


def test_tensors_print_as_in_tensorflow():
    x = tf.placeholder(tf.float32, (None, 2), name="x")
    a = tf.Variable(1, name="a")
    b = tf.constant(1, name="b")
    u = tf.placeholder(tf.float32)
    shown = [x, b, x * 2, u, u * 2, a + b, tf.constant([1, 2]), tf.add(a, b), tf.reduce_mean(x)]
    shown += [tf.matmul(x, tf.ones([2, 3])), x[0], -x, x / 2, tf.shape(x), tf.zeros([2])]
    shown += [tf.random_normal([2]), tf.nn.softmax(x), a]
    assert [str(value) for value in shown] == [
        'Tensor("x:0", shape=(?, 2), dtype=float32)',
        'Tensor("b:0", shape=(), dtype=int32)',
        'Tensor("mul:0", shape=(?, 2), dtype=float32)',
        'Tensor("Placeholder:0", dtype=float32)',
        'Tensor("mul_1:0", dtype=float32)',
        'Tensor("add:0", shape=(), dtype=int32)',
        'Tensor("Const:0", shape=(2,), dtype=int32)',
        'Tensor("Add_1:0", shape=(), dtype=int32)',
        'Tensor("Mean:0", shape=(), dtype=float32)',
        'Tensor("MatMul:0", shape=(?, 3), dtype=float32)',
        'Tensor("strided_slice:0", shape=(2,), dtype=float32)',
        'Tensor("Neg:0", shape=(?, 2), dtype=float32)',
        'Tensor("truediv:0", shape=(?, 2), dtype=float32)',
        'Tensor("Shape:0", shape=(2,), dtype=int32)',
        'Tensor("zeros:0", shape=(2,), dtype=float32)',
        'Tensor("random_normal:0", shape=(2,), dtype=float32)',
        'Tensor("Softmax:0", shape=(?, 2), dtype=float32)',
        "<tf.Variable 'a:0' shape=() dtype=int32_ref>",
    ]
    assert (str(x.shape), str(u.shape), x.get_shape().as_list()) == (
        "(?, 2)",
        "<unknown>",
        [None, 2],
    )
    assert repr(x) == "<tf.Tensor 'x:0' shape=(?, 2) dtype=float32>"
    assert x.shape[1].value == 2 and x.shape[0].value is None


def test_names_of_scopes_and_variables():
    with tf.name_scope("foo"):
        sum_ = tf.constant(1) + tf.constant(2)
    with tf.name_scope("foo"):
        inner = [tf.constant(1), tf.Variable(1), tf.get_variable("gv", [1])]
    with tf.variable_scope("vs"):
        inner += [tf.constant(1), tf.Variable(1), tf.get_variable("gv", [1])]
    with tf.variable_scope("vs", reuse=tf.AUTO_REUSE):
        again = tf.get_variable("gv", [1])
        inner += [tf.constant(1), tf.Variable(1), again]
    assert sum_.name == "foo/add:0"
    assert [value.name for value in inner] == [
        *("foo_1/Const:0", "foo_1/Variable:0", "gv:0"),
        *("vs/Const:0", "vs/Variable:0", "vs/gv:0"),
        *("vs_1/Const:0", "vs_1/Variable:0", "vs/gv:0"),
    ]
    assert again is inner[5]


def test_results_print_as_numbers(device):
    result = run([tf.constant(2), tf.constant(0.5), tf.constant([1, 2])])
    assert repr(result) == "[2, 0.5, array([1, 2], dtype=int32)]"
    assert isinstance(result[0], np.int32) and type(result[0] + result[0]) is np.int32


# Sessions -----------------------------------------------------------------------------------------


def test_every_run_assigns_once_and_fetched_variables_are_read_last(device):
    a = tf.Variable(1, name="a")
    c = tf.assign(a, a + tf.constant(1, name="b"))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert [sess.run([c, a]) for _ in range(4)] == [[2, 2], [3, 3], [4, 4], [5, 5]]
        assert sess.run(a) == 5


def test_two_sessions_have_their_own_values(device):
    a = tf.Variable(1, name="a")
    b = tf.assign(a, a + 1)
    for _ in range(2):
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            assert [sess.run(b), sess.run(b)] == [2, 3]
    first, second = tf.Session(), tf.Session()
    for sess in (first, second):
        sess.run(tf.global_variables_initializer())
    first.run(b)
    assert (first.run(a), second.run(a)) == (2, 1)


def test_fetches_of_every_form(device):
    a, b = tf.constant(2, name="a"), tf.Variable(3, name="b")
    Pair = collections.namedtuple("Pair", "x y")
    fetches = {
        "list": [a, b],
        "tuple": (a, [b]),
        "names": ["a:0", "b:0"],
        "op": b.op,
        "p": Pair(a, b),
    }
    assert run(fetches) == {
        "list": [2, 3],
        "tuple": (2, [3]),
        "names": [2, 3],
        "op": None,
        "p": Pair(2, 3),
    }
    assert run([]) == []


def test_any_tensor_can_be_fed(device):
    a = tf.constant([1.0, 2.0])
    b = a * 2.0
    v = tf.Variable(1.0)
    with tf.Session() as sess:
        assert sess.run(b + 1.0, {b: [5.0, 6.0]}).tolist() == [6.0, 7.0]
        assert sess.run(b, {"Const:0": [3.0, 4.0]}).tolist() == [6.0, 8.0]
        assert sess.run(v + 1.0, {v: 5}) == 6.0


def test_placeholders_of_unknown_size(device):
    a = tf.placeholder(tf.int32, (None, 2), name="a")
    total = tf.reduce_sum(a, axis=0)
    with tf.Session() as sess:
        for _ in range(3):  # eager, traced, planned
            assert sess.run(a, {a: [[1, 2]]}).tolist() == [[1, 2]]
            assert sess.run(total, {a: [[1, 2], [3, 4]]}).tolist() == [4, 6]
    keep = tf.placeholder(tf.float32)
    assert run(keep * 2.0, {keep: 3}) == 6.0
    assert run(keep * 2.0, {keep: [1, 2]}).tolist() == [2.0, 4.0]


def test_placeholder_with_default(device):
    p = tf.placeholder_with_default([1.0, 2.0], [None])
    assert run(p + 1.0).tolist() == [2.0, 3.0]
    assert run(p + 1.0, {p: [5.0]}).tolist() == [6.0]
    assert str(p) == 'Tensor("PlaceholderWithDefault:0", shape=(?,), dtype=float32)'


def test_text_constants():
    hello = tf.constant("Hello, TensorFlow!")
    assert run(hello) == b"Hello, TensorFlow!"
    v = tf.Variable(2.0)
    assert run([tf.gradients(v * v, v)[0], hello]) == [4.0, b"Hello, TensorFlow!"]
    assert str(hello) == 'Tensor("Const:0", shape=(), dtype=string)'


def test_eval_and_interactive_sessions(device):
    x = tf.placeholder(tf.float32, [None])
    v = tf.Variable([1.0, 2.0])
    sess = tf.InteractiveSession()
    tf.global_variables_initializer().run()
    assert (x * 2.0).eval(feed_dict={x: [3.0]}).tolist() == [6.0]
    assert v.eval().tolist() == [1.0, 2.0]
    v.load([5.0, 6.0])
    assert v.eval(session=sess).tolist() == [5.0, 6.0]
    sess.close()
    assert tf.get_default_session() is None
    other = tf.Session()
    with other.as_default():
        assert tf.constant(3).eval() == 3
    assert other.run(tf.constant(4)) == 4  # as_default closes nothing


def test_graphs_are_apart(device):
    first = tf.Graph()
    with first.as_default():
        a = tf.constant(2, name="a")
        assert a.graph is first is tf.get_default_graph()
    with tf.Session(graph=first) as sess:
        assert tf.get_default_graph() is first
        assert sess.run("a:0") == 2
    assert tf.get_default_graph() is not first
    assert first.get_operation_by_name("a").type == "Const"


def test_control_dependencies_and_groups(device):
    a, b = tf.Variable(1), tf.Variable(10)
    step = tf.group(tf.assign_add(a, 1), tf.assign_sub(b, 1))
    with tf.control_dependencies([step]):
        after = tf.identity(a) * 100
    with tf.control_dependencies([tf.assign(b, 0)]):
        nothing = tf.no_op()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert sess.run(step) is None
        assert sess.run([a, b]) == [2, 9]
        assert sess.run(after) == 300
        sess.run(nothing)
        assert sess.run([a, b]) == [3, 0]


def test_initial_values_of_other_variables(device):
    a = tf.Variable(tf.random_normal([3], seed=1))
    b = tf.Variable(a.initialized_value() * 2.0)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        x, y = sess.run([a, b])
        np.testing.assert_allclose(y, 2 * x)


def test_seeds_give_the_same_numbers_in_every_session(device):
    tf.set_random_seed(7)
    drawn = [tf.random_normal([3]), tf.random_uniform([3], 1.0, 2.0), tf.truncated_normal([3])]
    first, second = run(drawn), run(drawn)
    with tf.Session() as sess:
        runs = [sess.run(drawn[0]) for _ in range(4)]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len({tuple(values) for values in runs}) == 4  # but new ones in every run
    np.testing.assert_array_equal(runs[0], first[0])
    assert (first[1] >= 1).all() and (first[1] < 2).all() and (abs(first[2]) < 2).all()


# Words --------------------------------------------------------------------------------------------


def words(kind, call):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def test_words_of_sessions(device):
    x = tf.placeholder(tf.float32, (None, 2), name="x")
    a = tf.Variable(1, name="a")
    y = x * 2.0
    other = tf.Graph()
    with other.as_default():
        far = tf.constant(2)
    sess = tf.Session()
    assert words(FailedPreconditionError, lambda: sess.run(a)) == (
        "Attempting to use uninitialized value a\n\t [[{{node a/read}}]]\n"
        "Run sess.run(tf.global_variables_initializer()) in this session first: every session has "
        "its own values."
    )
    assert words(InvalidArgumentError, lambda: sess.run(y)) == (
        "You must feed a value for placeholder tensor 'x' with dtype float and shape [?,2]\n\t "
        "[[{{node x}}]]\nFor example sess.run(y, feed_dict={x: values})."
    )
    assert words(ShapeError, lambda: sess.run(y, {x: [1, 2, 3]})) == (
        "Cannot feed value of shape (3,) for Tensor x:0, which has shape (?, 2). Give it another "
        "shape, for example with np.reshape(values, (-1, 2))"
    )
    z = tf.placeholder(tf.float32, (None, None, 3), name="z")
    assert words(ShapeError, lambda: sess.run(z * 2.0, {z: np.ones((2, 3))})) == (
        "Cannot feed value of shape (2, 3) for Tensor z:0, which has shape (?, ?, 3). Give it "
        "another shape, for example with np.reshape(values, shape)"
    )
    assert words(InvalidArgumentError, lambda: sess.run(y, {x: [["q", "r"]]})) == (
        "Cannot feed a value of type list for Tensor x:0, which has dtype float32: could not "
        "convert string to float: 'q'"
    )
    assert words(ArgumentTypeError, lambda: sess.run(3)) == (
        'Argument `fetch` = 3 has invalid type "int" must be a string or Tensor. (Can not convert '
        "a int into a Tensor or Operation.)"
    )
    assert words(ArgumentTypeError, lambda: sess.run(None)) == (
        'Argument `fetch` = None has invalid type "NoneType". Cannot be None'
    )
    assert words(InvalidArgumentError, lambda: sess.run("zz:0")) == (
        "Argument `fetch` = zz:0 cannot be interpreted as a Tensor. (The name 'zz:0' refers to a "
        "Tensor which does not exist. The operation, 'zz', does not exist in the graph.)"
    )
    assert words(InvalidArgumentError, lambda: sess.run("zz")) == (
        "Argument `fetch` = zz cannot be interpreted as a Tensor. (The name 'zz' refers to an "
        "Operation not in the graph.)"
    )
    assert words(InvalidArgumentError, lambda: sess.run("x:1")) == (
        "Argument `fetch` = x:1 cannot be interpreted as a Tensor. (The name 'x:1' refers to a "
        "Tensor which does not exist. The operation, 'x', exists but only has 1 outputs.)"
    )
    assert words(ArgumentTypeError, lambda: sess.run(y, {3: 1})) == (
        "Cannot interpret feed_dict key as Tensor: Can not convert a int into a Tensor."
    )
    assert words(ArgumentTypeError, lambda: sess.run(y, {x: y})) == (
        "The value of a feed cannot be a tf.Tensor object. Acceptable feed values include Python "
        "scalars, strings, lists, numpy ndarrays, or TensorHandles. For reference, the tensor "
        'object was Tensor("mul:0", shape=(?, 2), dtype=float32) which was passed to the argument '
        '`feed_dict` with key Tensor("x:0", shape=(?, 2), dtype=float32).'
    )
    assert words(ArgumentTypeError, lambda: sess.run([a], a)) == (
        "feed_dict must be a dictionary of tensor -> value, received Variable; several fetches go "
        "into one list: sess.run([a, b])"
    )
    assert words(InvalidArgumentError, lambda: sess.run(far)) == (
        'Argument `fetch` = Tensor("Const:0", shape=(), dtype=int32) cannot be interpreted as a '
        'Tensor. (Tensor Tensor("Const:0", shape=(), dtype=int32) is not an element of this graph.)'
    )
    assert words(InvalidArgumentError, lambda: a + far) == (
        "<tf.Variable 'a:0' shape=() dtype=int32_ref> must be from the same graph as "
        f'Tensor("Const:0", shape=(), dtype=int32) (graphs are {a.graph} and {other}).'
    )
    sess.close()
    assert words(SessionError, lambda: sess.run(y, {x: [[1.0, 2.0]]})) == (
        "Attempted to use a closed Session. The values of its variables went with it: run inside "
        "`with tf.Session() as sess:`, or make a new session and initialize or restore the "
        "variables"
    )
    assert words(InvalidArgumentError, lambda: y.eval()) == (
        "Cannot evaluate tensor using `eval()`: No default session is registered. Use `with "
        "sess.as_default()` or pass an explicit session to `eval(session=sess)`"
    )


def test_words_of_tensors_and_variables():
    a, b = tf.Variable(1, name="a"), tf.constant(1, name="b")
    assert words(AttributeError, lambda: tf.assign(b, 2)) == (
        "'Tensor' object has no attribute 'assign': 'b:0' is no variable, and only variables can "
        "be changed. Make it with tf.Variable(...) in place of tf.constant"
    )
    assert words(ShapeError, lambda: tf.assign(a, [1, 2])) == (
        "the variable 'a:0' has shape [] and cannot be assigned a value of shape [2]"
    )
    assert words(DTypeError, lambda: tf.assign(a, 1.5)) == (
        "Expected int32, but got 1.5 of type 'float'. Convert the tensor, for example with "
        "tf.cast(x, tf.float32)"
    )
    assert words(DTypeError, lambda: tf.ones([2]) + tf.constant([1, 2])) == (
        "Input 'y' of 'add' Op has type int32 that does not match type float32 of argument 'x'. "
        "Convert one of them, for example with tf.cast(x, tf.float32)"
    )
    assert words(ShapeError, lambda: tf.matmul(tf.ones([2, 3]), tf.ones([2, 3]))) == (
        "matmul: the inner sizes differ: x1 of shape (2, 3) ends in 3, x2 of shape (2, 3) needs 3 "
        "there but has 2. Transpose one of them, or check the layer's input size."
    )
    for ask, what in (
        (bool, "a Python condition (use tf.cond)"),
        (list, "iteration (use tf.unstack)"),
        (len, "len() (use x.get_shape() or tf.shape(x))"),
    ):
        assert words(TensorcoreError, lambda ask=ask: ask(b)) == (
            f'{what}: "b:0" is a tensor of a graph and has no value by itself. Run it in a '
            "session: with tf.Session() as sess: print(sess.run(x))"
        )
    with tf.variable_scope("s"):
        tf.get_variable("w", [2, 3])
        said = words(InvalidArgumentError, lambda: tf.get_variable("w", [2, 3]))
        begin, _, line = said.rpartition(", line ")
        assert begin == (
            "Variable s/w already exists, disallowed. Did you mean to set reuse=True or "
            f'reuse=tf.AUTO_REUSE in VarScope? Originally defined at:\n\n  File "{__file__}"'
        )
        assert line.isdigit()
    with tf.variable_scope("s", reuse=True):
        assert words(InvalidArgumentError, lambda: tf.get_variable("v", [2])) == (
            "Variable s/v does not exist, or was not created with tf.get_variable(). Did you mean "
            "to set reuse=tf.AUTO_REUSE in VarScope?"
        )
        assert words(InvalidArgumentError, lambda: tf.get_variable("w", [2, 4])) == (
            "Trying to share variable s/w, but specified shape (2, 4) and found shape (2, 3)."
        )
    assert words(InvalidArgumentError, lambda: tf.get_variable("q")) == (
        "Variable q did not get an initializer, so its `shape` argument must be specified."
    )


def test_a_failing_operation_is_named_with_its_line():
    u = tf.placeholder(tf.float32)
    with pytest.raises(TensorcoreError) as caught:
        run(tf.matmul(u, u, name="product"), {u: np.ones((2, 3))})
    (note,) = caught.value.__notes__
    assert note.startswith("in the operation 'product', made at ") and "test_tf1.py, line" in note


def test_what_is_missing_says_what_to_do():
    for ask, remedy in [
        (lambda: tf.contrib.slim.conv2d, "use tf.layers"),
        (lambda: tf.contrib.data, "contrib was left behind"),
        (lambda: tf.train.shuffle_batch, "feed NumPy arrays through feed_dict"),
        (lambda: tf.FIFOQueue, "input queues are not there"),
        (lambda: tf.estimator, "use tf.keras"),
        (lambda: tf.reduce_meen, "did you mean 'reduce_mean'"),
    ]:
        assert remedy in words(MissingNameError, ask)


# Gradients and optimizers -------------------------------------------------------------------------


def test_gradients(device):
    x = tf.placeholder(tf.float32, [None, 2])
    w = tf.Variable([[1.0], [2.0]])
    unrelated = tf.Variable(1.0)
    y = tf.reduce_sum(tf.square(tf.matmul(x, w)))
    dw, dx, none = tf.gradients(y, [w, x, unrelated])
    assert none is None
    (second,) = tf.gradients(tf.reduce_sum(dw), [w])
    data = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    for _ in range(2):
        found = run([dw, dx, second], {x: data})
    product = data @ [[1.0], [2.0]]
    np.testing.assert_allclose(found[0], 2 * data.T @ product, rtol=1e-6)
    np.testing.assert_allclose(found[1], 2 * product @ [[1.0, 2.0]], rtol=1e-6)
    np.testing.assert_allclose(found[2], 2 * data.T @ (data @ np.ones((2, 1))), rtol=1e-6)
    assert tf.gradients(tf.stop_gradient(w) * 2.0, w) == [None]
    assert tf.gradients(tf.argmax(w), w) == [None]


def test_gradients_see_the_dropout_of_the_loss(device):
    x = tf.placeholder(tf.float32, [None])
    keep = tf.placeholder(tf.float32)
    dropped = tf.nn.dropout(x, keep)
    (gradient,) = tf.gradients(dropped, x)
    with tf.Session() as sess:
        for _ in range(3):
            y, g = sess.run([dropped, gradient], {x: np.ones(50), keep: 0.5})
            assert set(y) == {0.0, 2.0}
            np.testing.assert_array_equal(y, g)
        assert sess.run(dropped, {x: np.ones(5), keep: 1.0}).tolist() == [1.0] * 5


def reference_steps(name, w, gradient, steps):
    """The formulas of TensorFlow 1's documentation, in NumPy and float64."""
    w = np.array(w, np.float64)
    a, b, c = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    if name == "Adagrad":
        a += 0.1
    if name.startswith("RMSProp"):
        a += 1.0
    for t in range(1, steps + 1):
        g = gradient(w)
        if name == "GradientDescent":
            w -= 0.1 * g
        elif name == "Momentum":
            a = 0.9 * a + g
            w -= 0.1 * a
        elif name == "Nesterov":
            a = 0.9 * a + g
            w -= 0.1 * (g + 0.9 * a)
        elif name == "Adagrad":
            a += g * g
            w -= 0.1 * g / np.sqrt(a)
        elif name == "Adadelta":
            a = 0.95 * a + 0.05 * g * g
            u = np.sqrt(b + 1e-8) / np.sqrt(a + 1e-8) * g
            b = 0.95 * b + 0.05 * u * u
            w -= 0.1 * u
        elif name.startswith("RMSProp"):
            a = 0.9 * a + 0.1 * g * g
            c = 0.9 * c + 0.1 * g if name.endswith("Centered") else c
            b = 0.5 * b + 0.1 * g / np.sqrt(a - c * c + 1e-10)
            w -= b
        elif name == "Adam":
            a = 0.9 * a + 0.1 * g
            b = 0.999 * b + 0.001 * g * g
            w -= 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * a / (np.sqrt(b) + 1e-8)
    return w


OPTIMIZERS = {
    "GradientDescent": lambda: tf.train.GradientDescentOptimizer(0.1),
    "Momentum": lambda: tf.train.MomentumOptimizer(0.1, 0.9),
    "Nesterov": lambda: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    "Adagrad": lambda: tf.train.AdagradOptimizer(0.1),
    "Adadelta": lambda: tf.train.AdadeltaOptimizer(0.1),
    "RMSProp": lambda: tf.train.RMSPropOptimizer(0.1, momentum=0.5),
    "RMSPropCentered": lambda: tf.train.RMSPropOptimizer(0.1, momentum=0.5, centered=True),
    "Adam": lambda: tf.train.AdamOptimizer(0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_follow_their_formulas(name, device):
    start = np.array([1.0, -2.0, 0.5])
    scale = np.array([1.0, 3.0, 0.1])
    w = tf.Variable(start, dtype=tf.float32)
    steps = tf.train.get_or_create_global_step()
    loss = tf.reduce_sum(tf.square(w) * scale.astype(np.float32)) / 2
    train = OPTIMIZERS[name]().minimize(loss, global_step=steps)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(5):
            sess.run(train)
        found, count = sess.run([w, steps])
    assert count == 5
    np.testing.assert_allclose(
        found, reference_steps(name, start, lambda w: scale * w, 5), rtol=2e-5, atol=1e-5
    )


def test_optimizers_state_are_variables_with_tensorflows_names():
    w = tf.Variable([1.0], name="w")
    loss = tf.reduce_sum(w * w)
    adam = tf.train.AdamOptimizer(0.1)
    assert adam.minimize(loss).name == "Adam"
    tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    tf.train.RMSPropOptimizer(0.1).minimize(loss)
    names = [v.name for v in tf.global_variables()]
    assert names == [
        *("w:0", "beta1_power:0", "beta2_power:0", "w/Adam:0", "w/Adam_1:0"),
        *("w/Momentum:0", "w/RMSProp:0", "w/RMSProp_1:0"),
    ]
    assert [v.name for v in tf.trainable_variables()] == ["w:0"]
    assert adam.get_slot(w, "v").name == "w/Adam_1:0"


def test_clipped_gradients_and_schedules(device):
    w = tf.Variable([3.0, 4.0])
    step = tf.Variable(0, trainable=False)
    rate = tf.train.exponential_decay(0.1, step, 2, 0.5, staircase=True)
    optimizer = tf.train.GradientDescentOptimizer(rate)
    pairs = optimizer.compute_gradients(tf.reduce_sum(w * w))
    clipped, norm = tf.clip_by_global_norm([g for g, _ in pairs], 5.0)
    train = optimizer.apply_gradients([(clipped[0], w)], global_step=step)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert sess.run(norm) == 10.0
        rates = [sess.run([train, rate])[1] for _ in range(5)]
        assert sess.run(step) == 5
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.05, 0.05, 0.025])


def test_words_of_optimizers():
    w = tf.Variable([1.0], name="w")
    optimizer = tf.train.GradientDescentOptimizer(0.1)
    assert words(InvalidArgumentError, lambda: optimizer.minimize(tf.constant(1.0))) == (
        "No gradients provided for any variable, check your graph for ops that do not support "
        "gradients, between variables [\"<tf.Variable 'w:0' shape=(1,) dtype=float32_ref>\"] and "
        'loss Tensor("Const:0", shape=(), dtype=float32).'
    )
    assert words(InvalidArgumentError, lambda: optimizer.minimize(tf.argmax(w))) == (
        "Invalid type tf.int64 for ArgMax:0, expected: [tf.float32, tf.float64, tf.float16, "
        "tf.bfloat16]."
    )


# Whole programs -----------------------------------------------------------------------------------


def test_a_classifier_learns(device):
    tf.set_random_seed(1)
    rng = np.random.default_rng(0)
    data = rng.normal(size=(200, 8)).astype(np.float32)
    labels = np.eye(3, dtype=np.float32)[np.argmax(data[:, :3], axis=1)]
    x = tf.placeholder(tf.float32, [None, 8])
    y = tf.placeholder(tf.float32, [None, 3])
    hidden = tf.layers.dense(x, 16, activation=tf.nn.relu)
    hidden = tf.layers.dropout(hidden, 0.1, training=True)
    logits = tf.layers.dense(hidden, 3)
    loss = tf.losses.softmax_cross_entropy(y, logits)
    train = tf.train.AdamOptimizer(0.02).minimize(loss)
    right = tf.equal(tf.argmax(logits, 1), tf.argmax(y, 1))
    accuracy = tf.reduce_mean(tf.cast(right, tf.float32))
    assert [v.name for v in tf.trainable_variables()] == [
        *("dense/kernel:0", "dense/bias:0", "dense_1/kernel:0", "dense_1/bias:0")
    ]
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(30):
            for start in range(0, 200, 50):
                part = slice(start, start + 50)
                sess.run(train, {x: data[part], y: labels[part]})
        assert sess.run(accuracy, {x: data, y: labels}) > 0.85


def test_a_convolutional_network_runs(device):
    x = tf.placeholder(tf.float32, [None, 64])
    images = tf.reshape(x, [-1, 8, 8, 1])
    w = tf.Variable(tf.truncated_normal([3, 3, 1, 2], stddev=0.1, seed=1))
    h = tf.nn.relu(tf.nn.conv2d(images, w, strides=[1, 1, 1, 1], padding="SAME") + tf.zeros([2]))
    h = tf.nn.max_pool(h, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")
    h = tf.layers.batch_normalization(h, training=True)
    h = tf.layers.conv2d(h, 3, 3, activation=tf.nn.relu)
    h = tf.layers.max_pooling2d(h, 2, 2)
    flat = tf.layers.flatten(h)
    assert [str(t.shape) for t in (images, h, flat)] == ["(?, 8, 8, 1)", "(?, 1, 1, 3)", "(?, 3)"]
    loss = tf.reduce_mean(tf.square(flat - 1.0))
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train = tf.train.GradientDescentOptimizer(0.05).minimize(loss)
    data = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        losses = [sess.run([train, loss], {x: data})[1] for _ in range(6)]
        moved = sess.run("batch_normalization/moving_mean:0")
    assert losses[-1] < losses[0] and np.abs(moved).sum() > 0


@pytest.mark.parametrize("cell", ["BasicRNNCell", "BasicLSTMCell", "GRUCell"])
def test_recurrent_networks_learn(cell, device):
    tf.set_random_seed(3)
    x = tf.placeholder(tf.float32, [None, 4, 2])
    outputs, _ = tf.nn.dynamic_rnn(getattr(tf.nn.rnn_cell, cell)(5), x, dtype=tf.float32)
    assert str(outputs.shape) == "(?, 4, 5)"
    loss = tf.reduce_mean(tf.square(tf.reduce_sum(x, axis=[1, 2]) - outputs[:, -1, 0]))
    train = tf.train.AdamOptimizer(0.05).minimize(loss)
    data = np.random.default_rng(0).normal(size=(16, 4, 2)).astype(np.float32) * 0.1
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        losses = [sess.run([train, loss], {x: data})[1] for _ in range(8)]
    assert losses[-1] < losses[0]


# The Saver ----------------------------------------------------------------------------------------


def test_the_saver_continues_at_4_and_5(device, tmp_path, capsys):
    path = str(tmp_path / "model" / "model.ckpt")
    a = tf.Variable(1, name="a")
    b = tf.assign(a, a + 1)
    saver = tf.train.Saver()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert [sess.run(b), sess.run(b)] == [2, 3]
        assert saver.save(sess, path) == path
    saver = tf.train.Saver()
    with tf.Session() as sess:
        saver.restore(sess, path)  # without the initializer, too
        assert [sess.run(b), sess.run(b)] == [4, 5]
    assert capsys.readouterr().err.endswith(f"INFO:tensorflow:Restoring parameters from {path}\n")
    assert tf.train.latest_checkpoint(str(tmp_path / "model")) == path
    assert tf.train.list_variables(path) == [("a", [])]
    assert tf.train.load_variable(path, "a") == 3


def test_the_saver_keeps_the_last_ones(tmp_path):
    v = tf.Variable([1.0], name="v")
    step = tf.train.get_or_create_global_step()
    saver = tf.train.Saver({"weight": v}, max_to_keep=2)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for number in range(4):
            sess.run(step.assign(number))
            saver.save(sess, str(tmp_path / "m"), global_step=step)
    left = sorted(p.name for p in tmp_path.iterdir() if p.suffix == ".index")
    assert left == ["m-2.index", "m-3.index"]
    state = tf.train.get_checkpoint_state(str(tmp_path))
    assert state.model_checkpoint_path == str(tmp_path / "m-3")
    assert state.all_model_checkpoint_paths == saver.last_checkpoints
    assert tf.train.list_variables(str(tmp_path)) == [("weight", [1])]


def test_training_goes_on_from_a_checkpoint_as_if_nothing_had_happened(device, tmp_path):
    w = tf.Variable([3.0, -2.0], name="w")
    train = tf.train.AdamOptimizer(0.1).minimize(tf.reduce_sum(tf.square(w)))
    saver = tf.train.Saver()
    path = str(tmp_path / "m")
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(3):
            sess.run(train)
        saver.save(sess, path)
        for _ in range(3):
            sess.run(train)
        straight = sess.run(w)
    with tf.Session() as sess:
        saver.restore(sess, path)
        for _ in range(3):
            sess.run(train)
        np.testing.assert_array_equal(sess.run(w), straight)


def test_words_of_the_saver(tmp_path):
    assert words(InvalidArgumentError, tf.train.Saver) == "No variables to save"
    a = tf.Variable([1.0, 2.0], name="a")
    saver, path = tf.train.Saver(), str(tmp_path / "m")
    with tf.Session() as sess:
        assert words(FailedPreconditionError, lambda: saver.save(sess, path)) == (
            "Attempting to use uninitialized value a\n\t [[{{node a/read}}]]\n"
            "Run sess.run(tf.global_variables_initializer()) in this session first: every session "
            "has its own values."
        )
        assert words(InvalidArgumentError, lambda: saver.restore(sess, path)) == (
            f"The passed save_path is not a valid checkpoint: {path}. It is what saver.save() "
            "returned, without .index or .data"
        )
        assert words(InvalidArgumentError, lambda: saver.restore(sess, None)) == (
            "Can't load save_path when it is None."
        )
        sess.run(tf.global_variables_initializer())
        saver.save(sess, path)
        other = tf.Variable([1.0], name="other")
        assert words(NotFoundError, lambda: tf.train.Saver().restore(sess, path)) == (
            "Restoring from checkpoint failed. This is most likely due to a Variable name or other "
            "graph key that is missing from the checkpoint. Please ensure that you have not "
            "altered the graph expected based on the checkpoint. Original error:\n\nKey other not "
            f"found in checkpoint {path}, which has a"
        )
        found = words(
            InvalidArgumentError, lambda: tf.train.Saver({"a": other}).restore(sess, path)
        )
        assert found == (
            "Assign requires shapes of both tensors to match. lhs shape= [1] rhs shape= [2]: the "
            f"variable other:0 and a in the checkpoint {path}. Make the variable with the shape "
            "that was saved"
        )
        sess.run(a.assign([7.0, 8.0]))
        saver.restore(sess, path)
        assert sess.run(a).tolist() == [1.0, 2.0]


# Options ------------------------------------------------------------------------------------------


def test_flags(monkeypatch):
    from tensorcore.tf.compat.v1.flags import _Flags

    monkeypatch.setattr(tf.flags, "FLAGS", _Flags())
    monkeypatch.setattr("sys.argv", ["program.py", "--rate=0.5", "--nofast", "file"])
    tf.app.flags.DEFINE_float("rate", 0.1, "step size")
    tf.flags.DEFINE_boolean("fast", True, "")
    tf.flags.DEFINE_integer("steps", 3, "")
    flags = tf.flags.FLAGS
    assert (flags.rate, flags.fast, flags.steps) == (0.5, False, 3)
    flags.steps = 9
    seen = []
    with pytest.raises(SystemExit) as stop:
        tf.app.run(lambda argv: seen.append(argv))
    assert stop.value.code is None and seen == [["program.py", "file"]] and flags.steps == 9
    with pytest.raises(AttributeError, match="'other' is not defined"):
        flags.other  # noqa: B018


# Numbers of real TensorFlow -----------------------------------------------------------------------


with np.load(Path(__file__).parent / "golden" / "tf1.npz") as golden:
    GOLDEN = {str(key): golden[f"a{n}"] for n, key in enumerate(golden["keys"])}


def golden_values(key: str) -> list[np.ndarray]:
    return [value for name, value in GOLDEN.items() if name.rpartition(" #")[0] == key]


@pytest.mark.parametrize("expression", programs.EXPRESSIONS)
def test_expressions_give_what_tensorflow_gives(expression, device):
    found = programs.evaluate(tf, expression)
    expected = golden_values(expression)
    assert [value.shape for value in found] == [value.shape for value in expected]
    assert [value.dtype for value in found] == [value.dtype for value in expected]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("optimizer", programs.OPTIMIZERS)
def test_training_gives_what_tensorflow_gives(optimizer, device):
    found, names = programs.train(tf, optimizer)
    expected = golden_values(optimizer)
    assert names == GOLDEN[f"{optimizer} names"].tolist()
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6)


# What programs of the era do ----------------------------------------------------------------------


def test_float_is_float32():
    x, w = tf.placeholder("float", [None, 2]), tf.Variable(0.5)
    assert str(tf.multiply(x, w)) == 'Tensor("Mul:0", shape=(?, 2), dtype=float32)'


def test_shapes_are_known_behind_dropout_and_placeholders_of_unknown_rank():
    x, keep = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.float32)
    training, u = tf.placeholder(tf.bool), tf.placeholder(tf.float32)
    shapes = [tf.nn.dropout(x, keep).shape, tf.layers.dropout(x, training=training).shape]
    assert list(map(str, shapes)) == ["(?, 4)", "(?, 4)"]
    assert str(tf.argmax(tf.matmul(u, u), 1)) == 'Tensor("ArgMax:0", dtype=int64)'


def test_a_size_that_only_one_input_knows(device):
    cell = tf.nn.rnn_cell.BasicLSTMCell(2)
    x = tf.placeholder(tf.float32, [None, 3, 1])
    outputs, state = tf.nn.dynamic_rnn(cell, x, initial_state=cell.zero_state(2, tf.float32))
    assert str(outputs.shape) == "(2, 3, 2)"
    found, last = run([outputs, state], {x: np.ones((2, 3, 1))})
    np.testing.assert_array_equal(found[:, -1], last.h)


def test_sequences_have_a_loss(device):
    logits = tf.constant(np.random.default_rng(0).normal(size=(2, 3, 4)), tf.float32)
    targets = tf.constant([[0, 1, 2], [3, 2, 1]])
    weights = tf.constant([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits) * weights
    loss = tf.contrib.seq2seq.sequence_loss(logits=logits, targets=targets, weights=weights)
    found, every = run([loss, each])
    np.testing.assert_allclose(found, every.sum() / 3, rtol=1e-6)


def test_branches_run_alone(device):
    count, on = tf.Variable(0), tf.placeholder(tf.bool, [])
    chosen = tf.cond(on, lambda: tf.assign_add(count, 1), lambda: tf.identity(count) * 100)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert [sess.run(chosen, {on: on_}) for on_ in (True, True, False, True)] == [1, 2, 200, 3]
    assert words(InvalidArgumentError, lambda: tf.cond(on, lambda: 1, lambda: 1.0)).startswith(
        "tf.cond: true_fn and false_fn must return tensors of the same dtype, received Tensor("
    )
    i = tf.constant(0)
    turned = lambda i: tf.to_float(i)  # noqa: E731
    assert words(InvalidArgumentError, lambda: tf.while_loop(lambda i: i < 3, turned, [i])) == (
        "tf.while_loop: the loop variable Const:0 has dtype int32, the body returns float32 for it"
    )


def test_python_functions_are_operations(device):
    x = tf.placeholder(tf.float32, [None])
    doubled = tf.py_func(lambda values: values * 2, [x], tf.float32)
    for _ in range(3):
        assert run(doubled + 1.0, {x: [1.0, 2.0]}).tolist() == [3.0, 5.0]


def test_summaries(device, tmp_path, monkeypatch):
    x = tf.placeholder(tf.float32, [None])
    assert tf.summary.merge_all() is None
    tf.summary.scalar("average", tf.reduce_mean(x))
    tf.summary.histogram("values", x)
    found = run(tf.summary.merge_all(), {x: [1.0, 2.0, 3.0]})
    (kind, tag, mean), (other_kind, other_tag, values) = found.parts
    assert (kind, tag, other_kind, other_tag) == ("scalar", "average", "histogram", "values")
    assert float(mean) == 2.0 and values.tolist() == [1.0, 2.0, 3.0]

    written = []

    class SummaryWriter:
        def __init__(self, folder):
            self.add_scalar = lambda *args: written.append((folder, *args))
            self.add_histogram = lambda tag, values, step: written.append((tag, list(values), step))
            self.close = lambda: written.append("closed")

    monkeypatch.setitem(
        sys.modules, "tensorboardX", types.SimpleNamespace(SummaryWriter=SummaryWriter)
    )
    with tf.summary.FileWriter("folder") as writer:
        writer.add_summary(found, global_step=7)
    assert written == [("folder", "average", 2.0, 7), ("values", [1.0, 2.0, 3.0], 7), "closed"]
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    assert words(InvalidArgumentError, lambda: tf.summary.FileWriter("x")) == (
        "tf.summary.FileWriter needs the package tensorboardX: pip install tensorboardX"
    )


def test_a_large_matrix_goes_on_learning(device):
    """Plans are improved after some runs: nothing may change then."""
    rng = np.random.default_rng(0)
    x, w0 = rng.normal(size=(8, 160)), rng.normal(size=(160, 128))
    w = tf.Variable(w0, dtype=tf.float32)
    data = tf.placeholder(tf.float32, [None, 160])
    loss = tf.reduce_sum(tf.square(tf.matmul(data, w))) / 2
    train = tf.train.MomentumOptimizer(0.0005, 0.5).minimize(loss)
    momentum = np.zeros_like(w0)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(40):
            sess.run(train, {data: x})
            momentum = 0.5 * momentum + x.T @ (x @ w0)
            w0 = w0 - 0.0005 * momentum
        np.testing.assert_allclose(sess.run(w), w0, rtol=1e-4, atol=1e-5)


def test_branches_and_loops_are_part_of_the_plan(device):
    x, w = tf.placeholder(tf.float32, [None]), tf.Variable(2.0)
    chosen = tf.cond(tf.reduce_sum(x) > 0.0, lambda: x * w, lambda: -x)
    _, power = tf.while_loop(lambda n, _: n < 3, lambda n, p: (n + 1, p * w), [0, tf.constant(1.0)])
    found = [chosen, power, *tf.gradients(tf.reduce_sum(chosen) + power, [w, x])]
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for sign in (1.0, -1.0, 1.0, -1.0):
            y, p, dw, dx = sess.run(found, {x: [sign, sign]})
            assert y.tolist() == ([2.0, 2.0] if sign > 0 else [1.0, 1.0]) and p == 8.0
            assert dw == (14.0 if sign > 0 else 12.0)
            assert dx.tolist() == ([2.0, 2.0] if sign > 0 else [-1.0, -1.0])


def test_files_and_modules_of_the_era(tmp_path, device):
    folder, path = tmp_path / "a" / "b", tmp_path / "a" / "b" / "x.txt"
    tf.gfile.MakeDirs(folder)
    with tf.gfile.GFile(path, "w") as file:
        file.write("안녕")
    tf.gfile.Copy(path, tmp_path / "y.txt")
    with pytest.raises(FileExistsError, match="overwrite=True replaces it"):
        tf.gfile.Copy(path, tmp_path / "y.txt")
    with tf.gfile.GFile(tmp_path / "y.txt", "rb") as file:
        assert file.read().decode() == "안녕"
    assert tf.gfile.Glob(folder / "*.txt") == [str(path)] and tf.gfile.ListDirectory(folder)
    tf.gfile.DeleteRecursively(tmp_path / "a")
    assert not tf.gfile.Exists(path)
    tf.random.set_random_seed(1)
    assert run(tf.random.normal([2, 3])).shape == (2, 3)
    assert tf.errors.FailedPreconditionError in FailedPreconditionError.__mro__
    assert "everything is eager" in words(MissingNameError, lambda: tf.enable_eager_execution)


def test_wrong_shapes_are_told_without_sizes_that_nobody_gave(device):
    x = tf.placeholder(tf.float32, [None, 3])
    with pytest.raises(ValueError, match=r"x1 of shape \(\?, 3\) ends in 3, x2 of shape \(2, 2\)"):
        tf.matmul(x, tf.ones([2, 2]))


def test_fed_rows_must_have_one_length(device):
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    words = r"different lengths for Tensor x:0.*\(\?, 2\): \[0\] has 2 elements, \[1\] has 1"
    with tf.Session() as sess, pytest.raises(ValueError, match=words):
        sess.run(x * 2, {x: [[1, 2], [3]]})
