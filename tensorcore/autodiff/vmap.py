"""vmap: a function of one example applied to a batch of them, operation by operation.

While the function runs, its arguments are `Batched` tensors (`batching.py`).  Every operation is
replaced by one that treats the whole batch, by the rules in `batch_rules.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tensorcore.autodiff.batching import Batch, Batched
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from tensorcore.ops.shapes import axis_index
from tensorcore.ops.shaping import moveaxis
from tensorcore.tensor import Tensor, as_tensor


def vmap(function: Callable[..., Any], in_axes: Any = 0, out_axes: int = 0) -> Callable[..., Any]:
    """A function of one example, made a function of a batch, without a loop.

    Args:
        function: of tensors, returning a tensor or a tuple of them; written for one example.
        in_axes: the dimension along which the examples stand, for all arguments or a tuple with one
            for each; None for an argument that is the same for all examples.
        out_axes: where the examples stand in the results.

    There are rules for element-wise operations, reductions, matmul, shapes, indexing and writing,
    sorting, linear algebra, fft, convolution, pooling and cross-entropies; others raise.  Gradients
    work inside and outside: `tc.vmap(tc.grad(loss))` gives the gradient of each example.

    >>> tc.vmap(lambda x, w: tc.sum(x * w), in_axes=(0, None))(tc.ones((2, 3)), tc.ones(3)).tolist()
    [3.0, 3.0]
    """

    @functools.wraps(function)
    def over_batch(*args: Any) -> Any:
        axes = in_axes if isinstance(in_axes, (tuple, list)) else (in_axes,) * len(args)
        if len(axes) != len(args):
            raise InvalidArgumentError(
                f"vmap: in_axes names {len(axes)} arguments, the function was called with "
                f"{len(args)}"
            )
        sizes = set()
        whole = []
        for arg, axis in zip(args, axes, strict=True):
            if axis is not None:
                tensor = as_tensor(arg)
                place = axis_index("vmap", axis, tensor.ndim)
                arg = moveaxis(tensor, place, 0) if place else tensor
                sizes.add(arg.shape[0])
            whole.append(arg)
        if len(sizes) != 1:
            raise ShapeError(
                "vmap: the arguments must have the same number of examples, at least one argument "
                f"with examples; received {sorted(sizes)}"
            )
        with Batch(sizes.pop()) as batch:
            given = [
                arg if axis is None else Batched(arg, batch)
                for arg, axis in zip(whole, axes, strict=True)
            ]
            results = function(*given)
        if isinstance(results, (tuple, list)):
            return tuple(_finished(batch, result, out_axes) for result in results)
        return _finished(batch, results, out_axes)

    return over_batch


def _finished(batch: Batch, result: Any, out_axes: int) -> Any:
    if not isinstance(result, Tensor):
        raise ArgumentTypeError(
            f"vmap: the function must return tensors, received {type(result).__name__}"
        )
    whole = batch.whole(result)
    place = axis_index("vmap", out_axes, whole.ndim)
    return moveaxis(whole, 0, place) if place else whole
