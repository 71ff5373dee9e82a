"""Arrays that stay on a GPU while `fit`, `evaluate` or `predict` last: as if the host fed them."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.data import Dataset
from tensorcore.device import to_numpy
from tensorcore.errors import OutOfMemoryError
from tensorcore.graph.chosen_rows import ChosenRows
from tensorcore.training import resident
from tests import emulator

pytestmark = pytest.mark.parametrize("device", ["gpu"], indirect=True)
counted = pytest.mark.skipif(not emulator.is_installed(), reason="the emulator counts copies")
layers = keras.layers
BATCH = 4
ROWS = 6 * BATCH + 1  # the last batch is smaller


def samples(dtype=np.float32, rows=ROWS):
    rng = np.random.default_rng(1)
    return rng.normal(size=(rows, 3)).astype(dtype), rng.integers(0, 2, rows)


def plain():
    return keras.Sequential(
        [layers.Dense(5, "relu"), layers.Dropout(0.2), layers.Dense(2, "softmax")]
    )


def of_named():
    inputs = {"wide": keras.Input((3,)), "narrow": keras.Input((1,), dtype="uint8")}
    joined = layers.Concatenate()([inputs["wide"], tc.astype(inputs["narrow"], "float32")])
    return keras.Model(inputs, layers.Dense(2, "softmax")(joined))


def named():
    x, y = samples()
    return {"wide": x, "narrow": np.arange(ROWS, dtype=np.uint8)[:, None] % 5}, y


def apart():
    """Arrays whose rows do not lie one after the other."""
    x, y = samples()
    return np.asfortranarray(x), np.repeat(y, 2)[::2]


WEIGHTS = np.linspace(0.0, 2.0, ROWS)
# name -> (model, x and y, options of fit)
CASES = {
    "shuffled": (plain, samples, {}),
    "in order": (plain, samples, {"shuffle": False}),
    "float64": (plain, lambda: samples(np.float64), {}),
    "float16": (plain, lambda: samples(np.float16), {}),
    "bfloat16": (plain, lambda: samples(ml_dtypes.bfloat16), {}),
    "columns": (plain, apart, {}),
    "classes": (plain, samples, {"class_weight": {0: 3.0}}),
    "weights": (plain, samples, {"sample_weight": WEIGHTS}),
    "names": (of_named, named, {}),
    "validation": (plain, samples, {"validation_data": samples(np.float64)}),
    "a split": (plain, samples, {"validation_split": 0.4}),
    "steps": (plain, samples, {"steps_per_epoch": 5}),
}


def compiled(build=plain):
    keras.utils.set_random_seed(2)
    model = build()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fed_by_the_host(monkeypatch):
    monkeypatch.setattr(resident, "SHARE", 0.0)


@pytest.fixture
def taken(monkeypatch):
    """The lengths of the batches of which only the rows' numbers were brought."""
    lengths = []
    write = ChosenRows.__call__

    def noted(self, places):
        lengths.append(len(places[1]))
        return write(self, places)

    monkeypatch.setattr(ChosenRows, "__call__", noted)
    return lengths


@pytest.mark.parametrize("name", CASES)
def test_everything_is_as_if_the_host_gave_batches(device, name, monkeypatch, taken):
    build, given, options = CASES[name]
    x, y = given()

    def found():
        model = compiled(build)
        history = model.fit(x, y, batch_size=BATCH, epochs=4, verbose=0, **options).history
        return (
            history,
            model.evaluate(x, y, verbose=0, batch_size=BATCH),
            model.predict(x, verbose=0, batch_size=BATCH),
        )

    first = found()
    assert BATCH in taken
    assert 1 in taken or name in ("a split", "steps"), "the last batch, from its third time on"
    taken.clear()
    fed_by_the_host(monkeypatch)
    second = found()
    assert not taken
    assert first[:2] == second[:2]
    np.testing.assert_array_equal(first[2], second[2])


def test_rows_of_a_data_set(device, monkeypatch, taken):
    def history():
        data = Dataset.from_tensor_slices(samples(np.float64)).shuffle(9, seed=3).batch(BATCH)
        return compiled().fit(data, epochs=3, verbose=0).history

    first = history()
    assert taken
    fed_by_the_host(monkeypatch)
    assert first == history()


@pytest.mark.parametrize("shape", [(), (1,), (3,), (5, 3), (0, 2), (2100,)])
@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "complex128", "bool"])
def test_a_feeder_of_rows(device, shape, dtype):
    """Rows of any width, from wherever they begin, beside one of another width and a number."""
    rng = np.random.default_rng(0)
    host = [rng.integers(0, 2, (9, *shape)).astype(dtype), rng.normal(size=(9, 8))]
    sources = [device.brought(array, array.dtype)[1:] for array in host]
    places = [device.empty((4, *array.shape[1:]), array.dtype) for array in host]
    number = device.empty((), np.dtype("float32"))
    feed = device.row_feeder(places, [number])
    for turn in range(4):
        chosen = rng.integers(0, 8, 4)
        write = ChosenRows(sources, chosen)

        def fill(given, write=write, turn=turn):
            write(given[:2])
            given[2][...] = turn

        feed(fill)
        assert float(to_numpy(number)) == turn
        for array, place in zip(host, places, strict=True):
            np.testing.assert_array_equal(to_numpy(place), array[1:][chosen])


def test_arrays_are_converted_piece_by_piece(device, monkeypatch):
    from tensorcore.kernels.cuda import feeding

    monkeypatch.setattr(feeding, "CHUNK", 40)
    x = np.arange(60.0).reshape(20, 3)
    for given in (x, x[::2], np.asfortranarray(x)):
        brought = device.brought(given, np.dtype("float32"))
        np.testing.assert_array_equal(to_numpy(brought), given.astype("float32"))


@counted
@pytest.mark.parametrize("name", ["whole", "split", "columns", "float64", "on another GPU", "x, x"])
def test_tensors_of_the_gpu_are_used_where_they_are(device, name, taken):
    """What lies otherwise than a step wants it is brought like an array."""
    x, y = samples(np.float64 if name == "float64" else np.float32)
    if name == "x, x":
        y = x

    def fitted(x, y):
        keras.utils.set_random_seed(2)
        model = keras.Sequential([layers.Dense(3)])
        model.compile("adam", "mse" if name == "x, x" else "sparse_categorical_crossentropy")
        options = {"validation_split": 0.4 if name == "split" else 0.0, "verbose": 0}
        found = [model.fit(x, y, batch_size=BATCH, epochs=2, **options).history]
        with emulator.counting() as seen:
            found += [model.fit(x, y, batch_size=BATCH, epochs=2, **options).history]
        return found, seen.host_to_device

    expected, of_arrays = fitted(x, y)
    there = tc.device("gpu:1") if name == "on another GPU" else device
    given = tc.asarray(x.T.copy() if name == "columns" else x, device=there)
    given = given.T if name == "columns" else given
    labels = given if name == "x, x" else tc.asarray(y, device=there)
    taken.clear()
    found, of_tensors = fitted(given, labels)
    assert taken
    assert found == expected
    brought_less = {"whole": 2, "split": 4, "columns": 1, "float64": 1, "on another GPU": 0}
    assert of_arrays - of_tensors == brought_less.get(name, 1)


@counted
def test_a_step_brings_numbers_of_rows_only(device):
    """One copy, one launch and no wait, however wide the rows are."""
    model = compiled()
    x, y = samples(rows=8 * BATCH)
    counts = []
    for rows in (4 * BATCH, 4 * BATCH, 8 * BATCH):
        with emulator.counting() as seen:
            model.fit(x[:rows], y[:rows], batch_size=BATCH, verbose=0)
        counts.append(seen)
    (plan,) = [p for p in model.step("train_step").plans if len(p.arguments[0]) == BATCH]
    (feed,) = [f for kind, f in plan._feeds.items() if kind is ChosenRows]
    wide = sum(a.nbytes for a in (x[:BATCH], y[:BATCH]))
    assert all(array.nbytes < wide for array in feed._slots[0].host)
    many = counts[2] - counts[1]
    assert many.graph_launches == many.host_to_device == 4
    assert many.syncs == many.device_to_host == 0


class StopsError(Exception):
    pass


@pytest.mark.parametrize("stops", [False, True])
def test_memory_is_given_back(device, taken, stops):
    x, y = samples(rows=64 * BATCH)
    x = np.repeat(x, 1000, axis=1)
    model = compiled()
    seen = []

    def look(batch, logs):
        seen.append(used(device))
        if stops and len(seen) == 30:
            raise StopsError

    watching = keras.callbacks.LambdaCallback(on_train_batch_end=look)
    model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)
    taken.clear()
    before = used(device)
    try:
        model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0, callbacks=[watching])
    except StopsError as stopped:  # which keeps the frames of `fit`
        assert stops and stopped.__traceback__
        assert used(device) < before + x.nbytes / 2
    assert taken
    assert used(device) < before + x.nbytes / 2
    assert max(seen) >= before + x.nbytes


def used(device):
    """Bytes of arrays on the device; with the emulator's guard pages no pool counts them."""
    if emulator.is_installed():
        return emulator.counters().bytes_used
    return tc.memory_summary(device).used


@pytest.mark.parametrize("why", ["large", "no memory", "given up"])
def test_the_host_gives_batches_where_there_is_no_room(device, monkeypatch, taken, why):
    x, y = samples()

    def history(callbacks=None):
        return (
            compiled().fit(x, y, batch_size=BATCH, epochs=3, verbose=0, callbacks=callbacks).history
        )

    expected = history()
    usual = len(taken)
    taken.clear()
    callback = None
    if why == "large":
        monkeypatch.setattr(tc.memory, "free_for_arrays", lambda _: x.nbytes)
    elif why == "no memory":

        def refuse(*_):
            raise OutOfMemoryError("none left")

        monkeypatch.setattr(type(device), "brought", refuse)
    else:
        callback = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: tc.memory.make_room(device)
        )
    assert history(callback) == expected
    assert 0 < len(taken) < usual if why == "given up" else not taken


def test_one_step_brings_no_arrays(device, taken):
    x, y = samples()
    model = compiled()
    for _ in range(4):
        model.fit(x, y, batch_size=BATCH, steps_per_epoch=2, verbose=0)
        model.evaluate(x, y, batch_size=ROWS, verbose=0)
    assert not taken


def test_arrays_may_change_between_calls(device):
    x, _ = samples()
    model = compiled()
    model.predict(x, batch_size=BATCH, verbose=0)
    first = model.predict(x, batch_size=BATCH, verbose=0)
    x *= 2
    second = model.predict(x, batch_size=BATCH, verbose=0)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(second, model.predict(x.copy(), batch_size=BATCH, verbose=0))


def test_the_limit_of_the_pool_counts(device):
    used = tc.memory_summary(device).used
    try:
        tc.set_memory_limit(device, nbytes=used + (12 << 20))
        assert 0 <= tc.memory.free_for_arrays(device) <= 12 << 20
    finally:
        tc.set_memory_limit(device, nbytes=0)
    assert tc.memory.free_for_arrays(device) > 12 << 20
