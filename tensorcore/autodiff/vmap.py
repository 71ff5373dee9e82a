"""vmap: a function of one example applied to a batch of them, operation by operation.

While the function runs, its arguments are `Batched` tensors: they show the shape of one example and
carry all.  Every operation is replaced by one that treats the whole batch, by the rules below; the
batch stands along the first dimension throughout.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, ShapeError, TracingError
from tensorcore.mode import mode
from tensorcore.ops.creation import arange
from tensorcore.ops.door import apply
from tensorcore.ops.elementwise import Elementwise
from tensorcore.ops.indexing import Place
from tensorcore.ops.record import Op, Spec
from tensorcore.ops.reductions import sum
from tensorcore.ops.shapes import axes_tuple, axis_index
from tensorcore.ops.shaping import broadcast_to, expand_dims, moveaxis, reshape, squeeze
from tensorcore.tensor import StandIn, Tensor, as_tensor


class _Shown(Spec):
    """What a batched tensor shows in place of an array: shape and dtype of one example."""

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize


class Batched(StandIn):
    """One example, for the function under `vmap`; `whole` holds them all, along dimension 0."""

    __slots__ = ("whole",)

    def __init__(self, whole: Tensor) -> None:
        super().__init__(_Shown(whole.shape[1:], whole.dtype), whole.device)
        self.whole = whole

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TracingError(
            "vmap: the values of one example are not known while the function runs for all. Use "
            "tensor operations such as tc.where instead of Python's if and float()."
        )

    numpy = item = tolist = __array__ = __bool__ = __index__ = __reduce__ = _refuse

    def __repr__(self) -> str:
        return f"<Batched shape={self.shape} dtype={self.dtype.name} of {self.whole.shape[0]}>"


class _Batch:
    """Takes the graph's place in the door while a function runs under `vmap`."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.outer_graph = mode.graph
        self.outer_tapes = mode.tapes

    def __enter__(self) -> _Batch:
        mode.graph = self
        return self

    def __exit__(self, *exception: object) -> None:
        mode.graph = self.outer_graph

    def add(self, op: Op, inputs: Sequence[Any], attrs: dict[str, Any]) -> Any:
        """Called by the door."""
        if not any(isinstance(value, Batched) for value in inputs):
            return self._outside(apply, op, inputs, attrs, tapes=mode.tapes)
        specs = [value if hasattr(value, "shape") else as_tensor(value) for value in inputs]
        rule = RULES.get(op.name) or (_elementwise if isinstance(op, Elementwise) else None)
        if rule is None:
            raise TracingError(
                f"vmap: {op.name} has no rule for batches. Apply it outside of vmap, or in a loop "
                "over the examples with tc.stack."
            )
        result = self._outside(rule, self, op, specs, inputs, attrs, tapes=self.outer_tapes)
        output = tuple(map(Batched, result)) if isinstance(result, tuple) else Batched(result)
        for tape in mode.tapes:
            if tape not in self.outer_tapes:
                tape.record(op, inputs, attrs, output)
        return output

    def _outside(self, function: Callable[..., Any], *args: Any, tapes: Any) -> Any:
        """Run where the batch is nothing special: for the tapes that were there before."""
        inside = mode.tapes
        mode.graph, mode.tapes = self.outer_graph, tapes
        try:
            return function(*args)
        finally:
            mode.graph, mode.tapes = self, inside

    def symbol_of(self, variable: Any) -> Any:
        """What a variable reads as."""
        return variable._tensor

    def whole(self, value: Any) -> Any:
        """All examples of a value; one that is the same for all is repeated."""
        if isinstance(value, Batched):
            return value.whole
        value = as_tensor(value)
        return broadcast_to(expand_dims(value, 0), (self.size, *value.shape))

    def __getattr__(self, name: str) -> Any:
        raise TracingError(
            f"vmap: the function may compute only; {name} is not possible inside. Draw random "
            "numbers and write to variables outside."
        )


# Rules: (batch, op, values with shapes, inputs, attributes) -> the whole result -------------------


def _data(value: Any) -> Any:
    return value.whole if isinstance(value, Batched) else value


def _elementwise(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    ndim = max(len(value.shape) for value in values)
    aligned = []
    for value, given in zip(values, inputs, strict=True):
        if isinstance(value, Batched) and value.ndim < ndim:
            ones = (1,) * (ndim - value.ndim)
            given = reshape(value.whole, (batch.size, *ones, *value.shape))
        aligned.append(_data(given))
    return op(*aligned, **attrs)


def _reduction(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    (x,) = values
    axes = axes_tuple(op.name, attrs["axis"], x.ndim)
    if not axes:
        return op(expand_dims(x.whole, 1), **{**attrs, "axis": 1, "keepdims": False})
    return op(x.whole, **{**attrs, "axis": tuple(axis + 1 for axis in axes)})


def _position(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    (x,) = values
    if attrs["axis"] is not None:
        axis = axis_index(op.name, attrs["axis"], x.ndim) + 1
        return op(x.whole, axis=axis, keepdims=attrs["keepdims"])
    found = op(reshape(x.whole, (batch.size, -1)), axis=1)
    return reshape(found, (batch.size, *(1,) * x.ndim)) if attrs["keepdims"] else found


def _along_axis(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    """For operations with one axis, or several, that treat all other dimensions alike."""
    axis = attrs.get("axis")
    ndim = values[0].ndim
    places = axes_tuple(op.name, 0 if axis is None and op.name in _VECTOR else axis, ndim)
    is_one = isinstance(axis, int) or len(places) == 1
    moved: Any = places[0] + 1 if is_one else tuple(place + 1 for place in places)
    return op(*map(batch.whole, values), **{**attrs, "axis": moved})


_VECTOR = ("cumulative_sum", "cumulative_prod")  # no axis is needed for one dimension


def _joined(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    ndim = len(values[0].shape) + (op.name == "stack")
    place = axis_index(op.name, attrs["axis"], ndim) + 1
    return op([batch.whole(value) for value in values], axis=place)


def _reshaped(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    shape = op.rule(values[0], **attrs).shape
    return reshape(values[0].whole, (batch.size, *shape))


def _transposed(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    (x,) = values
    axes = attrs["axes"]
    order = range(x.ndim)[::-1] if axes is None else axes_tuple("transpose", axes, x.ndim)
    return op(x.whole, (0, *(axis + 1 for axis in order)))


def _broadcast(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    (x,) = values
    shape = op.rule(x, **attrs).shape
    ones = (1,) * (len(shape) - x.ndim)
    return broadcast_to(reshape(x.whole, (batch.size, *ones, *x.shape)), (batch.size, *shape))


def _summed(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    (x,) = values
    shape = op.rule(x, **attrs).shape
    lead = x.ndim - len(shape)
    axes = [i for i in range(x.ndim) if i < lead or (shape[i - lead] == 1 and x.shape[i] != 1)]
    total = sum(x.whole, axis=tuple(i + 1 for i in axes), dtype=x.dtype) if axes else x.whole
    return reshape(total, (batch.size, *shape))


def _matmul(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    a, b = values
    if not a.shape or not b.shape:
        op.rule(a, b, **attrs)
    vectors = [value.ndim == 1 for value in values]
    batches = max(value.ndim - 2 for value in values)
    arrays = []
    for value, is_vector, place in zip(values, vectors, (-2, -1), strict=True):
        array = _data(value)
        array = expand_dims(array, place) if is_vector else array
        if isinstance(value, Batched):
            own = array.shape[1:]
            ones = (1,) * (max(batches, 0) - (len(own) - 2))
            array = reshape(array, (batch.size, *ones, *own))
        arrays.append(array)
    # A vector has been made the matrix that it stands for: nothing is left to transpose.
    options = {
        "transpose_a": attrs["transpose_a"] and not vectors[0],
        "transpose_b": attrs["transpose_b"] and not vectors[1],
    }
    result = op(*arrays, **options)
    gone = tuple(place for place, is_vector in zip((-2, -1), vectors, strict=True) if is_vector)
    return squeeze(result, gone) if gone else result


def _matrices(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    """For operations on the last two dimensions, which take any others in front."""
    return op(*map(batch.whole, values), **attrs)


def _solved(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    a, b = map(batch.whole, values)
    if len(values[1].shape) == 1:
        return squeeze(op(a, expand_dims(b, -1)), -1)
    return op(a, b)


def _padded(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    (x,) = values
    width = attrs["pad_width"]
    width = [(width, width)] * x.ndim if isinstance(width, int) else list(width)
    return op(x.whole, **{**attrs, "pad_width": [(0, 0), *width]})


def _rolled(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    (x,) = values
    if attrs["axis"] is None:
        flat = op(reshape(x.whole, (batch.size, -1)), attrs["shift"], axis=1)
        return reshape(flat, x.whole.shape)
    axis = attrs["axis"]
    places = axes_tuple("roll", axis, x.ndim)
    moved = tuple(p + 1 for p in places) if isinstance(axis, (tuple, list)) else places[0] + 1
    return op(x.whole, attrs["shift"], axis=moved)


def _taken(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    x, indices = values
    place = axis_index("take", attrs["axis"], len(x.shape))
    if not isinstance(indices, Batched):
        return op(x.whole, indices, axis=place + 1)
    if not isinstance(x, Batched):
        return moveaxis(op(x, indices.whole, axis=place), place, 0)
    if place != 0:
        raise TracingError("vmap: take with indices and x of each example needs axis=0")
    return x.whole[(_numbers(batch, indices.ndim, x.device), indices.whole)]


def _numbers(batch: _Batch, ndim: int, device: Any) -> Any:
    return reshape(arange(batch.size, device=device), (batch.size, *(1,) * ndim))


def _indexed(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    x, *tensors = values
    index, tensors = _whole_index(batch, x, tensors, attrs["index"])
    return op([batch.whole(x), *tensors], index=index)


def _put(batch: _Batch, op: Op, values: Any, inputs: Any, attrs: Any) -> Any:
    x, *tensors = values
    index, tensors = _whole_index(batch, x, tensors, attrs["index"])
    return op([batch.whole(x), *tensors], shape=(batch.size, *attrs["shape"]), index=index)


def _whole_index(batch: _Batch, x: Any, tensors: Any, index: Any) -> Any:
    """The index into all examples."""
    places = [i for i, part in enumerate(index) if type(part) is Place]
    together = not places or places[-1] - places[0] + 1 == len(places)
    if not any(isinstance(tensor, Batched) for tensor in tensors) and together:
        return (slice(None), *index), tensors
    if any(tensor.dtype == np.bool_ for tensor in tensors):
        raise TracingError("vmap: a boolean index gives each example another shape; use tc.where")
    if not together or places[0] != 0:
        raise TracingError("vmap: index tensors of each example must stand first, side by side")
    ndim = max(len(tensor.shape) for tensor in tensors)
    whole = []
    for tensor in tensors:
        if isinstance(tensor, Batched):
            ones = (1,) * (ndim - tensor.ndim)
            tensor = reshape(tensor.whole, (batch.size, *ones, *tensor.shape))
        whole.append(tensor)
    whole.append(_numbers(batch, ndim, x.device))
    return (Place(len(tensors)), *index), whole


RULES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("real", "imag", "convert", "stop_gradient"), _matrices),
    **dict.fromkeys(("nextafter", "make_complex"), _elementwise),
    **dict.fromkeys(("sum", "prod", "mean", "max", "min", "any", "all", "logsumexp"), _reduction),
    **dict.fromkeys(("argmax", "argmin"), _position),
    **dict.fromkeys(
        (
            "cumulative_sum",
            "cumulative_prod",
            "softmax",
            "log_softmax",
            "softmax_gradient",
            "log_softmax_gradient",
            "sort",
            "argsort",
            "flip",
            "cut",
            "fft",
            "ifft",
            "rfft",
            "irfft",
            "take_along_axis",
            "add_along_axis",
        ),
        _along_axis,
    ),
    **dict.fromkeys(("concat", "stack"), _joined),
    **dict.fromkeys(("reshape", "expand_dims", "squeeze"), _reshaped),
    "transpose": _transposed,
    "broadcast_to": _broadcast,
    "sum_to": _summed,
    "matmul": _matmul,
    **dict.fromkeys(
        (
            "cholesky",
            "inv",
            "det",
            "slogdet",
            "eigh",
            "eig",
            "svd",
            "qr",
            "pinv",
            "diagonal",
            "with_diagonal",
        ),
        _matrices,
    ),
    "solve": _solved,
    "pad": _padded,
    "roll": _rolled,
    "take": _taken,
    "getitem": _indexed,
    "put_zeros": _put,
}


# The function -------------------------------------------------------------------------------------


def vmap(function: Callable[..., Any], in_axes: Any = 0, out_axes: int = 0) -> Callable[..., Any]:
    """A function of one example, made a function of a batch, without a loop.

    Args:
        function: of tensors, returning a tensor or a tuple of them; written for one example.
        in_axes: the dimension along which the examples stand, for all arguments or a tuple with one
            for each; None for an argument that is the same for all examples.
        out_axes: where the examples stand in the results.

    There are rules for element-wise operations, reductions, matmul, shapes, indexing, linear
    algebra and fft; others raise.  Gradients work inside and outside: `tc.vmap(tc.grad(loss))`
    gives the gradient of each example.

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
        with _Batch(sizes.pop()) as batch:
            given = [
                arg if axis is None else Batched(arg) for arg, axis in zip(whole, axes, strict=True)
            ]
            results = function(*given)
        if isinstance(results, (tuple, list)):
            return tuple(_finished(batch, result, out_axes) for result in results)
        return _finished(batch, results, out_axes)

    return over_batch


def _finished(batch: _Batch, result: Any, out_axes: int) -> Any:
    if not isinstance(result, Tensor):
        raise ArgumentTypeError(
            f"vmap: the function must return tensors, received {type(result).__name__}"
        )
    whole = batch.whole(result)
    place = axis_index("vmap", out_axes, whole.ndim)
    return moveaxis(whole, 0, place) if place else whole
