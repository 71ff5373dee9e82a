"""Training, evaluation and prediction: the half of a model that `compile` brings to life."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tensorcore.autodiff import GradientTape
from tensorcore.device import device as device_named
from tensorcore.errors import InvalidArgumentError, TrainingError
from tensorcore.layers.structure import map_structure
from tensorcore.metrics import Mean, Metric
from tensorcore.missing import known_arguments
from tensorcore.saving.objects import deserialize_keras_object
from tensorcore.training import batches as data
from tensorcore.training import handed, loop, moving
from tensorcore.training.compile import Compiled
from tensorcore.training.logs import MetricResults, as_numbers
from tensorcore.training.resident import staying
from tensorcore.training.step import Step
from tensorcore.variable import Variable


class Trainer:
    """What a model can do besides being a layer; see `Model`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.compiled = False
        self.run_eagerly = False
        self.stop_training = False
        self.history: Any = None
        self.optimizer: Any = None
        self._compiled: Compiled | None = None
        self._loss_tracker = Mean(name="loss")
        self._kept_trainable: list[Variable] | None = None
        self._steps: dict[str, Step] = {}
        self._steps_are_for: Any = None

    # Compiling
    # ----------------------------------------------------------------------------------------

    @known_arguments
    def compile(
        self,
        optimizer: Any = None,
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model is trained.

        Args:
            optimizer: name such as "adam", or object.
            loss: name such as "sparse_categorical_crossentropy", function (y_true, y_pred), or
                object; for several outputs a dict by name or a list.
            metrics: list of names such as "accuracy", functions and objects; for several outputs
                a dict by name or a list with one entry an output.
            loss_weights: factors of the losses of several outputs, by name or in order.
            weighted_metrics: the same, with sample weights taken into account.
            run_eagerly: run each step op by op, for looking into it.
            steps_per_execution, jit_compile: accepted; they change nothing here.
            auto_scale_loss: wrap the optimizer of a model with layers of the policy
                "mixed_float16" into a LossScaleOptimizer.

        Raises:
            InvalidArgumentError: a name is unknown; the message lists the known ones.
        """
        self._compiled = Compiled(
            optimizer,
            loss,
            metrics,
            weighted_metrics,
            loss_weights,
            lambda: getattr(self, "output_names", None),
        )
        if auto_scale_loss and any(map(_is_mixed_float16, self._flatten_layers())):
            self._compiled.scale_loss()
        self.optimizer = self._compiled.optimizer
        self.run_eagerly = run_eagerly
        self.compiled = True

    def get_compile_config(self) -> dict[str, Any] | None:
        """What `compile_from_config` needs; None for a model that is not compiled."""
        return None if self._compiled is None else self._compiled.get_config(self)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile the model as it was when `config` was written."""
        known = ("optimizer", "loss", "metrics", "weighted_metrics", "loss_weights", "run_eagerly")
        made = {key: deserialize_keras_object(config.get(key)) for key in known}
        self.compile(**made)
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_weights)

    @property
    def loss(self) -> Any:
        """The loss that was given to `compile`."""
        return None if self._compiled is None else self._compiled.given_loss

    @property
    def metrics(self) -> list[Metric]:
        """The mean loss, metrics kept in attributes, and the compiled metrics."""
        own = [value for value in self.__dict__.values() if isinstance(value, Metric)]
        own = [metric for metric in own if metric is not self._loss_tracker]
        for layer in self.layers:
            own += [value for value in layer.__dict__.values() if isinstance(value, Metric)]
        compiled = [] if self._compiled is None else self._compiled.metrics
        tracker = [] if self._compiled is None else [self._loss_tracker]
        return [*tracker, *own, *compiled]

    @property
    def metrics_names(self) -> list[str]:
        """The names of the metrics."""
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Start all metrics anew."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self) -> Mapping[str, Any]:
        """The values of all metrics so far, computed when looked at."""
        if self._compiled is None:
            return MetricResults(self.metrics)
        compiled = {id(metric) for metric in self._compiled.metrics}
        own = [metric for metric in self.metrics if id(metric) not in compiled]
        return MetricResults([*own, *self._compiled.logged])

    def _metrics_or(self, results: Mapping[str, Any]) -> Mapping[str, Any]:
        """The metrics over the epoch if they are what the step returned, else its last results."""
        found = self.get_metrics_result()
        return found if set(found) == set(results) else results

    # One step
    # -----------------------------------------------------------------------------------------

    def train_step(self, data_batch: Any) -> Mapping[str, Any]:
        """One step of training on x, (x, y) or (x, y, sample_weight); returns the metrics."""
        self.clear_losses()
        x, y, sample_weight = handed.unpack(data_batch)
        if self._compiled is None or self.optimizer is None:
            raise TrainingError(
                'fit: the model has no optimizer; give one to compile, for example optimizer="adam"'
            )
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(
                x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True
            )
            scaled = self.optimizer.scale_loss(loss)
        self._track_loss(loss, x)
        variables = self.trainable_weights
        if not variables:
            raise TrainingError("fit: the model has no trainable weights")
        gradients = tape.gradient(scaled, variables)
        self.optimizer.apply(gradients, variables)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data_batch: Any) -> Mapping[str, Any]:
        """One step of evaluation; returns the metrics."""
        self.clear_losses()
        x, y, sample_weight = handed.unpack(data_batch)
        y_pred = self(x, training=False)
        loss = self.compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False
        )
        self._track_loss(loss, x)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data_batch: Any) -> Any:
        """The outputs for a batch."""
        self.clear_losses()
        return self(handed.unpack(data_batch)[0], training=False)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The scalar to be minimised: the compiled loss plus what layers gave to `add_loss`."""
        total = None
        if self._compiled is not None and self._compiled.has_loss:
            if y is None:
                raise TrainingError(
                    "fit: the loss needs labels, but the data has none: give y, or batches (x, y)"
                )
            total = self._compiled.loss(y, y_pred, sample_weight)
            if total.shape:
                raise TrainingError(
                    f"the loss must be one number, received shape {tuple(total.shape)}: "
                    'reduction="none" is for training steps of your own'
                )
        for extra in self.losses:
            total = extra if total is None else total + extra
        if total is None:
            raise TrainingError(
                'fit: the model has no loss; give one to compile, for example loss="mse", call '
                "add_loss in a layer, or override compute_loss"
            )
        return total

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> Mapping[str, Any]:
        """Take a batch into account in the compiled metrics, and return all metrics."""
        if self._compiled is not None:
            self._compiled.update_metrics(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def _track_loss(self, loss: Any, x: Any) -> None:
        # The mean over samples: the last batch may be smaller than the others.
        self._loss_tracker.update_state(loss, sample_weight=handed.batch_length(x))
        self.clear_losses()

    # Training
    # -----------------------------------------------------------------------------------------

    @known_arguments
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> Any:
        """Train the model.

        Args:
            x: arrays with one row a sample, or an iterable of batches (x, y) or (x, y,
                sample_weight).
            y: labels, one row a sample.
            batch_size: samples a step; 32 if None.
            epochs: number of passes over the data (counted from 0, also those before
                `initial_epoch`).
            verbose: 0 silent, 1 or "auto" a progress bar, 2 one line an epoch.
            callbacks: list of callbacks.
            validation_split: this share of the last rows is not trained on, but validated with.
            validation_data: (x, y), (x, y, sample_weight) or an iterable of batches, for
                validation.
            shuffle: take the rows in a new random order in each epoch.
            class_weight: class -> factor of the loss of its samples.
            sample_weight: factor of the loss of each sample.
            initial_epoch: where to go on after an interruption.
            steps_per_epoch: steps an epoch; None means one pass over the data.
            validation_steps: the same for validation.
            validation_batch_size: `batch_size` if None.
            validation_freq: validate every so many epochs, or in the epochs of this list (counted
                from 1).

        Returns:
            A History, whose `.history` has the metrics of each epoch.
        """
        loop.check_compiled(self, "fit")
        if not isinstance(epochs, int) or epochs < 0:
            raise InvalidArgumentError(f"fit: epochs must be an int from 0 on, received {epochs!r}")
        if class_weight is not None and y is not None:
            sample_weight = data.class_weights(y, class_weight, sample_weight)
        source = data.batches_of(x, y, sample_weight, batch_size, shuffle, class_weight)
        moving.place_by_rates(self, x, y, batch_size)
        validation = None
        if validation_data is not None:
            validation = _validation_batches(validation_data, validation_batch_size or batch_size)
            if isinstance(validation, data.IterableBatches) and validation_steps is None:
                validation.keep()  # a generator serves every epoch
        elif validation_split:
            if not isinstance(source, data.ArrayBatches):
                raise InvalidArgumentError(
                    "fit: validation_split needs arrays; use validation_data"
                )
            source, validation = source.split(validation_split, validation_batch_size)
        passes = max(epochs - initial_epoch, 0)
        with (
            staying(self, source, steps_per_epoch, passes),
            staying(self, validation, validation_steps, passes),
        ):
            return loop.fit(
                self,
                source,
                epochs=epochs,
                initial_epoch=initial_epoch,
                verbose=verbose,
                callbacks=callbacks,
                validation=validation,
                steps_per_epoch=steps_per_epoch,
                validation_steps=validation_steps,
                validation_freq=validation_freq,
            )

    @known_arguments
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """The loss and the metrics on data: a list, one number, or a dict with `return_dict`."""
        loop.check_compiled(self, "evaluate")
        source = data.batches_of(x, y, sample_weight, batch_size)
        with staying(self, source, steps):
            found = loop.evaluate(self, source, verbose=verbose, callbacks=callbacks, steps=steps)
        return found if return_dict else _as_list_or_number(found)

    @known_arguments
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for all rows of x, as NumPy array.

        Args:
            x: arrays with one row a sample, or an iterable of batches.
            batch_size: rows at once; None lets the size of a row decide.
            verbose: 0 silent, 1 a progress bar, "auto" a bar if it takes longer than half a second.
            steps: batches; None means all.
            callbacks: list of callbacks.
        """
        if callbacks is None and steps is None and batch_size is None and verbose in (0, "auto"):
            outputs = self._prediction_for_few(x)
            if outputs is not None:
                return outputs
        return loop.predict(
            self, x, batch_size=batch_size, verbose=verbose, steps=steps, callbacks=callbacks
        )

    def to(self, device: Any) -> Any:
        """Move the weights, the optimizer's state and the metrics to another device.

        Returns:
            The model itself.
        """
        moving.move(self, device_named(device))
        return self

    def forget_steps(self) -> None:
        """Trace the steps anew when they are needed."""
        self._steps_are_for = None
        self._steps = {}

    def _prediction_for_few(self, x: Any) -> Any:
        if type(x) is not np.ndarray or not x.size or self.run_eagerly:
            return None
        if type(self).predict_step is not Trainer.predict_step:
            return None
        outputs = self._outputs_for_few(x)
        if outputs is None:
            return None
        return map_structure(lambda output: np.asarray(output, copy=False), outputs)

    def step(self, name: str) -> Step:
        """`train_step`, `test_step` or `predict_step`, traced where that is possible."""
        trainable = tuple(variable.serial for variable in self.trainable_weights)
        layers = tuple(map(id, self._flatten_layers()))
        made_for = (self._compiled, self.optimizer, self.run_eagerly, trainable, layers)
        if self._steps_are_for != made_for:
            self._steps_are_for = made_for
            self._steps = {}
        if name not in self._steps:
            self._steps[name] = Step(getattr(self, name), self.run_eagerly)
        return self._steps[name]

    # Single batches
    # -----------------------------------------------------------------------------------

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step of training; returns the metrics since they were reset."""
        loop.check_compiled(self, "train_on_batch")
        if class_weight is not None:
            sample_weight = data.class_weights(y, class_weight, sample_weight)
        found = as_numbers(self.step("train_step")(self.batch_on_device(x, y, sample_weight)))
        return found if return_dict else _as_list_or_number(found)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """One step of evaluation; returns the metrics since they were reset."""
        loop.check_compiled(self, "test_on_batch")
        found = as_numbers(self.step("test_step")(self.batch_on_device(x, y, sample_weight)))
        return found if return_dict else _as_list_or_number(found)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as NumPy array."""
        outputs = self.step("predict_step")(self.batch_on_device(x, None, None))
        return map_structure(lambda output: output.numpy(), outputs)

    def batch_on_device(self, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """A batch as the steps take it: converted, and on the model's device."""
        place = handed.Placement(self.device, self.dtype, self)
        parts = [
            None if part is None else map_structure(place, data.host(part))
            for part in (x, y, sample_weight)
        ]
        return handed.pack(*parts)


def _validation_batches(given: Any, batch_size: int | None) -> data.Batches:
    if hasattr(given, "shape"):
        raise InvalidArgumentError(
            "fit: validation_data must be (x, y), (x, y, sample_weight) or an iterable of batches; "
            f"received one array of shape {tuple(given.shape)}: its labels are missing"
        )
    if (
        isinstance(given, (list, tuple))
        and len(given) in (2, 3)
        and not isinstance(given[0], tuple)
    ):
        return data.batches_of(*given, batch_size=batch_size)
    return data.batches_of(given)


def _is_mixed_float16(layer: Any) -> bool:
    return layer.dtype_policy.name == "mixed_float16"


def _as_list_or_number(found: dict[str, Any]) -> Any:
    values = list(found.values())
    return values[0] if len(values) == 1 else values
