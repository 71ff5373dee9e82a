"""The cost model: rates, predictions, the choice of a device, and models that move."""

import json

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import costs, keras
from tensorcore.benchmark import machine
from tensorcore.costs import prediction, rates
from tensorcore.errors import InvalidArgumentError

CPU_RATES = costs.Rates(
    device="cpu",
    product="a CPU",
    run_s=1e-5,
    call_s=1e-6,
    bandwidth=((1e4, 5e10), (1e8, 3e10)),
    thin_products=((1e5, 4e10), (1e8, 8e10)),
    square_products=((1e5, 4e10), (1e9, 1e11)),
    convolutions=1e11,
    exponentials=1e9,
    random_floats=1e9,
    gather=1e10,
    scatter=5e9,
    upload=0.0,
)
# Far faster at large sizes, and slower to start.
GPU_RATES = CPU_RATES._replace(
    device="gpu:0",
    run_s=5e-4,
    thin_products=((1e5, 1e13), (1e8, 1e14)),
    square_products=((1e5, 1e13), (1e9, 1e14)),
    bandwidth=((1e4, 1e12), (1e8, 3e12)),
    upload=2e10,
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


def test_rates_lie_between_the_measured_ones():
    table = ((10.0, 1.0), (1000.0, 100.0))
    assert rates.at(table, 1) == 1.0
    assert rates.at(table, 100) == pytest.approx(10.0)
    assert rates.at(table, 1e9) == 100.0


def test_a_prediction_adds_up_the_operations(rng):
    model = dense_model()
    weights = [w.copy() for w in model.get_weights()]
    x, y = data(512, rng)
    (small,) = costs.predict(model, x, y, 32, rates=[CPU_RATES])
    (large,) = costs.predict(model, x, y, 512, rates=[CPU_RATES])
    assert small.seconds < large.seconds
    names = [name for name, _ in large.parts]
    assert any("matmul" in name for name in names)
    assert any(name.startswith("adam_update") for name in names)
    assert sum(s for _, s in large.parts) + CPU_RATES.run_s == pytest.approx(large.seconds)
    assert large.error_s == pytest.approx(prediction.ERROR * large.seconds)
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_choice_names_the_reason_and_the_crossover(rng):
    x, y = data(2048, rng)
    choice = costs.choose(dense_model(512), x, y, 32, rates=[CPU_RATES, GPU_RATES])
    assert choice.device == "cpu"
    assert choice.reason.startswith("cpu ")
    assert "ms/step predicted, gpu:0 " in choice.reason
    assert "; gpu:0 wins from batch " in choice.reason
    fast = [CPU_RATES._replace(run_s=1.0), GPU_RATES]
    assert costs.choose(dense_model(), x, y, 32, rates=fast).device == "gpu:0"


def test_rates_are_kept_for_this_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(rates, "_file", lambda device: tmp_path / "rates.json")
    monkeypatch.setattr(rates, "product_name", lambda device: "a CPU")
    measured = []
    monkeypatch.setattr(rates, "measure_rates", lambda device: measured.append(1) or CPU_RATES)
    cpu = tc.device("cpu")
    assert rates.rates_of(cpu) == CPU_RATES
    assert rates.rates_of(cpu) == CPU_RATES
    assert len(measured) == 1
    content = json.loads((tmp_path / "rates.json").read_text())
    (tmp_path / "rates.json").write_text(json.dumps({**content, "format": 0}))
    rates.rates_of(cpu)
    assert len(measured) == 2


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
    assert said.startswith("tensorcore: training on cpu: cpu ")
    with pytest.raises(InvalidArgumentError, match='takes "available" or "measured"'):
        tc.config.auto_device("fastest")


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
