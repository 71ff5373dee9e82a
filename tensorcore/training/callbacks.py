"""Callbacks: what programs want to do at certain moments of training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tensorcore.errors import ArgumentTypeError, InvalidArgumentError
from tensorcore.missing import known_arguments

HOOKS = tuple(
    f"on_{what}_{when}"
    for what in ("train", "test", "predict", "epoch", "train_batch", "test_batch", "predict_batch")
    for when in ("begin", "end")
)


class Callback:
    """Base class: override the moments that matter.

    Attributes:
        model: the model being trained.
        params: "epochs", "steps" and "verbose".

    The `logs` of a batch are read from the device when they are looked at; a callback that does not
    look costs no waiting.  Set `self.model.stop_training = True` to stop.
    """

    model: Any = None
    params: Mapping[str, Any] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__module__.startswith("tensorcore.") and "__init__" in cls.__dict__:
            cls.__init__ = known_arguments(cls.__init__)  # type: ignore[method-assign]

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Called before training with `params`."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Called before training with the model."""
        self.model = model

    def is_idle(self, moment: str) -> bool:
        """Whether nothing would happen at a moment (as "on_train_batch_end") with the options that
        this object has.

        Where no callback wants single batches, `fit` need not stop after each.
        """
        return False

    def on_train_begin(self, logs: Any = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Any = None) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Before each epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After each epoch and its validation, whose metrics are in the logs as "val_..."."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before each training step."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """After each training step; logs have the metrics since the start of the epoch."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """The older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """The older name of `on_train_batch_end`."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Before evaluation or validation."""

    def on_test_end(self, logs: Any = None) -> None:
        """After evaluation or validation."""

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before each batch of evaluation."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """After each batch of evaluation."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """Before prediction."""

    def on_predict_end(self, logs: Any = None) -> None:
        """After prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Before each batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """After each batch of prediction."""


class CallbackList:
    """Callbacks called together; moments that no callback overrides cost nothing.

    Args:
        callbacks: None, one callback, or several.
        model, params: handed to each of them.
    """

    def __init__(self, callbacks: Any, model: Any, **params: Any) -> None:
        given = [] if callbacks is None else callbacks
        self.callbacks = list(given) if isinstance(given, Iterable) else [given]
        for callback in self.callbacks:
            if isinstance(callback, type):
                raise ArgumentTypeError(
                    f"callbacks: make an object: {callback.__name__}(...), received the class "
                    f"{callback!r}"
                )
            if not hasattr(callback, "set_model"):
                raise ArgumentTypeError(
                    "callbacks: expected objects such as keras.callbacks.EarlyStopping(), "
                    f"received {callback!r}"
                )
            callback.set_model(model)
            callback.set_params(params)
        self._hooks: dict[str, list[Callable[..., Any]]] = {
            name: [getattr(c, name) for c in self.callbacks if _overrides(c, name)]
            for name in HOOKS
        }

    def call(self, name: str, *args: Any) -> None:
        """Call the moment `name` of all callbacks."""
        for hook in self._hooks[name]:
            hook(*args)

    def wants(self, name: str) -> bool:
        """Whether any callback overrides the moment `name`."""
        return bool(self._hooks[name])


def _overrides(callback: Any, name: str) -> bool:
    if isinstance(callback, Callback) and callback.is_idle(name):
        return False
    names = [name, name.replace("train_batch", "batch")]
    return any(
        getattr(type(callback), n, None) is not getattr(Callback, n) or n in vars(callback)
        for n in names
    )


class LambdaCallback(Callback):
    """A callback of functions: `LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))`."""

    def __init__(self, **functions: Callable[..., Any] | None) -> None:
        for name, function in functions.items():
            if not name.startswith("on_") or not hasattr(Callback, name):
                raise ArgumentTypeError(
                    f"LambdaCallback: unknown moment {name!r}; expected one of {HOOKS}"
                )
            if function is not None:
                setattr(self, name, function)


class TerminateOnNaN(Callback):
    """Stops training when the loss is NaN or infinite; each step waits for the loss."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            print(f"Batch {batch}: Invalid loss {loss}, terminating training")
            self.model.stop_training = True


class EarlyStopping(Callback):
    """Stops training when a metric has stopped improving.

    Args:
        monitor: name of the metric, such as "val_loss".
        min_delta: what counts as an improvement at least.
        patience: epochs without improvement after which training stops.
        verbose: 1 says when and why it stops.
        mode: "min", "max", or "auto": "max" for names that end in acc, accuracy, auc or similar.
        baseline: a value that must be reached.
        restore_best_weights: go back to the weights of the best epoch.
        start_from_epoch: epochs at the start that are not looked at.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        if mode not in ("auto", "min", "max"):
            raise InvalidArgumentError(
                f'EarlyStopping: mode must be "auto", "min" or "max", received {mode!r}'
            )
        self.monitor = monitor
        self.min_delta = abs(min_delta)
        self.patience = patience
        self.verbose = verbose
        self.mode = mode
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch

    def on_train_begin(self, logs: Any = None) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        current = (logs or {}).get(self.monitor)
        if current is None:
            raise InvalidArgumentError(
                f'EarlyStopping: there is no metric "{self.monitor}"; there are '
                f"{sorted(logs or {})}"
                + (". Give fit validation_data." if self.monitor.startswith("val_") else "")
            )
        if epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights = self.model.get_weights()
            self.best_epoch = epoch
        self.wait += 1
        # NaN is better than nothing ever; the first number after it is.
        if not math.isnan(current) and (self.best is None or self._better(current, self.best)):
            self.best = current
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._better(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(
                    "Restoring model weights from the end of the best epoch: "
                    f"{self.best_epoch + 1}."
                )
            self.model.set_weights(self.best_weights)

    def _better(self, value: float, reference: float) -> bool:
        rises = self.mode == "max" or (
            self.mode == "auto"
            and self.monitor.endswith(("acc", "accuracy", "auc", "precision", "recall"))
        )
        return value - self.min_delta > reference if rises else value + self.min_delta < reference


class ProgbarLogger(Callback):
    """Accepted for old programs: `fit` shows its progress itself, see its argument `verbose`."""
