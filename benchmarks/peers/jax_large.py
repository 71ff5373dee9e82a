"""JAX's programs of the large workloads: W8, a residual network, and W9, an encoder of texts.

Weights, statistics and the last layer are in float32; convolutions, products and what lies between
them in bfloat16.  A program is the state of a training and a function `(state, batch) -> (state,
loss)`.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

BF16, F32 = jnp.bfloat16, jnp.float32
EPSILON = 1e-3  # of the norms
KEPT = 0.99  # of moving statistics


def drawn(shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """Random kernels (_w), scales of 1 (_g), and biases and moving means of 0."""
    rng = np.random.default_rng(0)
    values = {}
    for name, shape in shapes.items():
        if name.endswith("_w"):
            values[name] = rng.normal(size=shape) * (2 / max(1, np.prod(shape[:-1]))) ** 0.5
        else:
            values[name] = np.ones(shape) if name.endswith(("_g", "_variance")) else np.zeros(shape)
    return {name: jnp.asarray(value, F32) for name, value in values.items()}


# W8 ----------------------------------------------------------------------------------------------


def convolutions(width: int) -> dict[str, tuple[int, ...]]:
    """The kernels of a ResNet-18 by name: (height, width, inputs, outputs)."""
    shapes: dict[str, tuple[int, ...]] = {"stem": (7, 7, 3, width)}
    inputs = width
    for stage in range(4):
        filters = width << stage
        for block in range(2):
            name = f"s{stage}b{block}"
            shapes[name + "first"] = (3, 3, inputs, filters)
            shapes[name + "second"] = (3, 3, filters, filters)
            if stage and not block:
                shapes[name + "shortcut"] = (1, 1, inputs, filters)
            inputs = filters
    return shapes


def convolved(p: Any, moving: Any, name: str, x: Any, stride: int) -> Any:
    """A convolution and its batch normalization; notes the new moving statistics."""
    y = lax.conv_general_dilated(
        x,
        p[name + "_w"].astype(BF16),
        (stride, stride),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    ).astype(F32)
    mean = y.mean((0, 1, 2))
    variance = jnp.square(y - mean).mean((0, 1, 2))
    for kind, value in (("_mean", mean), ("_variance", variance)):
        moving[name + kind] = KEPT * moving[name + kind] + (1 - KEPT) * value
    scale = p[name + "_g"] * lax.rsqrt(variance + EPSILON)
    return ((y - mean) * scale + p[name + "_b"]).astype(BF16)


def residual_network(p: Any, moving: Any, x: Any) -> Any:
    """Logits of images of bytes."""
    relu = jax.nn.relu
    x = x.astype(BF16) * jnp.asarray(1 / 255, BF16)
    x = relu(convolved(p, moving, "stem", x, 2))
    x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
    for stage in range(4):
        for block in range(2):
            name = f"s{stage}b{block}"
            stride = 2 if stage and not block else 1
            y = relu(convolved(p, moving, name + "first", x, stride))
            y = convolved(p, moving, name + "second", y, 1)
            if stride > 1:
                x = convolved(p, moving, name + "shortcut", x, stride)
            x = relu(x + y)
    return x.astype(F32).mean((1, 2)) @ p["last_w"] + p["last_b"]


def image_program(size: int, classes: int, width: int) -> tuple[Any, Any]:
    """Trained by gradient descent with momentum."""
    shapes, statistics = {}, {}
    for name, shape in convolutions(width).items():
        shapes[name + "_w"] = shape
        shapes[name + "_g"] = shapes[name + "_b"] = shape[-1:]
        statistics[name + "_mean"] = statistics[name + "_variance"] = shape[-1:]
    shapes |= {"last_w": (width << 3, classes), "last_b": (classes,)}
    p = drawn(shapes)
    state = p, jax.tree_util.tree_map(jnp.zeros_like, p), drawn(statistics)

    def step(state: Any, batch: Any) -> Any:
        p, v, moving = state
        x, y = batch

        def loss_of(p: Any) -> Any:
            new = dict(moving)
            return classified(residual_network(p, new, x), y), new

        (loss, moving), g = jax.value_and_grad(loss_of, has_aux=True)(p)
        v = jax.tree_util.tree_map(lambda v, g: 0.9 * v - 0.01 * g, v, g)
        return (jax.tree_util.tree_map(jnp.add, p, v), v, moving), loss

    return state, step


# W9 ----------------------------------------------------------------------------------------------


def dense(p: Any, name: str, x: Any) -> Any:
    """x @ kernel + bias in bfloat16."""
    return x @ p[name + "_w"].astype(BF16) + p[name + "_b"].astype(BF16)


def norm(p: Any, name: str, x: Any) -> Any:
    """Layer normalization, computed in float32."""
    x = x.astype(F32)
    mean = x.mean(-1, keepdims=True)
    variance = jnp.square(x - mean).mean(-1, keepdims=True)
    return ((x - mean) * lax.rsqrt(variance + EPSILON) * p[name + "_g"] + p[name + "_b"]).astype(
        BF16
    )


@functools.cache
def attention_way() -> str:
    """cuDNN's flash attention where it runs, else XLA's."""
    if jax.default_backend() != "gpu":
        return "xla"
    x = jnp.ones((1, 128, 1, 64), BF16)
    try:
        jax.grad(
            lambda x: (
                jax.nn.dot_product_attention(x, x, x, implementation="cudnn").sum().astype(F32)
            )
        )(x).block_until_ready()
    except Exception:  # every version refuses with a class of its own
        return "xla"
    return "cudnn"


def block(p: Any, name: str, x: Any, heads: int) -> Any:
    """A transformer encoder block with its norms behind."""
    batch, length, size = x.shape
    query, key, value = (
        dense(p, f"{name}_{part}", x).reshape(batch, length, heads, size // heads) for part in "qkv"
    )
    mixed = jax.nn.dot_product_attention(query, key, value, implementation=attention_way())
    x = norm(p, name + "_n1", x + dense(p, name + "_o", mixed.reshape(x.shape)))
    wide = jax.nn.relu(dense(p, name + "_wide", x))
    return norm(p, name + "_n2", x + dense(p, name + "_narrow", wide))


def text_program(
    length: int, words: int, size: int, heads: int, wide: int, blocks: int, classes: int
) -> tuple[Any, Any]:
    """Trained by Adam."""
    shapes: dict[str, tuple[int, ...]] = {"words_w": (words, size)}
    for i in range(blocks):
        for part, inputs, outputs in (
            *((part, size, size) for part in "qkvo"),
            ("wide", size, wide),
            ("narrow", wide, size),
        ):
            shapes[f"{i}_{part}_w"], shapes[f"{i}_{part}_b"] = (inputs, outputs), (outputs,)
        for part in ("n1", "n2"):
            shapes[f"{i}_{part}_g"] = shapes[f"{i}_{part}_b"] = (size,)
    shapes |= {"last_w": (size, classes), "last_b": (classes,)}
    p = drawn(shapes)
    zeros = jax.tree_util.tree_map(jnp.zeros_like, p)
    state = p, zeros, jax.tree_util.tree_map(jnp.copy, zeros), jnp.zeros((), F32)

    def loss_of(p: Any, x: Any, y: Any) -> Any:
        h = jnp.take(p["words_w"], x, axis=0).astype(BF16)
        for i in range(blocks):
            h = block(p, str(i), h, heads)
        return classified(h.astype(F32).mean(1) @ p["last_w"] + p["last_b"], y)

    def step(state: Any, batch: Any) -> Any:
        p, m, v, count = state
        loss, g = jax.value_and_grad(loss_of)(p, *batch)
        p, m, v, count = adam(p, m, v, count, g)
        return (p, m, v, count), loss

    return state, step


# Both --------------------------------------------------------------------------------------------


def classified(logits: Any, y: Any) -> Any:
    """The mean cross-entropy."""
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1).mean()


def adam(p: Any, m: Any, v: Any, count: Any, g: Any) -> Any:
    """One step of Adam with Keras' constants."""
    count = count + 1
    tree_map = jax.tree_util.tree_map
    m = tree_map(lambda m, g: m + (1 - 0.9) * (g - m), m, g)
    v = tree_map(lambda v, g: v + (1 - 0.999) * (g * g - v), v, g)
    rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    p = tree_map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), p, m, v)
    return p, m, v, count


PROGRAMS = {"W8": image_program, "W9": text_program}
