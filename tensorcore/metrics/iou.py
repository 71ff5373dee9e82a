"""Intersection over union, for images of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorcore import nn
from tensorcore.errors import OutOfRangeError
from tensorcore.losses.shapes import EPSILON, as_pair
from tensorcore.metrics.base import Metric
from tensorcore.ops.arithmetic import add, divide, multiply, subtract
from tensorcore.ops.creation import eye
from tensorcore.ops.indexing import take
from tensorcore.ops.linear import matmul
from tensorcore.ops.logical import greater, greater_equal, less, logical_and, not_equal, where
from tensorcore.ops.reductions import argmax, sum
from tensorcore.ops.shaping import expand_dims, reshape, transpose
from tensorcore.ops.transfer import astype
from tensorcore.tensor import as_tensor


class IoU(Metric):
    """Mean over some classes of hits / (hits + false alarms + misses).

    Args:
        num_classes: number of classes.
        target_class_ids: the classes that count.
        ignore_class: places with this label do not count.
        sparse_y_true, sparse_y_pred: whether labels and predictions are class numbers; else the
            greatest entry along `axis` is the class.
        axis: the dimension of the classes.

    Sample weights are whole numbers, as the counts are (`dtype="float32"` lets them be others).
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(dtype or "int32", name)
        if max(target_class_ids) >= num_classes:
            raise OutOfRangeError(
                f"{type(self).__name__}: class {max(target_class_ids)} of target_class_ids is out "
                f"of range; expected 0 to {num_classes - 1}"
            )
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        shape = (num_classes, num_classes)
        self.total_cm = self.add_variable(shape, name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = as_pair(y_true, y_pred)
        y_true = y_true if self.sparse_y_true else argmax(y_true, axis=self.axis)
        y_pred = y_pred if self.sparse_y_pred else argmax(y_pred, axis=self.axis)
        y_true, y_pred = (reshape(astype(y, "int32"), (-1,)) for y in (y_true, y_pred))
        counts = None
        for y in (y_true, y_pred):
            inside = logical_and(greater_equal(y, 0), less(y, self.num_classes))
            counts = inside if counts is None else logical_and(counts, inside)
        if self.ignore_class is not None:
            counts = logical_and(counts, not_equal(y_true, self.ignore_class))
        y_true, y_pred = (where(counts, y, 0) for y in (y_true, y_pred))
        weight = astype(counts, "float32")
        if sample_weight is not None:
            given = as_tensor(sample_weight, device=y_pred.device)
            given = reshape(astype(astype(given, self.dtype), "float32"), (-1,))
            weight = multiply(weight, given)
        # Row: label, column: prediction.
        labels = multiply(nn.one_hot(y_true, self.num_classes), expand_dims(weight, -1))
        table = matmul(transpose(labels), nn.one_hot(y_pred, self.num_classes))
        self.grow(self.total_cm, astype(table, self.dtype))

    def result(self) -> Any:
        table = astype(self.total_cm, "float32")
        hits = sum(multiply(table, eye(self.num_classes, device=table.device)), axis=0)
        union = subtract(add(sum(table, axis=0), sum(table, axis=1)), hits)
        wanted = as_tensor(self.target_class_ids, device=table.device)
        hits, union = take(hits, wanted), take(union, wanted)
        there = greater(union, 1e-9)
        share = where(there, divide(hits, add(union, EPSILON)), 0.0)
        return divide(sum(share), add(sum(astype(there, "float32")), EPSILON))

    def get_config(self) -> dict[str, Any]:
        names = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_true")
        names = (*names, "sparse_y_pred", "axis")
        own = {name: getattr(self, name) for name in names if name in self._told}
        return {**super().get_config(), **own}

    _told: tuple[str, ...] = (
        "num_classes",
        "target_class_ids",
        "ignore_class",
        "sparse_y_true",
        "sparse_y_pred",
        "axis",
    )


class BinaryIoU(IoU):
    """IoU of the two answers no (0) and yes (1: prediction >= threshold)."""

    _told = ("target_class_ids",)

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = as_pair(y_true, y_pred)
        said = astype(greater_equal(y_pred, self.threshold), "int32")
        super().update_state(y_true, said, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "threshold": self.threshold}


class MeanIoU(IoU):
    """IoU of all classes.

    >>> metric = MeanIoU(num_classes=2)
    >>> round(float(metric([0, 0, 1, 1], [0, 1, 0, 1])), 4)
    0.3333
    """

    _told = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        classes = range(num_classes)
        options = (ignore_class, sparse_y_true, sparse_y_pred, axis)
        super().__init__(num_classes, classes, name, dtype, *options)


class OneHotIoU(IoU):
    """IoU of one-hot labels."""

    _told = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        options = (ignore_class, False, sparse_y_pred, axis)
        super().__init__(num_classes, target_class_ids, name, dtype, *options)


class OneHotMeanIoU(MeanIoU):
    """IoU of all classes, with one-hot labels."""

    _told = ("num_classes", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
