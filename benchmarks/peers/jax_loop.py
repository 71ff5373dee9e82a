"""JAX: models as plain functions; a jitted step called in a loop, or a whole epoch in one scan."""

from __future__ import annotations

import functools
import gc
from typing import Any

import jax
import jax.numpy as jnp
import jax_large
import numpy as np
from jax import lax


def versions() -> dict[str, str]:
    """What runs here."""
    return {"jax": jax.__version__}


# The models: shapes of the parameters, and the logits --------------------------------------------


def dense(p: Any, name: str, x: Any) -> Any:
    """x @ kernel + bias."""
    return x @ p[name + "_w"] + p[name + "_b"]


def conv(p: Any, name: str, x: Any) -> Any:
    """A 3 x 3 convolution and relu, channels last."""
    y = lax.conv_general_dilated(
        x, p[name + "_w"], (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return jax.nn.relu(y + p[name + "_b"])


def pool(x: Any) -> Any:
    """The greatest of 2 x 2."""
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def norm(p: Any, name: str, x: Any) -> Any:
    """Layer normalization."""
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-3) * p[name + "_w"] + p[name + "_b"]


def block(p: Any, name: str, x: Any) -> Any:
    """A transformer encoder block."""
    batch, length, size = x.shape
    heads = [
        dense(p, f"{name}_{part}", x).reshape(batch, length, 4, 64).transpose(0, 2, 1, 3)
        for part in "qkv"
    ]
    scores = heads[0] @ heads[1].transpose(0, 1, 3, 2) * (1 / 8)
    mixed = (jax.nn.softmax(scores) @ heads[2]).transpose(0, 2, 1, 3).reshape(batch, length, size)
    x = norm(p, f"{name}_n1", x + dense(p, f"{name}_o", mixed))
    wide = jax.nn.relu(dense(p, f"{name}_wide", x))
    return norm(p, f"{name}_n2", x + dense(p, f"{name}_narrow", wide))


def logits(kind: str, p: Any, x: Any, key: Any) -> Any:
    """The output of a workload's model; `key` is None without dropout."""
    if kind in ("W1", "W7"):
        h = jax.nn.relu(dense(p, "a", x.reshape(len(x), -1)))
        if key is not None:
            h = jnp.where(jax.random.bernoulli(key, 0.8, h.shape), h / 0.8, 0.0)
        return dense(p, "b", h)
    if kind == "W2":
        h = conv(p, "c", x).reshape(len(x), -1)
        return dense(p, "b", jax.nn.relu(dense(p, "a", h)))
    if kind == "W3":
        h = jnp.take(p["table"], x, axis=0).mean(1)
        return dense(p, "b", jax.nn.relu(dense(p, "a", h)))[:, 0]
    if kind == "W4":
        h = pool(conv(p, "c2", conv(p, "c1", x)))
        h = pool(conv(p, "c4", conv(p, "c3", h)))
        return dense(p, "b", jax.nn.relu(dense(p, "a", h.reshape(len(x), -1))))
    return block(p, "second", block(p, "first", x))


BLOCK = {
    **{f"{part}_w": (256, 256) for part in "qkvo"},
    **{f"{part}_b": (256,) for part in "qkvo"},
    "n1_w": (256,),
    "n1_b": (256,),
    "n2_w": (256,),
    "n2_b": (256,),
    "wide_w": (256, 1024),
    "wide_b": (1024,),
    "narrow_w": (1024, 256),
    "narrow_b": (256,),
}
W1 = {"a_w": (784, 128), "a_b": (128,), "b_w": (128, 10), "b_b": (10,)}
SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "W1": W1,
    "W7": W1,
    "W2": {"c_w": (3, 3, 1, 32), "c_b": (32,), **W1, "a_w": (21632, 128)},
    "W3": {"table": (10000, 16), "a_w": (16, 16), "a_b": (16,), "b_w": (16, 1), "b_b": (1,)},
    "W4": {
        "c1_w": (3, 3, 3, 32),
        "c1_b": (32,),
        "c2_w": (3, 3, 32, 32),
        "c2_b": (32,),
        "c3_w": (3, 3, 32, 64),
        "c3_b": (64,),
        "c4_w": (3, 3, 64, 64),
        "c4_b": (64,),
        "a_w": (1600, 512),
        "a_b": (512,),
        "b_w": (512, 10),
        "b_b": (10,),
    },
    "W5": {f"{which}_{k}": shape for which in ("first", "second") for k, shape in BLOCK.items()},
}


def parameters(kind: str) -> dict[str, Any]:
    """Random weights."""
    rng = np.random.default_rng(0)
    drawn = {}
    for name, shape in SHAPES[kind].items():
        scale = 0.0 if name.endswith("_b") else (1 / max(1, np.prod(shape[:-1]))) ** 0.5
        scale = 1.0 if name[-4:] in ("n1_w", "n2_w") else scale
        drawn[name] = jnp.asarray(rng.normal(size=shape) * scale, jnp.float32)
    return drawn


def loss_of(kind: str, y_pred: Any, y: Any) -> Any:
    """The mean loss of a batch."""
    if kind == "W5":
        return ((y_pred - y) ** 2).mean()
    if kind == "W3":
        return (jax.nn.softplus(y_pred) - y * y_pred).mean()
    return -jnp.take_along_axis(jax.nn.log_softmax(y_pred), y[:, None], 1).mean()


# Training ----------------------------------------------------------------------------------------


def step(kind: str, state: Any, batch: Any) -> Any:
    """One step of Adam, for W5 of gradient descent."""
    p, m, v, count, key = state
    x, y = batch
    key, mine = jax.random.split(key) if kind == "W1" else (key, None)
    loss, g = jax.value_and_grad(lambda p: loss_of(kind, logits(kind, p, x, mine), y))(p)
    if kind == "W5":
        descended = jax.tree_util.tree_map(lambda p, g: p - 0.01 * g, p, g)
        return (descended, m, v, count, key), loss
    return (*jax_large.adam(p, m, v, count, g), key), loss


def _prepared(workload: str, data: Any, device: str) -> Any:
    """The state of a training, the function of a step, the data, and rows of a batch."""
    if device == "gpu" and jax.default_backend() != "gpu":
        raise RuntimeError(f"JAX computes on {jax.default_backend()} here")
    kind = workload.split()[0]
    # Products of float32 are those of float32 for all peers; W8 and W9 ask for bfloat16.
    is_large = kind in jax_large.PROGRAMS
    jax.config.update("jax_default_matmul_precision", None if is_large else "highest")
    x, y = jnp.asarray(data["x"]), jnp.asarray(data["y"])
    if is_large:
        state, one = jax_large.PROGRAMS[kind](*map(int, data["sizes"]))
    else:
        p = parameters(kind)
        zeros = jax.tree_util.tree_map(jnp.zeros_like, p)
        state = (p, zeros, zeros, jnp.float32(0), jax.random.PRNGKey(0))
        one = functools.partial(step, kind)
    state = jax.tree_util.tree_map(jnp.copy, state)  # donated memory may not be there twice
    return state, one, x, y, int(data["batch"])


def _counted(round: Any, state: Any) -> Any:
    """A round that says how many numbers are trained."""
    count = sum(leaf.size for leaf in jax.tree_util.tree_leaves(state[0]))
    round.parameters = lambda: count
    return round


def loop(workload: str, data: Any, device: str) -> Any:
    """A jitted step, which gathers its batch, called in a loop."""
    if workload.startswith("W7"):
        return _infer(data)
    state, train, x, y, batch = _prepared(workload, data, device)
    steps = len(x) // batch

    def one(state: Any, x: Any, y: Any, rows: Any) -> Any:
        return train(state, (x[rows], y[rows]))

    jitted = jax.jit(one, donate_argnums=0)
    held = [state]

    def round() -> int:
        order = np.random.permutation(len(x)).astype(np.int32)
        loss = None
        for i in range(steps):
            held[0], loss = jitted(held[0], x, y, order[i * batch : (i + 1) * batch])
        loss.block_until_ready()
        return steps

    return _counted(round, state)


def scan(workload: str, data: Any, device: str) -> Any:
    """A whole epoch compiled into one loop."""
    if workload.startswith(("W7", "W8", "W9")):
        raise NotImplementedError("inference, or steps so long that a loop is as good")
    state, train, x, y, batch = _prepared(workload, data, device)
    steps = len(x) // batch

    def epoch(state: Any, x: Any, y: Any, order: Any) -> Any:
        return lax.scan(lambda s, rows: train(s, (x[rows], y[rows])), state, order)

    jitted = jax.jit(epoch, donate_argnums=0)
    held = [state]

    def round() -> int:
        order = np.random.permutation(len(x))[: steps * batch].astype(np.int32)
        held[0], losses = jitted(held[0], x, y, order.reshape(steps, batch))
        losses.block_until_ready()
        return steps

    return _counted(round, state)


def _infer(data: Any) -> Any:
    p = parameters("W7")
    x, times = jnp.asarray(data["x"]), int(data["times"])
    infer = jax.jit(lambda p, x: jax.nn.softmax(logits("W7", p, x, None)))

    def round() -> int:
        y = None
        for _ in range(times):
            y = infer(p, x)
            y.block_until_ready()
        return times

    return round


def forget() -> None:
    """Give memory back before the next workload."""
    jax.clear_caches()
    gc.collect()


COMPETITORS = {"jit loop": loop, "scan": scan}
