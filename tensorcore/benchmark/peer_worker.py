"""Runs in a peer's own Python: times its operations, as asked on standard input.

This file imports nothing of tensorcore.
"""

import json
import statistics
import sys
import time

import numpy as np

ROUNDS = 7


class NumPy:
    """NumPy's functions; CuPy's have the same names."""

    def __init__(self, module):
        self.xp = module

    def array(self, values, dtype, device):
        if device != ("gpu:0" if self.xp.__name__ == "cupy" else "cpu"):
            raise NotImplementedError
        return self.xp.asarray(values.astype(dtype))

    def wait(self, result):
        if self.xp.__name__ == "cupy":
            self.xp.cuda.get_current_stream().synchronize()

    def functions(self):
        xp = self.xp
        return {
            "add": xp.add,
            "exp": xp.exp,
            "tanh": xp.tanh,
            "sum": xp.sum,
            "sum of columns": lambda x: xp.sum(x, axis=0),
            "softmax": self.softmax,
            "transpose": lambda x: xp.ascontiguousarray(x.T),
            "matmul": xp.matmul,
            "take": lambda table, indices: xp.take(table, indices, axis=0),
            "sort": xp.sort,
        }

    def softmax(self, x):
        e = self.xp.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)


class Torch:
    def __init__(self, module):
        self.torch = module
        module.set_grad_enabled(False)

    def array(self, values, dtype, device):
        where = "cuda" if device.startswith("gpu") else "cpu"
        tensor = self.torch.from_numpy(np.ascontiguousarray(values))
        kind = self.torch.int64 if values.dtype.kind == "i" else getattr(self.torch, dtype)
        return tensor.to(where, kind)

    def wait(self, result):
        if self.torch.is_tensor(result) and result.is_cuda:
            self.torch.cuda.synchronize()

    def functions(self):
        torch = self.torch
        return {
            "add": torch.add,
            "exp": torch.exp,
            "tanh": torch.tanh,
            "gelu": lambda x: torch.nn.functional.gelu(x),
            "sum": torch.sum,
            "sum of columns": lambda x: torch.sum(x, 0),
            "softmax": lambda x: torch.softmax(x, -1),
            "transpose": lambda x: x.T.contiguous(),
            "matmul": torch.matmul,
            "take": lambda table, indices: torch.nn.functional.embedding(indices, table),
            "sort": lambda x: torch.sort(x).values,
        }


class Jax:
    def __init__(self, module):
        self.jax = module

    def array(self, values, dtype, device):
        kind = "gpu" if device.startswith("gpu") else "cpu"
        array = values if values.dtype.kind == "i" else values.astype(dtype)
        return self.jax.device_put(array, self.jax.devices(kind)[0])

    def wait(self, result):
        self.jax.block_until_ready(result)

    def functions(self):
        jax, jnp = self.jax, self.jax.numpy
        found = {
            "add": jnp.add,
            "exp": jnp.exp,
            "tanh": jnp.tanh,
            "gelu": lambda x: jax.nn.gelu(x, approximate=False),
            "sum": jnp.sum,
            "sum of columns": lambda x: jnp.sum(x, axis=0),
            "softmax": lambda x: jax.nn.softmax(x, axis=-1),
            "transpose": lambda x: x.T.copy(),
            "matmul": jnp.matmul,
            "take": lambda table, indices: jnp.take(table, indices, axis=0),
            "sort": jnp.sort,
        }
        return {name: jax.jit(function) for name, function in found.items()}


class TensorFlow:
    def __init__(self, module):
        self.tf = module

    def array(self, values, dtype, device):
        with self.tf.device("/GPU:0" if device.startswith("gpu") else "/CPU:0"):
            kind = values.dtype if values.dtype.kind == "i" else dtype
            return self.tf.constant(values, dtype=kind)

    def wait(self, result):
        result.numpy() if "GPU" in result.device else None

    def functions(self):
        tf = self.tf
        return {
            "add": tf.add,
            "exp": tf.exp,
            "tanh": tf.tanh,
            "gelu": tf.nn.gelu,
            "sum": tf.reduce_sum,
            "sum of columns": lambda x: tf.reduce_sum(x, 0),
            "softmax": tf.nn.softmax,
            "transpose": tf.transpose,
            "matmul": tf.matmul,
            "take": tf.gather,
            "sort": tf.sort,
        }


def arrays_for(name, size):
    """The inputs of a case, as tensorcore/benchmark/cases.py has them."""
    rng = np.random.default_rng(0)
    if name == "matmul":
        shapes = [(size, size)] * 2
    elif name in ("sum", "sum of columns", "softmax", "transpose"):
        shapes = [(max(1, size // 256), 256)]
    elif name == "take":
        table = rng.random((10_000, 64), np.float32)
        return [table, rng.integers(0, 10_000, size).astype(np.int32)]
    else:
        shapes = [(size,)] * (2 if name == "add" else 1)
    return [rng.random(shape, np.float32) + np.float32(0.5) for shape in shapes]


def timed(peer, function, arrays, seconds):
    """The median of some rounds, in seconds a call."""
    run = lambda: function(*arrays)  # noqa: E731
    peer.wait(run())
    start = time.perf_counter()
    peer.wait(run())
    once = max(time.perf_counter() - start, 1e-7)
    calls = max(1, int(seconds / ROUNDS / once))
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(calls):
            result = run()
        peer.wait(result)
        rounds.append((time.perf_counter() - start) / calls)
    return statistics.median(rounds)


def main():
    request = json.load(sys.stdin)
    name = request["peer"]
    module = __import__(name)
    if name == "jax":
        import jax.numpy  # noqa: F401
    kinds = {"torch": Torch, "jax": Jax, "tensorflow": TensorFlow}
    peer = kinds.get(name, NumPy)(module)
    functions = peer.functions()
    answers = []
    for row in request["rows"]:
        function = functions.get(row["name"])
        try:
            if function is None:
                raise NotImplementedError
            values = arrays_for(row["name"], row["size"])
            arrays = [peer.array(v, row["dtype"], row["device"]) for v in values]
            answers.append(timed(peer, function, arrays, request["seconds"]))
        except (NotImplementedError, RuntimeError, TypeError, ValueError):
            answers.append(None)
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
