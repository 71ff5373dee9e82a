"""The loops of `fit`, `evaluate` and `predict`."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np

from tensorcore.errors import InvalidArgumentError, OutOfMemoryError, TrainingError
from tensorcore.layers.structure import leaves, map_structure
from tensorcore.memory import memory_summary
from tensorcore.progress import Progress
from tensorcore.training import batches as data
from tensorcore.training import handed
from tensorcore.training.callbacks import CallbackList
from tensorcore.training.history import History
from tensorcore.training.logs import Logs, as_numbers
from tensorcore.training.resident import staying
from tensorcore.training.room import with_advice

# `predict` without a batch size takes as many rows at once as fit into this, but never fewer than
# 32.
PREDICT_BYTES = 2**20
PREDICT_SILENT_S = 0.5


def fit(
    model: Any,
    source: data.Batches,
    *,
    epochs: int,
    initial_epoch: int,
    verbose: Any,
    callbacks: Any,
    validation: data.Batches | None,
    steps_per_epoch: int | None,
    validation_steps: int | None,
    validation_freq: Any,
) -> History:
    """Train for epochs `initial_epoch` to `epochs` - 1."""
    steps = steps_per_epoch or source.steps
    history = History()
    given = callbacks if isinstance(callbacks, CallbackList) else None
    hooks = given or CallbackList(
        [*_as_list(callbacks), history], model, epochs=epochs, steps=steps, verbose=verbose
    )
    history.set_model(model)
    model.stop_training = False
    model.history = history
    feed = Feed(model, source, steps_per_epoch)
    logs: dict[str, Any] = {}
    model._initial_epoch = initial_epoch  # a callback may say that training goes on later
    hooks.call("on_train_begin", {})
    for epoch in range(model._initial_epoch, epochs):
        if feed.exhausted:
            break
        model.reset_metrics()
        hooks.call("on_epoch_begin", epoch, {})
        with _bar(verbose, steps, f"Epoch {epoch + 1}/{epochs}") as bar:
            logs = _train_epoch(model, feed, hooks, bar)
            if validation is not None and _validates(epoch, validation_freq):
                try:
                    found = evaluate(
                        model, validation, verbose=0, callbacks=hooks, steps=validation_steps
                    )
                except Exception as error:
                    error.add_note("while validating: look at validation_data")
                    raise
                logs.update({f"val_{name}": value for name, value in found.items()})
            if bar is not None:
                bar.finish({**logs, **_skipped_steps(model.optimizer)})
        _warn_of_nan(logs, epoch, history)
        hooks.call("on_epoch_end", epoch, logs)
        if model.stop_training:
            break
    if getattr(model.optimizer, "use_ema", False):
        model.optimizer.finalize_variable_values(model.trainable_weights)
    hooks.call("on_train_end", logs)
    return history


def _skipped_steps(optimizer: Any) -> dict[str, int]:
    """What a progress bar says of steps that a LossScaleOptimizer left out so far."""
    skipped = getattr(optimizer, "skipped_steps", None)
    count = 0 if skipped is None else int(skipped)
    return {"skipped_steps": count} if count else {}


def _warn_of_nan(logs: dict[str, Any], epoch: int, history: History) -> None:
    """Say once that the loss is not a number any more: training goes on, as in Keras."""
    if not np.isnan(logs.get("loss", 0.0)) or np.isnan(history.history.get("loss", [0.0])[-1]):
        return
    warnings.warn(
        f"fit: the loss is NaN since epoch {epoch + 1}. Look for NaN in the data "
        "(np.isnan(x).any()), lower the learning rate, or clip the gradients (clipnorm=1.0); "
        "callbacks.TerminateOnNaN() stops training there.",
        stacklevel=5,
    )


def _train_epoch(
    model: Any, feed: Feed, hooks: CallbackList, bar: Progress | None
) -> dict[str, Any]:
    """One pass of training; returns the metrics as numbers, which waits for the device."""
    begins, ends = hooks.wants("on_train_batch_begin"), hooks.wants("on_train_batch_end")
    results: Any = {}
    batch: Any = None
    kept = memory_summary(model.device).used
    step = 0
    train_step = model.step("train_step")
    at_once = None if begins or ends else lambda: train_step.at_once(feed.source)
    try:
        for step, batch in enumerate(feed.epoch(at_once)):
            if begins:
                hooks.call("on_train_batch_begin", step, {})
            results = train_step(batch)
            if step == 0:
                model._keep_trainable_weights()
                train_step = model.step("train_step")  # the first batch may have made the weights
            if ends:
                logs = Logs(results)
                hooks.call("on_train_batch_end", step, logs)
                logs.settle_if_held(sys.getrefcount(logs))
            if bar is not None:
                bar.advance(handed.count_of(batch), partial(as_numbers, results))
            if model.stop_training:
                break
    except OutOfMemoryError as error:
        raise with_advice(error, 0 if batch is None else handed.rows_of(batch), kept) from None
    finally:
        model._drop_trainable_weights()
    if not results and not step:
        raise InvalidArgumentError(
            "fit: the data has no batch left; a generator can be used up only once"
        )
    return as_numbers(model._metrics_or(results))


def evaluate(
    model: Any, source: data.Batches, *, verbose: Any, callbacks: Any, steps: int | None
) -> dict[str, Any]:
    """The metrics over the data, as numbers."""
    hooks = callbacks
    if not isinstance(callbacks, CallbackList):
        hooks = CallbackList(callbacks, model, steps=steps or source.steps, verbose=verbose)
    begins, ends = hooks.wants("on_test_batch_begin"), hooks.wants("on_test_batch_end")
    model.reset_metrics()
    hooks.call("on_test_begin", {})
    results: Any = {}
    feed = Feed(model, source, steps)
    test_step = model.step("test_step")
    at_once = None if begins or ends else lambda: test_step.at_once(source)
    with _bar(verbose, steps or source.steps, "Evaluate") as bar:
        for step, batch in enumerate(feed.epoch(at_once)):
            if begins:
                hooks.call("on_test_batch_begin", step, {})
            results = test_step(batch)
            if step == 0:
                test_step = model.step("test_step")  # as in `_train_epoch`
            if ends:
                logs = Logs(results)
                hooks.call("on_test_batch_end", step, logs)
                logs.settle_if_held(sys.getrefcount(logs))
            if bar is not None:
                bar.advance(handed.count_of(batch), partial(as_numbers, results))
        if not results:
            raise InvalidArgumentError(
                "evaluate: the data has no batch; a generator can be used up only once"
            )
        found = as_numbers(model._metrics_or(results))
        if bar is not None:
            bar.finish(found)
    hooks.call("on_test_end", found)
    return found


def predict(
    model: Any,
    x: Any,
    *,
    batch_size: int | None,
    verbose: Any,
    steps: int | None,
    callbacks: Any,
) -> Any:
    """The outputs for all rows, as NumPy arrays."""
    source = data.batches_of(x, batch_size=batch_size)
    if batch_size is None and isinstance(source, data.ArrayBatches):
        nbytes = sum(array.nbytes for array in leaves(source.data[0]))
        rows = max(32, PREDICT_BYTES * source.samples // max(nbytes, 1))
        source.batch_size = int(rows)
        source.steps = -(-source.samples // source.batch_size)
    hooks = CallbackList(callbacks, model, steps=steps or source.steps, verbose=verbose)
    quiet_until = time.monotonic() + (PREDICT_SILENT_S if verbose == "auto" else 0.0)
    outputs = []
    predict_step = model.step("predict_step")
    bar: Progress | None = None
    hooks.call("on_predict_begin", {})
    try:
        with staying(model, source, steps):
            for step, batch in enumerate(Feed(model, source, steps).epoch()):
                hooks.call("on_predict_batch_begin", step, {})
                outputs.append(predict_step(batch))
                if step == 0:
                    predict_step = model.step("predict_step")  # as in `_train_epoch`
                hooks.call("on_predict_batch_end", step, {"outputs": outputs[-1]})
                if bar is not None:
                    bar.advance()
                elif verbose and time.monotonic() >= quiet_until:
                    bar = Progress(
                        steps or source.steps, "Predict", live=None if verbose != 2 else False
                    )
                    bar.advance(step + 1)
    except BaseException:
        if bar is not None:
            bar.stop()
        raise
    if bar is not None:
        bar.finish()
    hooks.call("on_predict_end", {})
    if not outputs:
        raise InvalidArgumentError("predict: the data has no batch")
    return _joined(outputs)


def _joined(outputs: list[Any]) -> Any:
    """The outputs of all batches one after the other, in the structure of one."""
    parts = [list(leaves(output)) for output in outputs]
    joined = iter(
        [
            np.concatenate([np.asarray(part, copy=False) for part in column])
            for column in zip(*parts)
        ]
    )
    return map_structure(lambda _: next(joined), outputs[0])


class Feed:
    """The batches of one epoch after the other, on the model's device.

    With a number of steps an epoch the passes over the data follow each other without regard to
    epochs.
    """

    def __init__(self, model: Any, source: data.Batches, steps: int | None) -> None:
        if steps is not None and (not isinstance(steps, (int, np.integer)) or steps <= 0):
            raise InvalidArgumentError(
                f"the number of steps must be a positive int, received {steps!r}"
            )
        self.model = model
        self.source = source
        self.steps = steps
        self.exhausted = False
        self._running: Iterator[Any] | None = None
        self._left = 0  # steps of this epoch
        self._at_once: Callable[[], int] | None = None

    def _start(self, at_once: Callable[[], int] | None) -> Iterator[Any]:
        place = handed.Placement(self.model.device, self.model.dtype, self.model)
        return self.source.batches(place, at_once)

    def _wanted(self) -> int:
        """How many batches the next element may be, of those that the epoch still has."""
        return 1 if self._at_once is None else min(self._at_once(), self._left)

    def epoch(self, at_once: Callable[[], int] | None = None) -> Iterator[Any]:
        """The batches of the next epoch.

        Args:
            at_once: asked how many batches the next element may be; see `ArrayBatches.batches`.
        """
        if self.steps is None:
            yield from self._start(at_once)
            self.exhausted = getattr(self.source, "is_iterator", False)
            return
        self._left, self._at_once = int(self.steps), at_once
        while self._left > 0:
            batch = self._next()
            if batch is None:
                self.exhausted = True
                return
            self._left -= handed.count_of(batch)
            yield batch

    def _next(self) -> Any:
        for _ in range(2):
            if self._running is None:
                self._running = self._start(self._wanted)
            batch = next(self._running, None)
            if batch is not None:
                return batch
            self._running = None
        return None


def _bar(verbose: Any, steps: int | None, description: str) -> Any:
    if verbose not in (0, 1, 2, "auto", "0", "1", "2", True, False):
        raise InvalidArgumentError(f'verbose must be "auto", 0, 1 or 2, received {verbose!r}')
    if verbose in (0, "0"):
        return nullcontext()
    return Progress(steps, description, live=False if verbose in (2, "2") else None)


def _validates(epoch: int, frequency: Any) -> bool:
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency


def _as_list(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]


def check_compiled(model: Any, method: str) -> None:
    """Refuse to train a model of which nobody said how."""
    if not model.compiled:
        raise TrainingError(
            f'{method}: the model "{model.name}" is not compiled. Call '
            'model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", '
            'metrics=["accuracy"]) first.'
        )
