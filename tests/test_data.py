"""Data sets: elements, specs and counts of TensorFlow, orders, threads, and places to return to."""

from __future__ import annotations

import gc
import json
import pathlib
import threading
import time
import traceback

import numpy as np
import pytest

from tensorcore import keras
from tensorcore.data import AUTOTUNE, Dataset, EndOfSequence, TensorSpec
from tensorcore.data.selecting import shuffled_order
from tensorcore.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from tests.golden import tf2_expressions as expressions

GOLDEN = json.loads((pathlib.Path(__file__).parent / "golden" / "tf2.json").read_text())


def plain(value):
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return value.decode() if isinstance(value, bytes) else value.tolist()


def elements(dataset):
    return [plain(element) for element in dataset.as_numpy_iterator()]


@pytest.mark.parametrize("text", expressions.PIPELINES)
def test_pipelines_give_what_tensorflow_gives(tensorflow_manners, text):
    wanted = GOLDEN["pipelines"][text]
    space = {"tf": tensorflow_manners, "np": np, "D": Dataset, "x": np.arange(12)}
    dataset = eval(text, space)
    assert elements(dataset) == wanted["elements"]
    assert elements(dataset) == wanted["elements"]  # a second pass is the same
    assert repr(dataset.element_spec) == wanted["spec"]
    assert dataset.count() == wanted["cardinality"]


def test_elements_are_tensors_of_the_default_device(device):
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    batches = list(Dataset.from_tensor_slices((x, [1, 2, 3])).batch(2))
    assert all(part.device is device for batch in batches for part in batch)
    assert batches[1][0].tolist() == [[4.0, 5.0]]
    assert batches[0][1].dtype == np.int32
    total = Dataset.range(4).reduce(np.int64(0), lambda state, value: state + value)
    assert total.device is device
    assert int(total) == 6


# Orders -------------------------------------------------------------------------------------------


def order_of_a_buffer(count, size, rng):
    """The same as `shuffled_order`, row by row: the plain reference."""
    places = rng.integers(0, size, count - size) if size < count else None
    buffer, order = list(range(min(size, count))), []
    for number, place in enumerate(() if places is None else places):
        order.append(buffer[place])
        buffer[place] = size + number
    return order + [buffer[i] for i in rng.permutation(len(buffer))]


@pytest.mark.parametrize(
    ("count", "size"), [(50, 7), (50, 1), (50, 49), (20, 20), (5, 100), (0, 3)]
)
def test_the_order_is_that_of_a_buffer(count, size):
    expected = order_of_a_buffer(count, size, np.random.default_rng(3))
    assert shuffled_order(count, size, np.random.default_rng(3)).tolist() == expected
    assert sorted(expected) == list(range(count))


def test_a_row_leaves_at_most_a_buffer_early():
    order = elements(Dataset.range(1000).shuffle(10, seed=0))
    assert all(value < place + 10 for place, value in enumerate(order))
    assert order != sorted(order)


def test_shuffling_elements_that_are_no_rows():
    stream = Dataset.range(100).map(lambda value: value)
    order = elements(stream.shuffle(8, seed=5))
    assert sorted(order) == list(range(100))
    assert all(value < place + 8 for place, value in enumerate(order))
    assert elements(stream.shuffle(100)) != elements(stream.shuffle(100))


def test_each_pass_has_an_order_of_its_own_unless_told_otherwise():
    again = Dataset.range(20).shuffle(20, seed=1)
    assert elements(again) != elements(again)
    fixed = Dataset.range(20).shuffle(20, seed=1, reshuffle_each_iteration=False)
    assert elements(fixed) == elements(fixed)
    twice = elements(Dataset.range(20).shuffle(20).repeat(2))
    assert sorted(twice[:20]) == sorted(twice[20:]) == list(range(20))
    assert twice[:20] != twice[20:]
    fixed = elements(fixed.repeat(2))
    assert fixed[:20] == fixed[20:]


def test_a_seed_repeats_a_program():
    def program():
        dataset = Dataset.range(20).shuffle(20, seed=7)
        return elements(dataset), elements(dataset)

    assert program() == program()
    keras.utils.set_random_seed(3)
    first = elements(Dataset.range(20).shuffle(20))
    keras.utils.set_random_seed(3)
    assert elements(Dataset.range(20).shuffle(20)) == first


# Rows are gathered --------------------------------------------------------------------------------


def test_a_batch_of_rows_is_one_gathering(monkeypatch):
    dataset = Dataset.from_tensor_slices(np.arange(100)).shuffle(30, seed=0).batch(25)
    source = dataset.sources[0].sources[0]
    asked = []
    gather = source.gather
    monkeypatch.setattr(source, "gather", lambda index: (asked.append(index), gather(index))[1])
    assert sorted(value for batch in elements(dataset) for value in batch) == list(range(100))
    assert [len(index) for index in asked] == [25, 25, 25, 25]


def test_rows_stay_rows_through_choosing_and_zipping():
    rows = Dataset.zip((Dataset.range(10), Dataset.range(10).skip(2).enumerate()))
    assert rows.rows == 8
    assert rows.take(3).cache().prefetch(1).rows == 3
    assert Dataset.range(10).repeat(2).rows is None


# Threads ------------------------------------------------------------------------------------------


def fails_at_three(value):
    if int(value) == 3:
        raise KeyError("the user's own error")
    return value


@pytest.mark.parametrize(
    "wrap",
    [
        lambda d: d.map(fails_at_three),
        lambda d: d.map(fails_at_three, num_parallel_calls=3),
        lambda d: d.map(fails_at_three).prefetch(2),
        lambda d: d.map(fails_at_three, num_parallel_calls=2).batch(1).prefetch(AUTOTUNE),
    ],
)
def test_errors_reach_the_program_with_the_users_line(wrap):
    steps = iter(wrap(Dataset.range(10)))
    with pytest.raises(KeyError, match="the user's own error") as raised:
        for _ in range(10):
            next(steps)
    lines = [frame.line for frame in traceback.extract_tb(raised.value.__traceback__)]
    assert 'raise KeyError("the user\'s own error")' in lines


def test_several_threads_keep_the_order():
    def slowly(value):
        time.sleep(0.002 if int(value) % 2 else 0.0)
        return value

    assert elements(Dataset.range(30).map(slowly, num_parallel_calls=4)) == list(range(30))


def test_elements_are_made_ahead():
    made = []
    dataset = Dataset.range(10).map(lambda value: (made.append(1), value)[1]).prefetch(4)
    steps = iter(dataset)
    next(steps)
    deadline = time.monotonic() + 5
    while len(made) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert 5 <= len(made) <= 7


def test_threads_end_when_nobody_wants_more():
    before = threading.active_count()
    for _ in range(5):
        steps = iter(Dataset.range(1000).map(lambda v: v, num_parallel_calls=2).prefetch(2))
        next(steps)
    del steps
    gc.collect()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() <= before


# Places to return to ------------------------------------------------------------------------------

PIPELINES = {
    "rows": lambda: Dataset.range(50).shuffle(20).repeat(3).batch(7).prefetch(2),
    "stream": lambda: Dataset.range(50).map(lambda v: v * 2).shuffle(8).batch(4),
    "filtered": lambda: Dataset.range(60).shuffle(60).filter(lambda v: v % 2 == 0).batch(3),
    "windows": lambda: Dataset.range(60).window(4, 2).flat_map(lambda w: w.batch(4)).shuffle(5),
    "interleaved": lambda: Dataset.range(6).interleave(
        lambda v: Dataset.range(8).shuffle(8, seed=2), cycle_length=3
    ),
    "zipped": lambda: Dataset.zip((Dataset.range(40).shuffle(9), Dataset.range(40).shuffle(40))),
    "threads": lambda: Dataset.range(40).shuffle(40).map(lambda v: v, num_parallel_calls=3),
}


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("consumed", [0, 5, 13])
def test_an_iterator_goes_on_where_another_one_was(name, consumed):
    first = iter(PIPELINES[name]())
    for _ in range(min(consumed, 9 if name == "filtered" else consumed)):
        next(first)
    state = json.loads(json.dumps(first.state))
    second = iter(PIPELINES[name]())
    second.state = state
    assert [plain(element) for element in first] == [plain(element) for element in second]


def test_skipping_computes_nothing():
    made = []
    dataset = Dataset.range(1000).map(lambda value: (made.append(1), value)[1])
    steps = iter(dataset)
    steps.state = {"consumed": 900, "seeds": []}
    assert int(next(steps)) == 900
    assert len(made) == 1


# Training -----------------------------------------------------------------------------------------


def test_fit_takes_data_sets_as_it_takes_arrays(device):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))

    def losses(*data, **options):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model, model.fit(*data, epochs=3, verbose=0, **options).history["loss"]

    dataset = Dataset.from_tensor_slices((x, y)).batch(10)
    model, found = losses(dataset)
    _, expected = losses(x, y, batch_size=10, shuffle=False)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert model.predict(dataset.map(lambda a, b: a), verbose=0).shape == (40, 1)
    weighted = Dataset.from_tensor_slices((x, y, np.zeros(40))).batch(10)
    assert model.evaluate(weighted, verbose=0) == 0.0
    _, endless = losses(dataset.repeat(), steps_per_epoch=4)
    np.testing.assert_allclose(endless, expected, rtol=1e-6)


# What is refused ----------------------------------------------------------------------------------


def test_elements_of_different_shapes_cannot_be_batched():
    dataset = Dataset.from_generator(
        lambda: iter([[1], [2, 3]]), output_signature=TensorSpec((None,), "int32")
    )
    with pytest.raises(ShapeError, match="Cannot batch tensors with different shapes in component"):
        list(dataset.batch(2))
    assert elements(dataset.padded_batch(2)) == [[[1, 0], [2, 3]]]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.5], "yielded .*1.5.* where the signature says int32"),
        ([[1, 2]], r"an element of shape \(1, 2\) where an element of shape \(1,\) was expected"),
        ((1, 2), "does not match|shape"),
    ],
)
def test_what_a_generator_yields_is_checked(value, message):
    dataset = Dataset.from_generator(
        lambda: iter([value]), output_signature=TensorSpec((1,), "int32")
    )
    with pytest.raises((InvalidArgumentError, TypeError), match=message):
        list(dataset)


@pytest.mark.parametrize(
    "made",
    [
        Dataset.range(4),
        Dataset.range(4).take(3),
        Dataset.range(4).repeat(2),
        Dataset.range(4).shuffle(2),
        Dataset.range(4).batch(2),
        Dataset.range(4).enumerate(),
        Dataset.range(4).map(lambda v: v),
        Dataset.range(4).cache(),
        Dataset.range(4).prefetch(1),
        Dataset.range(4).window(2),
        Dataset.range(4).concatenate(Dataset.range(1)),
        Dataset.zip((Dataset.range(4),)),
        Dataset.from_tensors(1),
    ],
    ids=lambda made: type(made).__name__,
)
def test_every_step_has_every_method(made):
    for name, method in vars(Dataset).items():
        if callable(method) and not name.startswith("_"):
            assert callable(getattr(made, name)), name


def test_mistakes_are_named():
    with pytest.raises(ShapeError, match="Dimensions 2 and 3 are not compatible"):
        Dataset.from_tensor_slices((np.zeros(2), np.zeros(3)))
    with pytest.raises(ShapeError, match="rank >= 1"):
        Dataset.from_tensor_slices(5)
    with pytest.raises(InvalidArgumentError, match="batch_size must be greater than zero"):
        Dataset.range(3).batch(0)
    with pytest.raises(InvalidArgumentError, match="buffer_size must be greater than zero"):
        Dataset.range(3).shuffle(0)
    with pytest.raises(ArgumentTypeError, match="need a function that returns a data set"):
        list(Dataset.range(3).flat_map(lambda value: value))
    with pytest.raises(ArgumentTypeError, match="The dataset is infinite"):
        len(Dataset.range(3).repeat())
    with pytest.raises(EndOfSequence, match="no further element"):
        iter(Dataset.range(0)).get_next()
    with pytest.raises(InvalidArgumentError, match="say what is yielded"):
        Dataset.from_generator(lambda: iter([1]))


def test_scan_hands_a_state_on():
    pairs = Dataset.from_tensor_slices((np.arange(4), np.ones(4, np.float32)))
    found = pairs.scan(
        (0, 10.0), lambda state, pair: ((state[0] + pair[0], state[1] * 2.0), (*state, pair[1]))
    )
    expected = [(0, 10, 1), (0, 20, 1), (1, 40, 1), (3, 80, 1)]
    for _ in range(2):  # each pass begins anew
        assert [tuple(float(x) for x in row) for row in found] == expected
    assert [spec.shape for spec in found.element_spec] == [(), (), ()]
    assert len(found) == 4
    with pytest.raises(TypeError, match=r"must return \(the new state, an element\), received"):
        list(Dataset.range(2).scan(0, lambda state, n: state + n))
