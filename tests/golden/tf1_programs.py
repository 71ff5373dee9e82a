"""Expressions and small programs of TensorFlow 1 that mean the same here and there.

Each is evaluated in a fresh graph with `tf` and the arrays below as constants of the same names.
"""

from __future__ import annotations

import numpy as np

_random = np.random.RandomState(5)


def _normal(*shape: int) -> np.ndarray:
    return _random.normal(size=shape).astype(np.float32)


ARRAYS = {
    "x": _normal(4, 3),
    "y": _normal(4, 3),
    "p": np.abs(_normal(4, 3)) + 0.1,
    "w": _normal(3, 2),
    "v": _normal(3),
    "n": np.array([[1, -2, 3], [7, 5, -6]], np.int32),
    "k": np.array([2, 3, 4], np.int32),
    "labels": np.array([0, 2, 1, 2], np.int32),
    "onehot": np.eye(3, dtype=np.float32)[[0, 2, 1, 2]],
    "yes": np.array([[1, 0, 1], [0, 0, 1], [1, 1, 1], [0, 1, 0]], np.float32),
    "mask": np.array([True, False, True, True]),
    "img": _normal(2, 7, 6, 3),
    "filt": _normal(3, 3, 3, 2),
}

EXPRESSIONS = """
tf.abs(x)
tf.exp(x)
tf.log(p)
tf.log1p(p)
tf.sqrt(p)
tf.rsqrt(p)
tf.square(x)
tf.sign(x)
tf.floor(x)
tf.ceil(x)
tf.round(x * 2.0)
tf.sin(x)
tf.atan(x)
tf.tanh(x)
tf.sigmoid(x)
tf.erf(x)
tf.reciprocal(p)
tf.pow(p, y)
tf.maximum(x, 0.5)
tf.mod(n, 4)
n % 4
n // 4
n / 4
tf.div(n, 4)
tf.floordiv(x, 0.3)
tf.truediv(n, k)
tf.squared_difference(x, y)
tf.add_n([x, y, p])
1.0 - x
x ** 2
-x
x > y
tf.equal(n, 3)
tf.logical_and(x > 0.0, y > 0.0)
tf.matmul(x, w)
tf.matmul(x, y, transpose_b=True)
tf.matmul(x, y, transpose_a=True)
tf.tensordot(x, w, 1)
tf.reduce_sum(x)
tf.reduce_sum(n, 0)
tf.reduce_sum(x, reduction_indices=[1])
tf.reduce_mean(x, 1, keep_dims=True)
tf.reduce_mean(n)
tf.reduce_max(x, axis=[0, 1])
tf.reduce_min(x, 0)
tf.reduce_prod(x, 1)
tf.reduce_any(x > 1.0, 1)
tf.reduce_all(x > -9.0)
tf.reduce_logsumexp(x, 1)
tf.argmax(x, 1)
tf.argmax(x)
tf.argmin(x, 1)
tf.cumsum(x, 1)
tf.cumsum(x, exclusive=True)
tf.cumsum(x, reverse=True)
tf.clip_by_value(x, -0.5, 0.5)
tf.clip_by_norm(x, 1.0)
tf.global_norm([x, y])
tf.clip_by_global_norm([x, y], 1.0)[0]
tf.norm(x)
tf.cast(x * 3.0, tf.int32)
tf.to_float(n)
tf.reshape(x, [-1, 2])
tf.reshape(x, tf.stack([tf.shape(x)[1], -1]))
tf.transpose(x)
tf.transpose(img, [0, 3, 1, 2])
tf.expand_dims(x, 1)
tf.squeeze(tf.expand_dims(x, 1))
tf.concat([x, y], 1)
tf.stack([x, y], axis=1)
tf.unstack(x, axis=1)
tf.split(x, 2)
tf.split(x, [1, 2], 1)
tf.tile(x, [2, 1])
tf.slice(x, [1, 0], [2, -1])
x[1:3, ::-1]
x[..., 0]
x[:, tf.newaxis, 1]
tf.gather(x, [2, 0, 2])
tf.gather(x, [1, 0], axis=1)
tf.gather_nd(x, [[0, 1], [3, 2]])
tf.pad(x, [[1, 0], [0, 2]])
tf.reverse(x, [1])
tf.where(x > 0.0, x, y)
tf.where(mask, x, y)
tf.where(mask)
tf.boolean_mask(x, mask)
tf.one_hot(labels, 3)
tf.one_hot([0, 5, -1], 3, 2.0, -2.0)
tf.one_hot(labels, 3, axis=0)
tf.shape(img)
tf.size(x)
tf.rank(img)
tf.zeros_like(n)
tf.ones([2, 3], tf.int32)
tf.fill([2, 2], 7.0)
tf.eye(3)
tf.range(3, 12, 4)
tf.range(5)
tf.linspace(0.0, 1.0, 5)
tf.constant(3.0, shape=[2, 2])
tf.constant([1, 2], tf.float32)
tf.nn.relu(x)
tf.nn.relu6(x * 4.0)
tf.nn.elu(x)
tf.nn.selu(x)
tf.nn.leaky_relu(x)
tf.nn.softplus(x)
tf.nn.softsign(x)
tf.nn.softmax(x)
tf.nn.softmax(x, axis=0)
tf.nn.log_softmax(x)
tf.nn.softmax_cross_entropy_with_logits(labels=onehot, logits=x)
tf.nn.softmax_cross_entropy_with_logits_v2(labels=onehot, logits=x)
tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=x)
tf.nn.sigmoid_cross_entropy_with_logits(labels=yes, logits=x)
tf.nn.weighted_cross_entropy_with_logits(labels=yes, logits=x, pos_weight=2.5)
tf.nn.l2_loss(x)
tf.nn.bias_add(x, v)
tf.nn.xw_plus_b(x, w, w[0])
tf.nn.conv2d(img, filt, [1, 1, 1, 1], "SAME")
tf.nn.conv2d(img, filt, [1, 2, 2, 1], "SAME")
tf.nn.conv2d(img, filt, strides=[1, 2, 1, 1], padding="VALID")
tf.nn.max_pool(img, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
tf.nn.max_pool(img, ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding="VALID")
tf.nn.avg_pool(img, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
tf.nn.embedding_lookup(x, labels)
tf.nn.moments(x, [0])
tf.nn.batch_normalization(x, v, v * v, v, 2.0, 1e-3)
tf.nn.l2_normalize(x, 1)
tf.nn.lrn(img, 1, 1.0, 0.5, 0.75)
tf.nn.top_k(x, 2)
tf.nn.in_top_k(x, labels, 2)
tf.nn.zero_fraction(tf.nn.relu(x))
tf.losses.mean_squared_error(x, y)
tf.losses.mean_squared_error(x, y, weights=[[1.0], [0.0], [2.0], [1.0]])
tf.losses.absolute_difference(x, y)
tf.losses.huber_loss(x, y * 3.0)
tf.losses.log_loss(yes, tf.nn.sigmoid(x))
tf.losses.softmax_cross_entropy(onehot, x)
tf.losses.softmax_cross_entropy(onehot, x, label_smoothing=0.1)
tf.losses.sparse_softmax_cross_entropy(labels, x)
tf.losses.sigmoid_cross_entropy(yes, x, weights=0.5)
tf.train.exponential_decay(0.1, 7, 3, 0.5)
tf.train.exponential_decay(0.1, 7, 3, 0.5, staircase=True)
tf.train.inverse_time_decay(0.1, 7, 3, 0.5)
tf.train.natural_exp_decay(0.1, 7, 3, 0.5)
tf.train.polynomial_decay(0.1, 7, 10, 0.01, power=2.0)
tf.train.polynomial_decay(0.1, 17, 10, 0.01, cycle=True)
tf.train.cosine_decay(0.1, 3, 10)
tf.train.piecewise_constant(7, [3, 6], [0.1, 0.2, 0.3])
tf.gradients(tf.reduce_sum(tf.nn.softmax(x) * y), [x, y])
tf.gradients(tf.nn.conv2d(img, filt, [1, 2, 2, 1], "SAME"), [img, filt])
tf.gradients(tf.nn.max_pool(img, [1, 2, 2, 1], [1, 2, 2, 1], "SAME") ** 2, img)
tf.gradients(x * x, x, grad_ys=y)
tf.gradients(tf.gradients(x ** 3, x)[0], x)
tf.convert_to_tensor(tf.gradients(tf.nn.embedding_lookup(x, labels) * y, x)[0])
tf.cond(tf.reduce_sum(x) > 0.0, lambda: x * 2.0, lambda: x - 1.0)
tf.cond(v[0] > 100.0, lambda: (v, v + 1.0), lambda: (v * 2.0, v))
tf.while_loop(lambda i, s: i < 5, lambda i, s: (i + 1, s * 1.5), [0, v])
tf.while_loop(lambda s: tf.reduce_sum(s) < 50.0, lambda s: s * 2.0, [p])
tf.gradients(tf.cond(v[0] > 100.0, lambda: x * 2.0, lambda: x * x), x)
tf.case([(v[0] > 100.0, lambda: v), (v[1] < 100.0, lambda: v * 3.0)], default=lambda: -v)
tf.map_fn(lambda row: row * row, x)
tf.scan(lambda a, row: a + row, x)
""".strip().splitlines()

TRAINING = """
a = tf.Variable(w0, name="a")
b = tf.Variable(tf.zeros([3]), name="b")
step = tf.train.get_or_create_global_step()
hidden = tf.nn.tanh(tf.matmul(x, a))
loss = tf.reduce_mean(
    tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=hidden + b)
)
train = {optimizer}.minimize(loss, global_step=step)
session = tf.Session()
session.run(tf.global_variables_initializer())
losses = [session.run([train, loss])[1] for _ in range(5)]
values = [losses] + session.run([a, b, step] + [v for v in tf.global_variables() if "/" in v.name])
names = [v.name for v in tf.global_variables()]
"""
OPTIMIZERS = [
    "tf.train.GradientDescentOptimizer(0.5)",
    "tf.train.GradientDescentOptimizer(tf.train.exponential_decay(0.5, step, 2, 0.5))",
    "tf.train.MomentumOptimizer(0.1, 0.9)",
    "tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True)",
    "tf.train.AdamOptimizer(0.05)",
    "tf.train.AdamOptimizer(0.05, beta1=0.5, beta2=0.9, epsilon=0.01)",
    "tf.train.AdagradOptimizer(0.3)",
    "tf.train.AdadeltaOptimizer(1.0)",
    "tf.train.RMSPropOptimizer(0.01)",
    "tf.train.RMSPropOptimizer(0.01, momentum=0.9, centered=True)",
]
W0 = _normal(3, 3)


def evaluate(tf, expression: str):
    """The values of an expression, as a flat list of arrays."""
    tf.reset_default_graph()
    space = {name: tf.constant(value) for name, value in ARRAYS.items()}
    result = eval(expression, {"tf": tf, **space})
    with tf.Session() as session:
        return flat(session.run(result))


def train(tf, optimizer: str):
    """(values after five steps, the variables' names)."""
    tf.reset_default_graph()
    space = {name: tf.constant(value) for name, value in ARRAYS.items()}
    space.update(tf=tf, w0=W0)
    exec(TRAINING.format(optimizer=optimizer), space)
    return flat(space["values"]), space["names"]


def flat(value):
    if isinstance(value, (list, tuple)) and not hasattr(value, "dtype"):
        return [leaf for part in value for leaf in flat(part)]
    return [np.asarray(value)]
