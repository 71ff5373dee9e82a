"""The cost model: tasks, points, rates, predictions, the choice of a device, models that move."""

import sys
import threading

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import costs, keras
from tensorcore.benchmark import machine
from tensorcore.costs import calls, prediction, rates, samples
from tensorcore.costs.points import Point, Points
from tensorcore.costs.tasks import Task, tasks_of
from tensorcore.errors import InvalidArgumentError
from tensorcore.training import moving


def points(flops, nbytes):
    """Points of a device that computes and moves at constant speeds."""
    found = []
    for size in (1e2, 1e8):
        for name in ("matmul nn", "matmul tn", "matmul nt"):
            task = Task("matmul", name, (1.0, *(size ** (1 / 3),) * 3), 2 * size)
            found.append(Point(task, task.work / flops))
        update = Task("update by product", "update", (size, 1.0, 1.0, 3.0), 2 * size)
        found.append(Point(update, update.work / flops))
        moved = Task("elementwise", "elementwise", (size, 3.0, size), 3 * size)
        found.append(Point(moved, 4 * moved.work / nbytes))
        rows = Task("fit", "steps in one call", (32.0, size, 1e8), 32 * size)
        found.append(Point(rows, rows.work / nbytes))
    return Points(found)


CPU_RATES = costs.Rates(
    device="cpu",
    product="a CPU",
    points=points(flops=5e10, nbytes=3e10),
    run_s=1e-6,
)
# Far faster at large sizes, and slower to start.
GPU_RATES = CPU_RATES._replace(
    device="gpu:0",
    points=points(flops=1e13, nbytes=1e12),
    run_s=5e-4,
)


def dense_model(units=256):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Dense(units, activation="relu", input_shape=(256,)),
            keras.layers.Dense(4),
        ]
    )
    model.compile("adam", "mse")
    return model


def data(rows, rng):
    return rng.random((rows, 256), np.float32), rng.random((rows, 4), np.float32)


def task(size, work=None, family="matmul", name="matmul nn"):
    return Task(family, name, (float(size),), float(size if work is None else work))


def test_speeds_lie_between_the_measured_ones():
    known = Points([Point(task(16), 16e-6), Point(task(1024), 64e-6)])  # 1 and 16 a microsecond
    assert known.seconds(task(16)) == pytest.approx(16e-6, rel=1e-3)
    assert known.seconds(task(128)) == pytest.approx(128e-6 / 4, rel=1e-3)
    assert known.seconds(task(1)) == 16e-6  # never faster than the fastest
    assert known.seconds(task(1 << 20)) == pytest.approx((1 << 20) * 1e-6 / 16, rel=0.2)


def test_the_error_is_how_far_points_are_from_the_others():
    steady = Points([Point(task(size), size * 1e-6) for size in (10, 100, 1000)])
    assert steady.error(task(50)) == pytest.approx(0, abs=1e-6)
    uneven = Points([Point(task(size), size * 1e-6 * (1 + size % 7)) for size in (10, 100, 1000)])
    assert 0.1 < uneven.error(task(50)) <= 1
    assert Points([Point(task(10), 1e-6)]).error(task(10)) == 1


def test_what_was_never_measured_is_compared_with_its_family_and_then_with_a_pass():
    passed = Task("elementwise", "elementwise", (1e6, 2.0, 1e6), 2e6)
    known = Points([Point(task(10), 1e-6), Point(passed, 1e-3)])
    assert known.seconds(task(10, name="matmul tt")) == pytest.approx(1e-6)
    unknown = task(1e6, 2e6, "sort", "sort")
    assert known.seconds(unknown) == pytest.approx(1e-3)
    assert known.error(unknown) == 1


def plan_of(function, *shapes):
    """The compiled plan of a function of tensors of these shapes on the CPU."""
    with tc.device("cpu"):
        traced = tc.function(function)
        plan = traced.get_concrete_function(*(tc.ones(shape) for shape in shapes)).plan
    plan.compile()
    return plan


@pytest.mark.parametrize(
    ("function", "shapes", "family", "sizes", "work"),
    [
        (lambda x, y: x @ y, [(5, 6), (6, 7)], "matmul", (1, 5, 6, 7), 420),
        (lambda x, y: x @ y.mT, [(3, 5, 6), (3, 7, 6)], "matmul", (3, 5, 6, 7), 1260),
        (lambda x, y: x @ y, [(3, 5, 6), (6, 7)], "matmul", (1, 15, 6, 7), 1260),
        (tc.nn.conv2d, [(2, 6, 6, 3), (3, 3, 3, 4)], "convolution", (32, 9, 3, 4), 6912),
        (lambda x: tc.sum(x, axis=0), [(8, 16)], "reduction of lines", (128, 16, 16), 145),
        (lambda x: tc.max(x, axis=1), [(8, 16)], "reduction of rows", (128, 8, 1), 137),
        (tc.add, [(8, 16), (16,)], "elementwise", (128, 2.375, 16), 304),
        (tc.nn.softmax, [(8, 16)], "softmax", (128, 128, 16), 257),
    ],
)  # fmt: skip
def test_tasks_have_the_sizes_of_their_work(function, shapes, family, sizes, work):
    node = next(
        n for n in plan_of(function, *shapes).nodes if n.op is not None and not n.op.is_view
    )
    (found,) = tasks_of(node)
    assert found.family == family
    assert found.sizes == pytest.approx(sizes)
    assert found.work == pytest.approx(work)


def test_every_step_of_a_plan_is_in_one_call(rng):
    x, y = data(32, rng)
    with tc.device("cpu"):
        plan = rates.compiled_plan(dense_model(), x, y, 32)
    found = calls.calls_of(plan)
    families = {task.family for call in found for task in call.tasks}
    assert {"matmul", "elementwise", "update by product"} <= families
    assert {call.name for call in found} == set(plan.labels)
    assert calls.joined_runs(found) < sum(call.is_native for call in found)
    on_gpu = calls.calls_on(plan, "gpu")
    assert not any(task.family == "update by product" for c in on_gpu for task in c.tasks)


def test_the_step_of_an_embedding_has_a_task_for_each_of_its_parts(rng):
    layers = keras.layers
    with tc.device("cpu"):
        stack = [layers.Embedding(5000, 4), layers.GlobalAveragePooling1D(), layers.Dense(1)]
        model = keras.Sequential([keras.Input((6,), dtype="int32"), *stack])
        model.compile("adam", "mse")
        x, y = rng.integers(0, 50, (8, 6)).astype(np.int32), rng.random((8, 1), np.float32)
        plan = rates.compiled_plan(model, x, y, 8)
    (call,) = [call for call in calls.calls_of(plan) if call.name == "adam_update_in_segments"]
    lookups, rest = call.tasks
    assert lookups.family == "update by lookups"
    assert lookups.sizes == (48, 4, 20000, 3)
    assert (rest.family, rest.sizes[0]) == ("elementwise", 5)


def test_a_prediction_adds_up_the_calls(rng):
    model = dense_model()
    weights = [w.copy() for w in model.get_weights()]
    x, y = data(512, rng)
    (small,) = costs.predict(model, x, y, 32, rates=[CPU_RATES])
    (large,) = costs.predict(model, x, y, 512, rates=[CPU_RATES])
    assert small.seconds < large.seconds
    parts = dict(large.parts)
    assert parts["fit"] == pytest.approx((50_000 + 512 * 4 * 260) / 3e10, rel=0.01)  # one call
    assert any(name.startswith("adam_update") for name in parts)
    assert parts["joining"] >= CPU_RATES.run_s
    assert sum(parts.values()) == pytest.approx(large.seconds)
    assert 0 < large.error_s < large.seconds
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_rates_are_measured_by_training_samples(device, monkeypatch):
    monkeypatch.setattr(rates, "refuse_emulated", lambda device: None)
    monkeypatch.setattr(rates, "TURN_S", 0.0)
    monkeypatch.setattr(rates, "BATCHES_OF_FITS", (1, 2))
    few = [samples.Sample(lambda: [keras.layers.Dense(4)], (3,), 8, 4)]
    found = rates.measure_rates(device, few, seconds=0.0)
    kinds = {point.task.family for point in found.points.all}
    assert {"matmul", "elementwise", "fit"} <= kinds
    assert all(point.seconds > 0 for point in found.points.all)
    assert found.run_s > 0
    assert found.device == device.name


def test_every_sample_has_a_model_and_data(rng):
    for sample in samples.SAMPLES:
        model = sample.model()
        x, y = sample.data(2, rng)
        assert x.shape == (2, *sample.shape)
        assert model.compiled
        assert len(y) == 2


def test_the_choice_names_the_reason_and_the_crossover(rng):
    x, y = data(2048, rng)
    choice = costs.choose(dense_model(512), x, y, 32, rates=[CPU_RATES, GPU_RATES])
    assert choice.device == "cpu"
    assert choice.reason.startswith("cpu ")
    assert " % predicted, gpu:0 " in choice.reason
    assert "; gpu:0 wins from batch " in choice.reason
    fast = [CPU_RATES._replace(run_s=1.0), GPU_RATES]
    assert costs.choose(dense_model(), x, y, 32, rates=fast).device == "gpu:0"


def test_rates_are_kept_for_this_machine_and_these_kernels(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(rates, "_file", lambda device: tmp_path / "rates.json")
    monkeypatch.setattr(rates, "product_name", lambda device: "a CPU")
    measured = []
    monkeypatch.setattr(rates, "measure_rates", lambda device: measured.append(1) or CPU_RATES)
    cpu = tc.device("cpu")
    get = rates.rates_of.__wrapped__  # past what this process remembers
    assert get(cpu) == CPU_RATES
    assert capsys.readouterr().err.startswith("tensorcore: measuring how fast cpu is (some 10 s")
    kept = get(cpu)
    assert kept.points.all == CPU_RATES.points.all
    assert kept._replace(points=None) == CPU_RATES._replace(points=None)
    assert len(measured) == 1
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(rates, "_made_for", lambda: "other kernels")
    get(cpu)
    assert len(measured) == 2
    (tmp_path / "rates.json").write_text('{"made_for": "other kernels", "points": [1]}')
    get(cpu)
    assert len(measured) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["rates.json"]


def test_emulated_devices_have_no_rates(monkeypatch):
    monkeypatch.setattr(machine, "product_name", lambda device: "emulated device")
    with pytest.raises(InvalidArgumentError, match="timings of an emulated device mean nothing"):
        costs.measure_rates(tc.device("cpu"))


def test_fit_says_why_it_trains_where(monkeypatch, capsys, rng):
    monkeypatch.setattr(rates, "rates_of", lambda device: CPU_RATES)
    monkeypatch.setattr(prediction, "rates_of", lambda device: CPU_RATES)
    monkeypatch.setattr(prediction, "all_devices", lambda: [tc.device("cpu")])
    tc.config.auto_device("measured")
    try:
        dense_model().fit(*data(64, rng), epochs=1, verbose=0)
    finally:
        tc.config.auto_device("available")
    said = capsys.readouterr().err
    assert "tensorcore: training on cpu: cpu " in said
    with pytest.raises(InvalidArgumentError, match='takes "available" or "measured"'):
        tc.config.auto_device("fastest")


@pytest.mark.parametrize("device", ["gpu"], indirect=True)
def test_fit_says_that_a_model_is_too_small_for_the_gpu(device, monkeypatch, capsys, rng):
    known = {"cpu": CPU_RATES, device.name: GPU_RATES._replace(run_s=1e-3)}
    monkeypatch.setattr(rates, "_read", lambda where: known.get(where.name))
    monkeypatch.setattr(moving._Said, "small_model", False)
    here = sys.modules["tensorcore.device"]
    monkeypatch.setattr(here, "_stack", threading.local())  # without `with device`
    before = tc.device()

    def said(name, units=512):
        tc.set_default_device(name)
        try:
            dense_model(units).fit(*data(2048, rng), epochs=1, steps_per_epoch=1, verbose=0)
        finally:
            tc.set_default_device(before)
        lines = capsys.readouterr().err.splitlines()
        return "".join(line for line in lines if "compiling" not in line)

    assert said(device.name) == "", "somebody wants it there"
    words = said("auto")
    assert words.startswith(f"tensorcore: this model is too small to profit from {device}: cpu ")
    assert f"; {device} wins from batch " in words
    assert words.endswith('tc.config.auto_device("measured") trains it where it is faster')
    assert said("auto") == "", "once is enough"
    monkeypatch.setattr(moving._Said, "small_model", False)
    known.pop("cpu")
    assert said("auto") == "", "nothing is measured for that"


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_model_moves_with_its_optimizer(device, optimizer, rng):
    x, y = data(32, rng)
    with tc.device("cpu"):
        stays, moves = dense_model(8), dense_model(8)
        for model in (stays, moves):
            model.compile(optimizer, "mse", metrics=["mae"])
            for _ in range(3):
                model.train_on_batch(x, y)
        moves.to(device)
    assert all(v.device is device for v in moves.weights)
    for _ in range(3):
        expected = stays.train_on_batch(x, y)
        found = moves.train_on_batch(x, y)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert moves.predict(x, verbose=0).shape == (32, 4)
