"""The layer: configuration in `__init__`, weights in `build`, computation in `call`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from typing import Any

from tensorcore import dtypes, regularizers
from tensorcore.errors import (
    ArgumentTypeError,
    InvalidArgumentError,
    ShapeError,
    TrainingError,
)
from tensorcore.graph.autograph import converted
from tensorcore.graph.deferred import is_open
from tensorcore.layers.context import changes, context
from tensorcore.layers.masks import mask_of, masks_of, set_mask, set_masks
from tensorcore.layers.naming import to_snake_case, unique_name
from tensorcore.layers.options import described
from tensorcore.layers.policy import as_policy, config_of
from tensorcore.layers.shapes import InputSpec, Shape, as_shapes, checked_shape
from tensorcore.layers.structure import leaves, map_structure
from tensorcore.layers.texts import is_text, numbers_of_texts
from tensorcore.layers.weights import Weighted
from tensorcore.mode import autocast, listeners, mode, place
from tensorcore.ops.transfer import astype
from tensorcore.saving.arguments import Arguments
from tensorcore.saving.registry import Configurable, is_built_in
from tensorcore.tensor import Tensor, as_tensor
from tensorcore.variable import Variable


class Layer(Weighted, Configurable, keras_module="keras.layers"):
    """A part of a model: weights, and a function of tensors that uses them.

    Args:
        name: unique in its model; made from the class name if None.
        trainable: whether optimizers may change the weights.
        dtype: dtype of weights and computation, to which floating-point inputs are converted; or a
            policy such as "mixed_float16"; the global policy if None.
        input_shape: shape of one sample, for the first layer of a Sequential model (as does
            `input_dim`).

    A subclass sets its options in `__init__`, makes its weights in `build(input_shape)` with
    `add_weight`, and computes in `call(inputs)`, which may also take `training` and further
    arguments.  Layers and variables kept in attributes, lists and dicts belong to the layer.

        class Scale(Layer):
            def build(self, input_shape):
                self.factor = self.add_weight((input_shape[-1],), "ones", name="factor")

            def call(self, inputs):
                return inputs * self.factor
    """

    input_spec: InputSpec | None = None
    supports_masking = False
    _ready = False
    _seen_shape: Any = None  # of the inputs of the first call, the batch too, for `summary`
    _kept: tuple[str, ...] = ()  # names of the options that `options.keep` made attributes
    _careful = False  # whether calls have more to do than `call`: masks, penalties on outputs

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "build" in cls.__dict__:
            cls.build = _noted(cls.build)  # type: ignore[method-assign]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__new__(cls)
        object.__setattr__(made, "_made_with", Arguments(cls, args, kwargs))
        return made

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        input_shape: Sequence[int | None] | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
        input_dim: int | None = None,
        activity_regularizer: Any = None,
        autocast: bool = True,
        **unknown: Any,
    ) -> None:
        if unknown:
            raise ArgumentTypeError(_unknown_arguments(type(self), unknown))
        self._ready = True
        self.name = name if name is not None else unique_name(to_snake_case(type(self).__name__))
        self.dtype_policy = as_policy(dtype)
        self.dtype = dtypes.as_dtype(self.dtype_policy.variable_dtype)
        self.compute_dtype = dtypes.as_dtype(self.dtype_policy.compute_dtype)
        self.built = False
        self._trainable = bool(trainable)
        self._own_trainable: list[Variable] = []
        self._own_fixed: list[Variable] = []
        self._losses: list[Any] = []
        self._inbound_nodes: list[Any] = []  # its calls on symbols, see symbolic.py
        self._build_shape: Any = None
        self._checked_shape: Any = None
        self._batch_shape: Shape | None = None
        if batch_input_shape is not None:
            self._batch_shape = tuple(batch_input_shape)
        elif input_shape is not None or input_dim is not None:
            shape = input_shape if input_shape is not None else (input_dim,)
            self._batch_shape = (None, *checked_shape(type(self).__name__, shape))
        self.activity_regularizer = regularizers.get(activity_regularizer)
        makes_masks = type(self).compute_mask is not Layer.compute_mask
        self.supports_masking = self.supports_masking or makes_masks
        self._careful = makes_masks or self.activity_regularizer is not None
        parameters = list(inspect.signature(self.call).parameters.values())
        self._mask_names = [p.name for p in parameters if p.name.endswith("mask")]
        self._call_names = [parameter.name for parameter in parameters]
        names = [parameter.name for parameter in parameters]
        self._training_position = names.index("training") - 1 if "training" in names else None
        self._takes_any_keyword = any(p.kind is p.VAR_KEYWORD for p in parameters)

    def __setattr__(self, name: str, value: Any) -> None:
        if not self._ready and isinstance(value, (Layer, Variable)):
            raise TrainingError(
                f"{type(self).__name__}: call super().__init__() at the start of __init__, before "
                "layers and variables are made attributes"
            )
        object.__setattr__(self, name, value)
        if name[0] != "_":
            changes.count += 1

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    # To be overridden -----------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape; the batch dimension is None."""
        self._note_build(input_shape)

    def call(self, inputs: Any) -> Any:
        """The layer's output."""
        raise TrainingError(f"{type(self).__name__}: a layer needs a method call(self, inputs)")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for inputs of this shape, found by tracing `call`."""
        from tensorcore.layers.symbolic import shape_of_output

        return shape_of_output(self, input_shape)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the output, from the mask of the input; None means that all steps count."""
        return mask

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal layer (without its weights).

        For a class of the user's that does not say it, these are the arguments it was made with.
        """
        own = {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": config_of(self.dtype_policy),
        }
        if self.activity_regularizer is not None:
            own["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if type(self).get_config is Layer.get_config and not is_built_in(type(self)):
            return self._made_with.complete(own)
        return {**own, **described(self)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A layer made from what `get_config` returned."""
        return cls(**config)

    def get_build_config(self) -> dict[str, Any] | None:
        """What `build_from_config` needs to make the weights again; None before they are made."""
        return None if self._build_shape is None else {"input_shape": self._build_shape}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Make the weights as they were made when `config` was written."""
        if config.get("input_shape") is not None:
            self.build(as_shapes(config["input_shape"]))

    # Symbols --------------------------------------------------------------------------------------

    @property
    def input(self) -> Any:
        """The symbolic tensor (or nest of them) that the layer was called on."""
        from tensorcore.layers.symbolic import first_node, symbols_in

        return symbols_in(first_node(self, "input"))

    @property
    def output(self) -> Any:
        """The symbolic tensor (or nest of them) that the layer returned."""
        from tensorcore.layers.symbolic import first_node, result_of

        return result_of(first_node(self, "output"))

    def _build_for(self, shapes: Any) -> None:
        """Make the weights before a call on symbols of these shapes."""
        self.build(shapes)

    def __getstate__(self) -> dict[str, Any]:
        # A copy belongs to no model's graph; models make theirs anew.
        return {**self.__dict__, "_inbound_nodes": []}

    # Losses ---------------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Add a scalar tensor to what training minimises; meant for use inside `call`."""
        self._losses.extend(loss if isinstance(loss, (list, tuple)) else [loss])
        context.added_loss = True

    @property
    def losses(self) -> list[Any]:
        """What `add_loss` collected here and in the layers inside since the last training step, and
        the penalties on weights.
        """
        if not context.added_loss:  # walking over all layers takes longer than a small layer's step
            return []
        added = [loss for layer in self._flatten_layers() for loss in layer._losses]
        return added + [v.regularizer(v) for v in self.trainable_weights if v.regularizer]

    def clear_losses(self) -> None:
        """Forget what `add_loss` collected."""
        if context.added_loss:
            for layer in self._flatten_layers():
                layer._losses.clear()

    # Calling --------------------------------------------------------------------------------------

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Convert and check the inputs, build at the first call, and `call`."""
        if not self._ready:
            raise TrainingError(f"{type(self).__name__}: call super().__init__() in __init__")
        if type(inputs) is not Tensor and is_open((inputs, args, kwargs)):
            from tensorcore.layers.symbolic import call_later

            return call_later(self, inputs, args, kwargs)
        inputs = self._as_inputs(inputs)
        if not self.built:
            return self._first_call(inputs, args, kwargs)
        return self._run(inputs, args, kwargs)

    def _first_call(self, inputs: Any, args: Any, kwargs: Any) -> Any:
        """Build and call; the layers inside that are built on the way are named after this one."""
        if self.input_spec is not None:
            self._check_input(inputs.shape)
        self._seen_shape = map_structure(lambda x: tuple(x.shape), inputs)
        before = context.path
        context.path = (*before, self.name)
        try:
            self.build(map_structure(lambda x: (None, *x.shape[1:]), inputs))
            return self._run(inputs, args, kwargs)
        finally:
            context.path = before

    def _run(self, inputs: Any, args: Any, kwargs: Any) -> Any:
        """`call`, with `training` taken from the call, else from the layer around."""
        if self.input_spec is not None:
            self._check_input(inputs.shape)
        said = kwargs.get("training")
        position = self._training_position
        if position is None:
            if not self._takes_any_keyword:
                kwargs.pop("training", None)
        elif 0 <= position < len(args):
            said = args[position]
            if said is None:
                args = (*args[:position], context.training, *args[position + 1 :])
        elif said is None and context.training is not None:
            kwargs["training"] = context.training
        careful = self._careful or context.masked or "mask" in kwargs
        call = self._call_carefully if careful else self.call
        if mode.graph is not None:
            call = converted(call)
        if listeners.threads:
            call = functools.partial(self._call_in_place, call)
        if self.compute_dtype is not self.dtype or listeners.autocasts:
            call = functools.partial(self._call_in_compute_dtype, call)
        if said is None or said is context.training:
            return self._checked(call(inputs, *args, **kwargs))
        before = context.training
        context.training = said
        try:
            return self._checked(call(inputs, *args, **kwargs))
        finally:
            context.training = before

    def _call_in_place(self, call: Any, *args: Any, **kwargs: Any) -> Any:
        """`call`, while operations are told to belong to this layer."""
        before = place.layers
        place.layers = (*before, self.name)
        try:
            return call(*args, **kwargs)
        finally:
            place.layers = before

    def _call_in_compute_dtype(self, call: Any, *args: Any, **kwargs: Any) -> Any:
        with autocast(self.compute_dtype):
            return call(*args, **kwargs)

    def _checked(self, outputs: Any) -> Any:
        if outputs is None:
            raise TrainingError(f"{self._who()}: call returned None; does it end with `return`?")
        return outputs

    def _call_carefully(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """`call` with the masks of its inputs; the outputs get theirs, and penalties are added."""
        if context.masked:
            given = dict(zip(self._call_names, (inputs, *args), strict=False)) | kwargs
            for name in self._mask_names:
                of = name.removesuffix("_mask") if name != "mask" else self._call_names[0]
                if given.get(name) is None and of in given:
                    kwargs[name] = masks_of(given[of])
        before = kwargs.get("mask")
        if before is None:
            before = masks_of(inputs)
        call = self.call if mode.graph is None else converted(self.call)
        outputs = call(inputs, *args, **kwargs)
        if self.activity_regularizer is not None:
            for output in leaves(outputs):
                self.add_loss(self.activity_regularizer(output) / output.shape[0])
        if self.supports_masking and (before is not None or self._careful):
            set_masks(outputs, self.compute_mask(inputs, before))
        return outputs

    def _as_inputs(self, inputs: Any) -> Any:
        if isinstance(inputs, (list, tuple, dict)) and any(
            hasattr(x, "shape") for x in leaves(inputs)
        ):
            if self.input_spec is not None and len(inputs) > 1:
                raise ArgumentTypeError(
                    f"{self._who()}: expected one tensor, received a {type(inputs).__name__} of "
                    f"{len(inputs)}; join them first, for example with keras.layers.Concatenate()"
                )
            return map_structure(self._as_input, inputs)
        return self._as_input(inputs)

    def _as_input(self, value: Any) -> Any:
        if isinstance(value, Layer):
            raise ArgumentTypeError(
                f"{self._who()} was called on {value!r}; expected a tensor, such as the result of "
                "a layer: Dense(3)(x)"
            )
        if not isinstance(value, Tensor) and is_text(value):
            value = numbers_of_texts(self, value)
        # Host values go to the weights; tensors stay where they are.
        tensor = value if isinstance(value, Tensor) else as_tensor(value, device=self.device)
        if tensor.dtype != self.compute_dtype and dtypes.is_float(tensor.dtype):
            mask = mask_of(tensor) if context.masked else None
            tensor = astype(tensor, self.compute_dtype)
            if mask is not None:
                set_mask(tensor, mask)
        return tensor

    def _note_build(self, input_shape: Any) -> None:
        self._build_shape = input_shape
        self.built = True

    def _check_input(self, shape: Shape) -> None:
        if shape == self._checked_shape:
            return
        expected = self.input_spec.problem(tuple(shape))  # type: ignore[union-attr]
        if expected is not None:
            raise ShapeError(
                f"{self._who()}: expected inputs with {expected}; received shape {tuple(shape)}"
                f"{self._input_hint(shape)}"
            )
        self._checked_shape = shape

    def _input_hint(self, shape: Shape) -> str:
        """What to do about inputs of a shape that does not fit, to be said after the message."""
        if len(shape) == 1:
            return "; for a single sample add the dimension of the batch: x[None]"
        if self.built:
            return "; give it data of that size, or make a new layer for these"
        return ""


def _noted(build: Any) -> Any:
    """`build` that names the weights after the path of layers around, and notes that it ran."""

    first = list(inspect.signature(build).parameters)[1:2]

    @functools.wraps(build)
    def noted_build(self: Layer, input_shape: Any = None, *more: Any, **options: Any) -> None:
        for name in first:  # given by its own name, such as query_shape
            input_shape = options.pop(name, input_shape)
        before = context.path
        if before[-1:] != (self.name,):
            context.path = (*before, self.name)
        try:
            if self.input_spec is not None and not self.built:
                self._check_input(input_shape)
            build(self, input_shape, *more, **options)
        finally:
            context.path = before
        self._note_build(input_shape)

    return noted_build


def _unknown_arguments(cls: type, unknown: dict[str, Any]) -> str:
    """The message about unknown arguments, with the nearest known ones."""
    import difflib  # late: needed only when something is wrong

    known = {
        parameter.name
        for base in cls.__mro__
        for parameter in inspect.signature(base.__init__).parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD and parameter.name != "self"
    }
    message = f"{cls.__name__}: unknown arguments {sorted(unknown)}."
    for name in sorted(unknown):
        close = difflib.get_close_matches(name, known, n=1)
        if close:
            message += f' Did you mean "{close[0]}" instead of "{name}"?'
    return message


def not_there_yet(layer: Any, **options: Any) -> None:
    """Refuse options that exist in Keras and are not implemented here yet."""
    for name, value in options.items():
        if value is not None:
            raise InvalidArgumentError(
                f"{type(layer).__name__}: {name}={value!r} is not there yet; leave it out, or use "
                "None"
            )
