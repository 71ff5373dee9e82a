"""How batches come into a step: written into the arrays that it reads, whatever they come from."""

from __future__ import annotations

import operator
import threading

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.data import Dataset
from tensorcore.data.values import map_leaves
from tensorcore.device import to_numpy
from tensorcore.graph.memory import Buffers
from tensorcore.graph.plan import COMPILES_AT_RUN
from tensorcore.graph.symbol import NoData
from tests import emulator
from tests.tolerances import assert_close

BATCH, STEPS = 4, 5
ROWS = BATCH * STEPS
layers = keras.layers

counted = pytest.mark.skipif(not emulator.is_installed(), reason="the emulator counts copies")
on_gpu = pytest.mark.parametrize("device", ["gpu"], indirect=True)


class LengthOfText(layers.Layer):
    """How long each text is."""

    def numbers_of_texts(self, texts):
        return np.array([[len(text)] for text in np.ravel(texts)], np.int32)

    def call(self, inputs):
        return tc.astype(inputs, "float32")


def plain():
    return keras.Sequential([layers.Dense(3, activation="relu"), layers.Dense(2, "softmax")])


def of_texts():
    return keras.Sequential([LengthOfText(), layers.Dense(2, "softmax")])


def of_named():
    inputs = {"wide": keras.Input((3,)), "narrow": keras.Input((1,), dtype="int32")}
    joined = layers.Concatenate()([inputs["wide"], tc.astype(inputs["narrow"], "float32")])
    return keras.Model(inputs, layers.Dense(2, "softmax")(joined))


def samples(rows=ROWS, dtype=np.float32):
    rng = np.random.default_rng(1)
    return rng.normal(size=(rows, 3)).astype(dtype), rng.integers(0, 2, rows)


def batches(*arrays):
    """The arrays cut into batches, each a tuple."""
    rows = len(arrays[0])
    return [
        tuple(array[start : start + BATCH] for array in arrays) for start in range(0, rows, BATCH)
    ]


class Written(keras.utils.PyDataset):
    """Batches made by their number."""

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        return batches(*samples())[index]


def as_generator():
    yield from batches(*samples()) * 3


def as_texts():
    x, y = samples()
    texts = np.array(["a" * (1 + int(10 * abs(first))) for first, *_ in x], object)
    return Dataset.from_tensor_slices((texts, y)).batch(BATCH)


def as_named():
    x, y = samples()
    named = {"wide": x, "narrow": np.arange(ROWS, dtype=np.int32)[:, None] % 5}
    return Dataset.from_tensor_slices((named, y)).batch(BATCH).map(lambda named, y: (named, y))


def as_rows():
    return Dataset.from_tensor_slices(samples()).shuffle(ROWS, seed=3).batch(BATCH)


WEIGHTS = np.linspace(0.0, 2.0, ROWS, dtype=np.float32)
# name -> (model, source, options of fit)
SOURCES = {
    "rows of a data set": (plain, as_rows, {}),
    "rows of a data set, prefetched": (plain, lambda: as_rows().prefetch(2), {}),
    "rows of a data set, with classes": (plain, as_rows, {"class_weight": {0: 3.0}}),
    "a data set": (plain, lambda: as_rows().map(lambda x, y: (2.0 * x, y)), {}),
    "a data set, prefetched": (
        plain,
        lambda: as_rows().map(lambda x, y: (2.0 * x, y)).prefetch(2),
        {},
    ),
    "named inputs": (of_named, as_named, {}),
    "texts": (of_texts, as_texts, {}),
    "a generator": (plain, as_generator, {"steps_per_epoch": STEPS}),
    "a list": (plain, lambda: batches(*samples()), {}),
    "a list with weights": (plain, lambda: batches(*samples(), WEIGHTS), {}),
    "a list with classes": (plain, lambda: batches(*samples()), {"class_weight": {1: 0.5}}),
    "a PyDataset": (plain, Written, {"shuffle": False}),
    "float64": (plain, lambda: batches(*samples(dtype=np.float64)), {}),
}
# How many arrays are brought to a GPU at once, where a data set says only the numbers of rows.
RESIDENT = {
    "rows of a data set": 2,
    "rows of a data set, prefetched": 2,
    "rows of a data set, with classes": 3,
}


def compiled(build, eagerly=False):
    keras.utils.set_random_seed(2)
    model = build()
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=eagerly)
    return model


@pytest.mark.parametrize("name", SOURCES)
def test_training_is_that_of_eager_steps_with_one_copy_and_one_launch_each(device, name):
    build, source, options = SOURCES[name]

    def trained(eagerly):
        model = compiled(build, eagerly)
        return model, model.fit(source(), epochs=3, verbose=0, **options).history["loss"]

    with device:
        model, losses = trained(eagerly=False)
        assert_close(np.array(losses), np.array(trained(eagerly=True)[1]))
    if device.kind == "cpu" or not emulator.is_installed():
        return
    given = source()
    with emulator.counting() as seen:
        model.fit(given, verbose=0, **options)
    assert seen.graph_launches == STEPS
    brought = RESIDENT.get(name, 0)
    assert seen.host_to_device == STEPS + 2 + brought, "one a batch, and the mean loss set to 0"
    assert seen.syncs <= 2, "at the end of the epoch, when its metrics are read"


@counted
@on_gpu
@pytest.mark.parametrize("name", ["rows of a data set", "a data set", "a generator", "a PyDataset"])
def test_evaluation_and_prediction_are_fed_so_too(device, name):
    build, source, options = SOURCES[name]
    model = compiled(build)
    steps = {"steps": STEPS} if "steps_per_epoch" in options else {}
    model.evaluate(source(), verbose=0, **steps)
    model.predict(source(), verbose=0, **steps)
    with emulator.counting() as seen:
        model.evaluate(source(), verbose=0, **steps)
    brought = RESIDENT.get(name, 0)
    assert seen.host_to_device == STEPS + 2 + brought
    assert seen.syncs <= 2
    with emulator.counting() as seen:
        model.predict(source(), verbose=0, **steps)
    assert seen.host_to_device == STEPS + brought


def test_shapes_that_change_in_the_middle(device):
    """Each shape is traced when it comes again, and none gets the arrays of another."""
    rng = np.random.default_rng(0)
    sizes = [(4, 5), (4, 5), (4, 5), (2, 5), (4, 7), (4, 5), (2, 5), (4, 7), (2, 5), (4, 5)]
    given = [(rng.integers(0, 9, size), rng.integers(0, 2, size[0])) for size in sizes]
    given[7] = (given[7][0].astype(np.int32), given[7][1])

    def build():
        return keras.Sequential(
            [layers.Embedding(9, 4), layers.GlobalAveragePooling1D(), layers.Dense(2, "softmax")]
        )

    def history(eagerly):
        return compiled(build, eagerly).fit(given, epochs=2, verbose=0).history["loss"]

    with device:
        assert_close(np.array(history(eagerly=False)), np.array(history(eagerly=True)))


def test_arrays_that_a_generator_writes_to_again(device):
    """A batch is copied when it is handed over, so that its arrays are free at once."""

    def reusing():
        x, y = np.empty((BATCH, 3), np.float32), np.empty(BATCH, np.int64)
        for rows, labels in batches(*samples()):
            x[...], y[...] = rows, labels
            yield x, y
            x.fill(np.nan)

    def history(source):
        model = compiled(plain)
        return [model.fit(source(), verbose=0).history["loss"] for _ in range(3)]

    with device:
        assert history(reusing) == history(lambda: batches(*samples()))


def test_prefetch_makes_batches_while_a_step_runs(device):
    """The first step waits for the third batch to be made."""
    is_ahead = threading.Event()
    found = []

    def generator():
        for number, batch in enumerate(batches(*samples())):
            if number == 2:
                is_ahead.set()
            yield batch

    def wait(batch, logs):
        if batch == 0:
            found.append(is_ahead.wait(60))

    spec = tc.data.TensorSpec
    signature = (spec((None, 3), "float32"), spec((None,), "int64"))
    source = Dataset.from_generator(generator, output_signature=signature).prefetch(2)
    with device:
        callback = keras.callbacks.LambdaCallback(on_train_batch_begin=wait)
        compiled(plain).fit(source, callbacks=[callback], verbose=0)
    assert found == [True]


def test_arrays_of_files(device, tmp_path):
    """Rows of a memory-mapped file are read when they are wanted."""
    x, y = samples()
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")

    def histories(x):
        for source in (Dataset.from_tensor_slices((x, y)).batch(BATCH), batches(x, y)):
            yield compiled(plain).fit(source, epochs=2, verbose=0).history

    with device:
        assert list(histories(mapped)) == list(histories(x))


def test_texts_in_arrays(device):
    x, y = samples()
    texts = np.array(["a" * (1 + int(10 * abs(first))) for first, *_ in x])

    def history(eagerly):
        model = compiled(of_texts, eagerly)
        return model.fit(texts, y, batch_size=BATCH, epochs=2, shuffle=False, verbose=0).history

    with device:
        assert_close(
            np.array(history(eagerly=False)["loss"]), np.array(history(eagerly=True)["loss"])
        )


@pytest.mark.parametrize("is_shuffled", [False, True])
def test_arrays_that_do_not_lie_in_rows(device, is_shuffled):
    x, y = samples()
    transposed = np.asfortranarray(x)

    def history(given):
        keras.utils.set_random_seed(6)
        model = compiled(plain)
        options = {"batch_size": BATCH, "epochs": 2, "shuffle": is_shuffled, "verbose": 0}
        return model.fit(given, y, **options).history

    with device:
        assert history(transposed) == history(x)


@pytest.mark.parametrize("lie_apart", [True, False])
def test_a_feeder_writes_to_arrays_wherever_they_lie(device, lie_apart):
    kinds = [((3,), np.float32), ((0, 2), np.int64), ((), np.uint64), ((2, 5), np.uint8)]
    if lie_apart:
        places = [device.empty(shape, np.dtype(dtype)) for shape, dtype in kinds]
    else:
        specs = [NoData(shape, np.dtype(dtype)) for shape, dtype in kinds]
        places = Buffers(device).side_by_side(specs)
    feed = device.feeder(places)
    for number in range(1, 6):
        feed(lambda arrays, n=number: [array.fill(n + i) for i, array in enumerate(arrays)])
        for i, (place, (shape, dtype)) in enumerate(zip(places, kinds, strict=True)):
            np.testing.assert_array_equal(to_numpy(place), np.full(shape, number + i, dtype))


# Rows of a data set -------------------------------------------------------------------------------


def numbers(rows=10):
    return Dataset.from_tensor_slices(np.arange(rows))


ROW_PIPELINES = {
    "batch": lambda d: d.batch(3),
    "drop_remainder": lambda d: d.batch(3, drop_remainder=True),
    "shuffle": lambda d: d.shuffle(5, seed=1).batch(3),
    "shuffle, always alike": lambda d: d.shuffle(5, seed=1, reshuffle_each_iteration=False).batch(
        3
    ),
    "shuffled batches": lambda d: d.batch(3).shuffle(5, seed=1),
    "repeat": lambda d: d.shuffle(5, seed=1).repeat(2).batch(4),
    "repeat first": lambda d: d.repeat(2).shuffle(5, seed=1).batch(4),
    "repeated batches": lambda d: d.batch(4).repeat(2),
    "take": lambda d: d.take(7).batch(3),
    "take batches": lambda d: d.shuffle(10, seed=4).batch(3).take(2),
    "skip": lambda d: d.skip(2).batch(3).skip(1),
    "prefetch": lambda d: d.batch(3).prefetch(2),
    "prefetch, cache": lambda d: d.cache().shuffle(4, seed=2).prefetch(2).batch(3).prefetch(-1),
    "zip": lambda d: Dataset.zip(d, d.skip(1)).batch(3),
    "zip of names": lambda d: Dataset.zip({"a": d, "b": (d.skip(1), d)}).batch(3),
}
OTHER_PIPELINES = {
    "no batch": lambda d: d.shuffle(3),
    "map": lambda d: d.map(lambda n: n + 1).batch(3),
    "mapped batches": lambda d: d.batch(3).map(lambda n: n + 1),
    "batches of batches": lambda d: d.batch(2).batch(2),
    "shard": lambda d: d.shard(2, 0).batch(3),
    "kept batches": lambda d: d.shuffle(3).batch(3).cache(),
    "filter": lambda d: d.filter(lambda n: n > 2).batch(3),
    "concatenate": lambda d: d.concatenate(d).batch(3),
    "padded": lambda d: d.padded_batch(3),
}


@pytest.mark.parametrize("name", ROW_PIPELINES)
def test_batches_of_rows_are_those_of_the_data_set(name):
    for _ in range(2):  # passes: each has the same order in both data sets
        one, other = (ROW_PIPELINES[name](numbers()) for _ in range(2))
        for _ in range(3):
            rows = one.batches_of_rows()
            expected = list(other.host_elements())
            for chosen, element in zip(rows, expected, strict=True):
                gathered = map_leaves(operator.itemgetter(chosen), rows.arrays)
                map_leaves(np.testing.assert_array_equal, gathered, element)


@pytest.mark.parametrize("name", OTHER_PIPELINES)
def test_what_does_more_than_choosing_has_no_batches_of_rows(name):
    assert OTHER_PIPELINES[name](numbers()).batches_of_rows() is None


def test_texts_and_generators_have_no_batches_of_rows():
    assert Dataset.from_tensor_slices(["a", "b"]).batch(2).batches_of_rows() is None
    spec = tc.data.TensorSpec((), "int64")
    assert (
        Dataset.from_generator(lambda: iter([1]), output_signature=spec).batch(2).batches_of_rows()
        is None
    )


def in_order():
    x, y = samples(BATCH * (COMPILES_AT_RUN + 30) + 1)
    return Dataset.from_tensor_slices((x, y)).batch(BATCH)


@pytest.mark.parametrize("with_steps", [False, True])
def test_several_batches_of_a_data_set_run_in_one_call(device, runs, with_steps):
    steps = COMPILES_AT_RUN + 31
    options = {"epochs": 2, "verbose": 0}
    if with_steps:
        options["steps_per_epoch"] = steps - 5  # an epoch ends in the middle of a pass

    def history(apart):
        model = compiled(plain)
        one_by_one = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda *_: None)
        source = in_order().repeat() if with_steps else in_order()
        model.fit(source, callbacks=[one_by_one] if apart else None, **options)
        return model.history.history, model.get_weights()

    with device:
        first, weights = history(apart=True)
        assert not runs
        second, others = history(apart=False)
    assert bool(runs) == (device.kind == "cpu")
    assert first == second
    for a, b in zip(weights, others, strict=True):
        np.testing.assert_array_equal(a, b)
