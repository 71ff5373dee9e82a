"""`tc.profile` and `tensorcore profile`: every operation is seen, where it belongs."""

import json
import time

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import keras
from tensorcore.__main__ import main
from tensorcore.errors import TrainingError
from tensorcore.mode import listeners


def small_model(run_eagerly):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Dense(4, activation="relu", input_shape=(3,), name="first"),
            keras.layers.Dense(2, name="second"),
        ],
        name="net",
    )
    model.compile("adam", "mse", run_eagerly=run_eagerly)
    return model


def test_operations_are_counted_with_their_bytes(device):
    x = tc.ones((4, 5))
    with tc.profile() as seen:
        tc.exp(x)
        x + x
        x[1:3]
        tc.sum(x * 2.0)
    found = {one.name: one for one in seen.by_operation()}
    assert {"exp", "add", "multiply", "sum", "getitem"} <= set(found)
    assert found["exp"].calls == 1
    assert found["exp"].nbytes == 80
    assert all(event.total_s >= event.host_s >= 0 for event in seen.events)
    assert listeners.profiles == 0
    assert listeners.threads == 0


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_a_training_step_is_told_by_layer_and_phase(device, run_eagerly, rng):
    model = small_model(run_eagerly)
    x, y = rng.normal(size=(6, 3)).astype("float32"), rng.normal(size=(6, 2)).astype("float32")
    for _ in range(3):
        model.train_on_batch(x, y)
    with tc.profile() as seen:
        model.train_on_batch(x, y)
    assert any(event.traced for event in seen.events) == (not run_eagerly)
    layers = {one.name: one for one in seen.by_layer()}
    for name in ("net/first", "net/second"):
        assert layers[name].forward_s > 0
        assert layers[name].backward_s > 0
    assert layers["(update)"].update_s > 0
    if run_eagerly:
        assert any(one.name == "matmul" for one in seen.by_operation())


def test_a_profile_changes_no_values(device, rng):
    x, y = rng.normal(size=(6, 3)).astype("float32"), rng.normal(size=(6, 2)).astype("float32")
    plain, profiled = small_model(False), small_model(False)
    for _ in range(4):
        expected = plain.train_on_batch(x, y)
        with tc.profile():
            found = profiled.train_on_batch(x, y)
        assert found == expected


def test_the_time_of_an_operation_is_its_own():
    with tc.profile() as seen, seen.operation("outer"), seen.operation("inner"):
        time.sleep(0.02)
    outer, inner = (next(e for e in seen.events if e.name == name) for name in ("outer", "inner"))
    assert inner.total_s >= 0.02
    assert outer.total_s < 0.02


def test_profiles_do_not_nest():
    with tc.profile(), pytest.raises(TrainingError, match="profiles do not nest"), tc.profile():
        pass
    assert listeners.profiles == 0


def test_tables_traces_and_pictures(tmp_path):
    model = small_model(True)
    x, y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")
    with tc.profile() as seen:
        model.train_on_batch(x, y)
    table = seen.table(rows=3)
    assert "net/first" in table
    assert "more" in table
    seen.save_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert sum(event["ph"] == "X" for event in events) == 2 * len(seen.events)
    assert {"net/first", "net/second"} <= {e["args"].get("layer") for e in events}
    seen.save_flame(tmp_path / "flame.png")
    assert (tmp_path / "flame.png").read_bytes().startswith(b"\x89PNG")


def test_planned_operations_say_what_they_make():
    with tc.device("cpu"):
        traced = tc.function(lambda x: tc.nn.softmax(x @ x))
        x = tc.ones((8, 8))
        traced.get_concrete_function(x).plan.compile()
        traced(x)
        with tc.profile() as seen:
            traced(x)
    made = {one.name: one.nbytes for one in seen.by_operation()}
    assert made["matmul"] == made["softmax"] == 8 * 8 * 4


def test_a_profile_says_that_kernels_were_compiled(monkeypatch):
    from tensorcore.kernels.cpu import jit

    with tc.profile() as seen:
        monkeypatch.setattr(jit, "compilations", jit.compilations + 3)
        tc.exp(tc.ones(3))
    assert seen.compiled == 3
    assert "3 kernels were compiled meanwhile; a second run has them" in seen.table()
    with tc.profile() as seen:
        tc.exp(tc.ones(3))
    assert "compiled" not in seen.table()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--flame", "picture.bmp"], "picture.bmp: pictures are PNG or SVG"),
        (["--trace", "/nowhere/trace.json"], "there is no folder /nowhere"),
        (["--rows", "0"], "--rows must be 1 or more, received 0"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_program_runs(
    tmp_path, capsys, arguments, words
):
    program = tmp_path / "program.py"
    program.write_text("print('it ran')")
    assert main(["profile", *arguments, str(program)]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert said.out == ""


def test_the_command_runs_a_program(tmp_path, capsys):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\nimport tensorcore as tc\nprint(sys.argv[1:], float(tc.sum(tc.ones(3))))\n"
    )
    trace = tmp_path / "trace.json"
    assert main(["profile", "--trace", str(trace), str(program), "--own", "option"]) == 0
    said = capsys.readouterr()
    assert said.out == "['--own', 'option'] 3.0\n"
    assert "sum" in said.err
    assert trace.exists()


def test_bad_input_is_one_line(tmp_path, capsys):
    assert main(["profile", "/nowhere/program.py"]) == 2
    assert capsys.readouterr().err == ("tensorcore profile: there is no file /nowhere/program.py\n")


def test_the_command_runs_a_program_that_says_tensorflow(tmp_path, capsys):
    program = tmp_path / "program.py"
    program.write_text("import tensorflow as tf\nprint(float(tf.reduce_sum(tf.ones(3))))\n1 / 0\n")
    assert main(["profile", str(program)]) == 1
    said = capsys.readouterr()
    assert said.out == "3.0\n"
    assert "ZeroDivisionError" in said.err and "sum" in said.err
    assert "tensorcore/profiler" not in said.err
