"""What `iter(dataset)` returns: elements as tensors, and a position that can be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorcore.data.iterating import EndOfSequence, Run
from tensorcore.data.values import tensors
from tensorcore.device import default_device

if TYPE_CHECKING:
    from tensorcore.data.dataset import Dataset


class DatasetIterator:
    """Elements of a data set as tensors on the default device.

    `state` says how far it has come and which random orders it follows.  Assigned to an iterator
    of the same pipeline over the same data, it goes on with the next element:

    >>> from tensorcore.data import Dataset
    >>> first = iter(Dataset.range(10).shuffle(10, seed=1).batch(3))
    >>> _ = next(first)
    >>> second = iter(Dataset.range(10).shuffle(10, seed=1).batch(3))
    >>> second.state = first.state
    >>> next(first).tolist() == next(second).tolist()
    True
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._start(None, 0)

    def _start(self, seeds: list[int] | None, consumed: int) -> None:
        self._run = Run(self._dataset.shuffles(), seeds)
        self._steps = self._dataset.steps(self._run)
        self._consumed = self._steps.skip(consumed) if consumed else 0

    @property
    def state(self) -> dict[str, Any]:
        """{"consumed": elements given so far, "seeds": of each shuffle}; can be set."""
        return {"consumed": self._consumed, "seeds": list(self._run.seeds)}

    @state.setter
    def state(self, value: dict[str, Any]) -> None:
        self._steps.close()
        self._start([int(seed) for seed in value["seeds"]], int(value["consumed"]))

    @property
    def element_spec(self) -> Any:
        """The structure of an element."""
        return self._dataset.element_spec

    def __iter__(self) -> DatasetIterator:
        return self

    def __next__(self) -> Any:
        element = next(self._steps)
        self._consumed += 1
        return tensors(element, default_device())

    def get_next(self) -> Any:
        """The next element.

        Raises:
            EndOfSequence: there is none.
        """
        try:
            return next(self)
        except StopIteration:
            raise EndOfSequence("End of sequence: the data set has no further element") from None

    def __repr__(self) -> str:
        return f"<iterator of {self._dataset!r}, {self._consumed} elements given>"
