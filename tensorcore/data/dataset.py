"""The data set: a pipeline of steps, each made by a method of the one before.

    train = Dataset.from_tensor_slices((x, y)).shuffle(1000).batch(32).prefetch(AUTOTUNE)
    for x, y in train: ...

Inside, elements are host arrays.  Rows of arrays that are only shuffled, zipped, taken from or
batched stay row numbers until a whole batch is gathered at once; see `RowSteps`.  `fit` gathers
such batches itself, straight into the memory that its steps read; see `Dataset.batches_of_rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tensorcore.data.iterating import BatchesOfRows, Run, Steps
from tensorcore.data.iterator import DatasetIterator
from tensorcore.data.spec import TensorSpec
from tensorcore.data.values import host, map_leaves, tensors
from tensorcore.device import CPU, default_device
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError

AUTOTUNE = -1
INFINITE = -1
UNKNOWN = -2


class Dataset:
    """A sequence of elements: tensors, or tuples and dicts of them.

    >>> dataset = Dataset.range(5).batch(2)
    >>> [batch.tolist() for batch in dataset]
    [[0, 1], [2, 3], [4]]
    """

    sources: Any = ()
    rows: int | None = None  # how many rows `gather` can give in any order, or None
    shown = "Dataset"
    only_chooses = False  # whether its elements are the source's, some of them, in any order
    only_groups: int | None = None  # so many elements of the source's are stacked, nothing else
    _spec: Any = None

    # What a step gives itself -----------------------------------------------------------------

    def gather(self, index: Any) -> Any:
        """The rows at a number, a slice or an array of numbers; only where `rows` is known."""
        raise NotImplementedError

    def steps(self, run: Run) -> Steps:
        """A pass over the elements."""
        if self.rows is None:
            raise NotImplementedError
        return run.rows_of(self)

    def table(self) -> Any:
        """The structure of host arrays of which `gather` gives rows; None if there is none."""
        return None

    def make_spec(self) -> Any:
        """The structure of an element; by default that of the source."""
        return self.sources[0].element_spec

    def count(self) -> int:
        """The number of elements, INFINITE or UNKNOWN; by default that of the source."""
        return self.rows if self.rows is not None else self.sources[0].count()

    # Sources ----------------------------------------------------------------------------------

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """The rows of arrays, or of tuples and dicts of arrays with the same number of rows."""
        from tensorcore.data.sources import TensorSlices

        return TensorSlices(tensors)

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """One element."""
        from tensorcore.data.sources import Tensors

        return Tensors(tensors)

    @staticmethod
    def from_generator(
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """What a generator function yields.

        Args:
            generator: a function without arguments (or taking `args`) that returns an iterator.
            output_signature: a structure of `TensorSpec`.
            output_types, output_shapes: the same said in the older way.
            args: arguments of the function.
        """
        from tensorcore.data.sources import FromGenerator

        if output_signature is None:
            if output_types is None:
                raise InvalidArgumentError(
                    "from_generator: say what is yielded, for example "
                    "output_signature=tf.TensorSpec(shape=(None,), dtype=tf.float32)"
                )
            output_signature = _signature(output_types, output_shapes)
        return FromGenerator(generator, output_signature, tuple(args or ()))

    @staticmethod
    def range(*args: int, output_type: Any = "int64", name: str | None = None) -> Dataset:
        """The whole numbers below stop, or as Python's `range` has them; int64."""
        from tensorcore.data.sources import Range

        return Range(*args, output_type=output_type)

    @staticmethod
    def zip(*datasets: Any, name: str | None = None) -> Dataset:
        """Elements side by side: `zip(a, b)`, or `zip((a, b))`, or a dict."""
        from tensorcore.data.sources import Zip

        return Zip(datasets[0] if len(datasets) == 1 else datasets)

    @staticmethod
    def list_files(file_pattern: Any, shuffle: bool | None = None, seed: Any = None) -> Dataset:
        """The names of the files that match a pattern, in random order by default."""
        import glob

        patterns = file_pattern if isinstance(file_pattern, (list, tuple)) else [file_pattern]
        found = sorted(name for pattern in patterns for name in glob.glob(str(pattern)))
        if not found:
            raise InvalidArgumentError(f"list_files: no files matched pattern: {file_pattern}")
        dataset = Dataset.from_tensor_slices(found)
        return dataset if shuffle is False else dataset.shuffle(len(found), seed)

    # Choosing and ordering --------------------------------------------------------------------

    def shuffle(
        self,
        buffer_size: Any,
        seed: Any = None,
        reshuffle_each_iteration: bool | None = True,
        name: str | None = None,
    ) -> Dataset:
        """The elements in random order, drawn from a buffer of this many; a new order each pass."""
        from tensorcore.data.selecting import Shuffle

        return Shuffle(self, buffer_size, seed, reshuffle_each_iteration)

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """The elements `count` times over, or for ever."""
        from tensorcore.data.selecting import Repeat

        return Repeat(self, None if count is None else int(count))

    def take(self, count: int, name: str | None = None) -> Dataset:
        """The first elements; -1 for all."""
        from tensorcore.data.selecting import Part

        return Part(self, 0, None if int(count) < 0 else int(count), shown="_TakeDataset")

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """The elements without the first ones; -1 for none."""
        from tensorcore.data.selecting import Part

        first = int(count) if int(count) >= 0 else 2**62
        return Part(self, first, None, shown="_SkipDataset")

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Every `num_shards`-th element, from `index` on."""
        from tensorcore.data.selecting import Part

        if not 0 <= index < num_shards:
            raise InvalidArgumentError(
                f"shard: index must be from 0 to {num_shards - 1}, received {index}"
            )
        return Part(self, int(index), None, int(num_shards), shown="_ShardDataset")

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """These elements, then those of the other data set."""
        from tensorcore.data.selecting import Concatenate

        return Concatenate(self, dataset)

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """(number, element), as Python's `enumerate`."""
        from tensorcore.data.selecting import Enumerate

        return Enumerate(self, start)

    # Calling functions ------------------------------------------------------------------------

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        synchronous: bool | None = None,
        use_unbounded_threadpool: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """The results of a function of each element.

        The function gets tensors on the CPU, one argument for each part of a tuple, and may be
        called in several threads (`num_parallel_calls`); the order stays.
        """
        from tensorcore.data.mapping import Map

        return Map(self, map_func, num_parallel_calls, deterministic)

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements for which a function says True."""
        from tensorcore.data.mapping import Filter

        return Filter(self, predicate)

    def take_while(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements up to the first for which a function says False."""
        from tensorcore.data.mapping import TakeWhile

        return TakeWhile(self, predicate)

    def scan(
        self, initial_state: Any, scan_func: Callable[..., Any], name: str | None = None
    ) -> Dataset:
        """What `state, result = scan_func(state, element)` gives for one element after the other.

        >>> sums = Dataset.range(4).scan(0, lambda total, n: (total + n, total + n))
        >>> [int(n) for n in sums]
        [0, 1, 3, 6]
        """
        from tensorcore.data.mapping import Scan

        return Scan(self, initial_state, scan_func)

    def flat_map(self, map_func: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements of the data sets that a function makes, one after the other."""
        from tensorcore.data.mapping import Interleave

        return Interleave(self, map_func)

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: Any = None,
        block_length: Any = None,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Elements of `cycle_length` data sets in turn, `block_length` of each at a time."""
        from tensorcore.data.mapping import Interleave, thread_count

        cycle = cycle_length
        if cycle in (None, AUTOTUNE):
            cycle = max(thread_count(num_parallel_calls or AUTOTUNE), 2)
        return Interleave(self, map_func, int(cycle), int(block_length or 1))

    def reduce(self, initial_state: Any, reduce_func: Callable[..., Any], name: Any = None) -> Any:
        """`reduce_func(state, element)` over all elements; returns the last state."""
        state = host(initial_state)
        with CPU:
            for element in self.host_elements():
                result = reduce_func(tensors(state, CPU), tensors(element, CPU))
                state = map_leaves(lambda new, old: new.astype(old.dtype), host(result), state)
        return tensors(state, default_device())

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """`transformation_func(self)`."""
        return transformation_func(self)

    # Groups -----------------------------------------------------------------------------------

    def batch(
        self,
        batch_size: Any,
        drop_remainder: bool = False,
        num_parallel_calls: Any = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """`batch_size` elements at a time, stacked; the last batch may be smaller."""
        from tensorcore.data.batching import Batch

        return Batch(self, batch_size, drop_remainder)

    def padded_batch(
        self,
        batch_size: Any,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Elements of different sizes stacked, filled up with 0 or `padding_values`."""
        from tensorcore.data.batching import PaddedBatch

        return PaddedBatch(self, batch_size, padded_shapes, padding_values, drop_remainder)

    def unbatch(self, name: str | None = None) -> Dataset:
        """The rows of the elements, one by one."""
        from tensorcore.data.batching import Unbatch

        return Unbatch(self)

    def window(
        self,
        size: Any,
        shift: Any = None,
        stride: Any = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Data sets of `size` neighbouring elements, each beginning `shift` further on."""
        from tensorcore.data.batching import Window

        return Window(self, size, shift, stride, drop_remainder)

    # Speed ------------------------------------------------------------------------------------

    def prefetch(self, buffer_size: Any = AUTOTUNE, name: str | None = None) -> Dataset:
        """The elements, made ahead in a thread of their own."""
        from tensorcore.data.background import Prefetch

        return Prefetch(self, buffer_size)

    def cache(self, filename: str = "", name: str | None = None) -> Dataset:
        """The elements, kept in memory during the first whole pass."""
        from tensorcore.data.background import Cache

        if filename:
            raise InvalidArgumentError(
                "cache: a file is not there yet; cache() keeps the elements in memory"
            )
        return Cache(self)

    def with_options(self, options: Any, name: str | None = None) -> Dataset:
        """The data set itself: options of TensorFlow's runtime have nothing to set here."""
        return self

    # Looking at it ----------------------------------------------------------------------------

    @property
    def element_spec(self) -> Any:
        """The structure of an element, with a `TensorSpec` for each tensor."""
        if self._spec is None:
            self._spec = self.make_spec()
        return self._spec

    def cardinality(self) -> Any:
        """The number of elements as a tensor; -1 if infinite, -2 if unknown."""
        import numpy as np

        return tensors(np.asarray(self.count()), default_device())

    def __len__(self) -> int:
        count = self.count()
        if count == INFINITE:
            raise ArgumentTypeError("The dataset is infinite; use take(n)")
        if count == UNKNOWN:
            raise ArgumentTypeError("The dataset length is unknown; iterate over it to count")
        return count

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> DatasetIterator:
        return DatasetIterator(self)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements as NumPy arrays and scalars."""
        for element in self.host_elements():
            yield map_leaves(_scalar, element)

    def host_elements(self) -> Iterator[Any]:
        """The elements as the pipeline has them, in host arrays."""
        return iter(self.steps(Run(self.shuffles())))

    def batches_of_rows(self) -> BatchesOfRows | None:
        """The batches as numbers of rows of arrays, where the pipeline does nothing but choose,
        order and group them.
        """
        step: Dataset = self
        size: int | None = None
        while step.rows is None:
            if step.only_groups and size is None:
                size = step.only_groups
            elif not step.only_chooses:
                return None
            step = step.sources[0]
        table = step.table()
        return None if table is None or size is None else BatchesOfRows(self, table, size)

    def get_single_element(self, name: str | None = None) -> Any:
        """The one element of a data set that has just one."""
        found = [element for element, _ in zip(self.host_elements(), range(2))]
        if len(found) != 1:
            raise InvalidArgumentError(
                f"Dataset had {'more than one' if found else 'no'} element(s)"
            )
        return tensors(found[0], default_device())

    def shuffles(self) -> list[Any]:
        """The steps of the pipeline that draw a random order, the first ones first."""
        found: list[Any] = []
        for source in self.sources:
            found += [step for step in source.shuffles() if step not in found]
        return [*found, self] if hasattr(self, "draw_seed") else found

    def __repr__(self) -> str:
        return f"<{self.shown} element_spec={self.element_spec}>"


def _scalar(array: Any) -> Any:
    if hasattr(array, "element_spec"):
        return array
    if array.dtype.kind == "O":
        return array.item() if not array.ndim else array
    return array[()]


def _signature(types: Any, shapes: Any) -> Any:
    if shapes is None:
        return map_leaves(lambda dtype: TensorSpec(None, dtype), types)
    if not isinstance(types, (tuple, dict)):
        return TensorSpec(shapes, types)
    if isinstance(types, dict):
        return {key: _signature(kind, shapes[key]) for key, kind in types.items()}
    return tuple(_signature(kind, shape) for kind, shape in zip(types, shapes, strict=True))
