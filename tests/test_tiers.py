"""Kernels that are not compiled yet: what runs meanwhile, and how it goes over to them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import types

import numpy as np
import pytest
from tensorcore.kernels.cpu import KERNELS, background, generated, tiers
from tensorcore.kernels.program import SMALL_RUNS, Program

import tensorcore as tc
from tensorcore.ops.elementwise import Elementwise


@pytest.fixture
def waiting(monkeypatch):
    """Compiling may be put off, as it is outside of the tests."""
    monkeypatch.setattr(tiers, "_of_environment", lambda: "")


def python(code, cache, **environment):
    """What a program prints that may compile in the background, with an empty cache folder."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={
            **os.environ,
            "TENSORCORE_COMPILE": "background",
            "TENSORCORE_CACHE_DIR": str(cache),
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert result.returncode == 0, result.stderr
    return result


# A graph of few kernels, run until something is compiled for it, and where that has come to.
GRAPH = """
import os, signal, sys, time
import numpy as np
import tensorcore as tc
from tensorcore.graph.plan import COMPILES_AT_RUN
from tensorcore.kernels.cpu import background, tiers

f = tc.function(lambda x: tc.exp(x) * 2.0 + 1.0)
x = tc.asarray(np.linspace(-1, 1, 12, dtype=np.float32))
expected = np.exp(x.numpy()) * 2 + 1
f(x)
plan = next(iter(f._traces.values())).plan

def run(times=1):
    for _ in range(times):
        np.testing.assert_allclose(f(x).numpy(), expected, rtol=1e-6)

def until(condition):
    end = time.monotonic() + 150
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
        run()

run(COMPILES_AT_RUN)
"""


def test_a_graph_runs_on_while_its_kernels_are_compiled_by_another_process(tmp_path):
    code = """
assert "native" not in plan.passes and plan.calls is plan.steps
until(lambda: background._state.process)
other = background._state.process
assert "native" not in plan.passes
until(lambda: "native" in plan.passes)
from tensorcore.kernels.cpu import jit
run(3)
print(jit.compilations, len(plan.calls), type(plan.calls[0]).__name__, other.returncode)
"""
    first = python(GRAPH + code, tmp_path)
    assert first.stdout.split() == ["0", "1", "Run", "0"]
    assert first.stderr.count("in the background (kept for the next time)") == 1
    second = """
from tensorcore.kernels.cpu import jit
print("native" in plan.passes, background._state.process, jit.compilations)
"""
    loaded = python(GRAPH + second, tmp_path)  # it goes over at the same run in every start
    assert loaded.stdout.split() == ["True", "None", "0"]
    assert loaded.stderr == ""


def test_a_killed_compiler_is_told_once_and_leaves_the_graph_running(tmp_path):
    code = """
until(lambda: background._state.process)
other = background._state.process
os.kill(other.pid, signal.SIGKILL)
until(lambda: plan._upgrade._given_up)
run(40)
assert "native" not in plan.passes
assert other.returncode == -signal.SIGKILL  # the system keeps nothing of it
try:
    print(os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("no child")
plan.compile()  # who asks for it gets it here
run(3)
print("native" in plan.passes)
"""
    result = python(GRAPH + code, tmp_path)
    assert result.stdout.splitlines() == ["no child", "True"]
    told = [line for line in result.stderr.splitlines() if "goes on without them" in line]
    assert told == [
        "tensorcore: kernels could not be compiled in the background, the program goes on without "
        "them (the compiling process ended with status -9)"
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kernels_of_a_short_program_are_compiled_after_its_end_and_a_forked_one_begins_anew(
    tmp_path,
):
    code = """
longer = "workshop.LINGERS_S = 99; workshop.main"
background.START = background.START.replace("workshop.main", longer)
until(lambda: background._state.process)
print(background._state.process.pid, flush=True)
work = plan._upgrade._work
child = os.fork()
if not child:
    assert work.is_lost and not work.is_under_way and background._state.process is None
    run(5)
    assert plan._upgrade._work is not work
    background._stop()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert not work.is_lost
"""
    short = python(GRAPH + code, tmp_path, PYTHONWARNINGS="")
    assert "without them" not in short.stderr and "Warning" not in short.stderr
    wait_for_the_end_of(int(short.stdout))
    found = """
from tensorcore.kernels.cpu import jit
print("native" in plan.passes, background._state.process, jit.compilations)
"""
    assert python(GRAPH + found, tmp_path).stdout.split() == ["True", "None", "0"]


def test_the_compiler_ends_when_the_program_is_killed(tmp_path):
    code = """
until(lambda: background._state.process)
print(background._state.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {"TENSORCORE_COMPILE": "background", "TENSORCORE_CACHE_DIR": str(tmp_path)}
    killed = subprocess.run(
        [sys.executable, "-c", GRAPH + code], env={**os.environ, **environment}, capture_output=True
    )
    wait_for_the_end_of(int(killed.stdout))


def wait_for_the_end_of(pid):
    end = time.monotonic() + 60
    while time.monotonic() < end and _is_alive(pid):
        time.sleep(0.05)
    assert not _is_alive(pid)


def _is_alive(pid):
    """Whether a process runs; one that has ended may be in the table still."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_cannot_be_compiled_there_is_not_asked_for_again(monkeypatch, capfd):
    monkeypatch.setattr(background, "START", "import sys; sys.exit('no memory')")
    program = Program(
        name=f"alone_{time.time_ns()}",
        inputs=(("x", np.dtype("f4")),),
        compute=np.dtype("f4"),
        statements=(),
        results=("(x + x)",),
        outputs=(np.dtype("f4"),),
    )
    from tensorcore.kernels.cpu import jit, native

    monkeypatch.setattr(tiers, "waits", lambda: True)
    x = np.ones(8, "f4")
    piece = generated.compile(program).bind(x, out=np.empty(8, "f4"))
    upgrade = tiers.Upgrade()
    before = jit.compilations

    def build():
        return native.joined([piece])[0]

    asked = 0
    while not upgrade._given_up:
        assert upgrade.attempt(build) is None
        asked += 1
        assert upgrade._work.wait(100)
    assert asked <= 4  # numba is loaded, the kernel asked for, found missing again
    assert upgrade._work.problem == "no memory"
    assert upgrade.attempt(build) is None
    assert jit.compilations == before
    assert "the program goes on without them (no memory)" in capfd.readouterr().err


def test_compiling_in_the_foreground(monkeypatch):
    def started(*_args, **_kwargs):
        raise AssertionError("another process was started")

    monkeypatch.setattr(background.subprocess, "Popen", started)
    monkeypatch.setattr(tiers, "waits", lambda: False)
    assert tiers.Upgrade().attempt(lambda: 7) == 7
    monkeypatch.undo()
    assert not tiers.waits()  # the tests themselves
    tiers._of_environment.cache_clear()
    monkeypatch.delenv("TENSORCORE_COMPILE")
    try:
        assert tiers.waits()
        tc.config.deterministic(True)
        assert not tiers.waits()
    finally:
        tc.config.deterministic(False)
        monkeypatch.undo()
        tiers._of_environment.cache_clear()


def test_small_arrays_wait_for_their_kernel(waiting):
    softmax = tc.ops.OPS["softmax"]
    kernel = KERNELS["softmax"]
    x = tc.asarray(np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32), device="cpu")
    kernel._left, before = kernel._most, dict(softmax.runs)
    first = tc.nn.softmax(x).numpy()
    assert softmax.runs["cpu", "reference"] == before.get(("cpu", "reference"), 0) + 1
    for _ in range(SMALL_RUNS):
        last = tc.nn.softmax(x).numpy()
    assert softmax.runs["cpu", "kernel"] == before.get(("cpu", "kernel"), 0) + 1
    np.testing.assert_allclose(first, last, rtol=1e-6)
    kernel._left = 20 * kernel.small
    tc.nn.softmax(tc.ones((5, kernel.small), device="cpu"))
    assert kernel._left == 15 * kernel.small
    tc.nn.softmax(tc.ones((5, kernel.small), device="cpu"))
    assert not kernel.waits([np.zeros((16, kernel.small))], {})
    assert not kernel.waits([np.zeros(3)], {})  # compiled for others it serves the small ones, too


def test_a_graph_begins_without_kernels_for_small_arrays(waiting):
    x = tc.asarray(np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32), device="cpu")
    f = tc.function(lambda x: tc.nn.gelu(tc.nn.softmax(x)))
    with tc.device("cpu"):
        value = f(x)
    steps = next(iter(f._traces.values())).plan.steps
    assert [step.func.__name__ for step in steps] == ["_run_reference"] * len(steps)
    np.testing.assert_allclose(value.numpy(), tc.nn.gelu(tc.nn.softmax(x)).numpy(), rtol=1e-5)


@pytest.fixture
def training(waiting, monkeypatch):
    """A gradient tape was made before."""
    monkeypatch.setattr(tiers._Chosen, "training", True)


def test_from_the_first_tape_on_only_references_of_the_same_bits_stand_in(training, monkeypatch):
    runs = {name: tc.ops.OPS[name].runs for name in ("softmax", "sigmoid", "relu6")}
    monkeypatch.setattr(KERNELS["softmax"], "_left", KERNELS["softmax"]._most)
    x = tc.asarray(np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32), device="cpu")
    for name, way in (("softmax", "kernel"), ("sigmoid", "generated")):
        before = runs[name]["cpu", way]
        getattr(tc.nn, name)(x)
        assert runs[name]["cpu", way] == before + 1
    before = runs["relu6"]["cpu", "reference"]
    tc.nn.relu6(x)
    assert runs["relu6"]["cpu", "reference"] == before + 1


def test_several_short_compilations_are_told_of_once(monkeypatch, capfd):
    from tensorcore.kernels.cpu import jit

    monkeypatch.setattr(jit, "NOTICE_AFTER_S", 0.05)
    watch = jit._Watch()
    told = "compiling kernels for this CPU, such as"

    def compiled():
        function = types.SimpleNamespace(__module__="tensorcore.kernels.cpu.some", __name__="some")
        data = {"dispatcher": types.SimpleNamespace(py_func=function), "args": ()}
        watch.on_start(types.SimpleNamespace(data=data))
        time.sleep(0.02)
        watch.on_end(types.SimpleNamespace(data=data))

    monkeypatch.setattr(jit, "compilations", jit.compilations)
    for _ in range(8):
        compiled()
    assert capfd.readouterr().err.count(told) == 1


def test_a_tape_begins_a_training():
    code = """
from tensorcore.kernels.cpu import tiers
import sys
import tensorcore as tc
x = tc.ones((2, 3))
tc.nn.softmax(x), tc.nn.sigmoid(x), x @ tc.ones((3, 2)), tc.random.normal((20, 20))
assert tiers.approximates() and "numba" not in sys.modules
with tc.GradientTape() as tape:
    tape.watch(x)
    y = x * x + 1.0
tape.gradient(y, x)
assert "numba" not in sys.modules
print(tiers.is_training(), tiers.bits_count(), tiers.waits(), tiers.approximates())
"""
    said = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TENSORCORE_COMPILE": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["True", "True", "True", "False"]


def test_usual_kernels_are_compiled_beside_the_first_that_is_waited_for(tmp_path):
    code = """
from tensorcore.kernels.cpu import background, jit, usual
import tensorcore as tc
names = [kernel.function for kernel in usual._missing()]
assert jit.compilations == 0
asked = []
usual.order = lambda: asked.append(jit.compilations)
tc.random.normal((4096, 4096), device="cpu")  # too large for the reference
assert not asked
with tc.GradientTape():
    tc.nn.sigmoid(tc.ones(3))
print(*asked, *names)
"""
    asked, *names = python(code, tmp_path, TENSORCORE_COMPILE="").stdout.split()
    assert int(asked) > 0
    assert names[0] == "_softmax_gradient"
    assert {"_softmax", "_sparse_loss", "_matrices", "_gather", "run_table", "_run_batches"} <= {
        *names
    }


def test_a_graph_does_not_wait_for_others_that_are_compiled(waiting):
    """At its run 32 a graph waits for numba to be loaded, and for nothing else."""
    with background._state.one_at_a_time:  # as by an order
        upgrade = tiers.Upgrade()
        upgrade.prepare()
        assert upgrade._work.wait(60)


def test_normal_weights_are_the_same_before_and_after_a_training(waiting, monkeypatch):
    from tensorcore import keras

    drawing = KERNELS["random_normal"]
    monkeypatch.setattr(drawing, "_left", drawing._most)
    keras.utils.set_random_seed(1)
    other = tc.random.normal((50,), device="cpu").numpy()  # no weights: the reference draws
    assert drawing._left < drawing._most
    drawn = []
    for training in (False, True):
        monkeypatch.setattr(tiers._Chosen, "training", training)
        monkeypatch.setattr(drawing, "_left", drawing._most)
        keras.utils.set_random_seed(1)
        for draw in ("RandomNormal", "HeNormal", "Orthogonal", "TruncatedNormal"):
            drawn.append(getattr(keras.initializers, draw)()((30, 20)).numpy())
    for before, after in zip(drawn[:4], drawn[4:], strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_allclose(drawn[0].ravel()[:50], 0.05 * other, rtol=1e-5, atol=1e-7)


TRAINING = """
import numpy as np
import tensorcore as tc

w = tc.Variable(np.linspace(-1, 1, 12, dtype=np.float32))

@tc.function
def step(x):
    with tc.GradientTape() as tape:
        loss = tc.sum(tc.nn.relu(w * x) * w)
    w.assign_sub(0.1 * tape.gradient(loss, w))
    return loss

x = tc.asarray(np.linspace(0, 2, 12, dtype=np.float32))
"""


def test_what_lies_on_the_disk_is_used_from_the_first_run_on(tmp_path):
    compile = """
step(x)
next(iter(step._traces.values())).plan.compile()
print(tc.kernels.cpu.tiers.waits())
"""
    first = python(TRAINING + compile, tmp_path, TENSORCORE_COMPILE="foreground")
    assert first.stdout.split() == ["False"]
    use = """
step(x)
plan = next(iter(step._traces.values())).plan
from tensorcore.kernels.cpu import background, jit
print("native" in plan.passes, len(plan.calls), jit.compilations, background._state.process)
"""
    second = python(TRAINING + use, tmp_path, TENSORCORE_COMPILE="")
    assert second.stdout.split() == ["True", "1", "0", "None"]
    empty = python(TRAINING + use, tmp_path / "empty", TENSORCORE_COMPILE="")
    assert empty.stdout.split()[0] == "False"


EXACT = [
    name
    for name, op in tc.ops.OPS.items()
    if (name in KERNELS and KERNELS[name]._may_wait is tiers.waits)
    or (isinstance(op, Elementwise) and op.is_exact and op.numpy is None)
]


@pytest.mark.parametrize("name", EXACT)
def test_what_stands_in_for_a_kernel_has_its_bits(name):
    """The references of optimizers' steps, of dropout, of pooling: what needs not be waited for."""
    op = tc.ops.OPS[name]
    args, attrs = op.samples(np.random.default_rng(3))[0]
    arrays = [np.asarray(value) for value in args]
    arrays = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in arrays]
    kernel = KERNELS.get(name)
    if kernel is not None:
        found = kernel.load()(*arrays, **attrs)
    else:
        found = generated.compile(op.program(tuple(a.dtype for a in arrays)))(*arrays)
    with np.errstate(all="ignore"):
        expected = op.reference(np, *arrays, **attrs)
    pairs = zip(*(v if type(v) is tuple else (v,) for v in (found, expected)), strict=True)
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)


def test_large_arrays_are_computed_in_blocks(waiting):
    from tensorcore.graph import plan

    rng = np.random.default_rng(0)
    size = 2 * plan.BLOCK + 5
    w = tc.Variable(rng.normal(size=size).astype(np.float32), device="cpu")
    expected = w.numpy() - w.numpy() * np.float32(0.5)
    f = tc.function(lambda: tc.ops.optimizer_updates.decay_update(w.value, np.float32(0.5)))
    with tc.device("cpu"):
        value = f()
    steps = next(iter(f._traces.values())).plan.steps
    assert [step.func.__name__ for step in steps] == ["_run_in_blocks"]
    np.testing.assert_allclose(value.numpy(), expected, rtol=1e-6)


LOADING = """
import sys, threading
threading.Thread(target=__import__, args=["numba"]).start()
while "numba" not in sys.modules:
    pass
import tensorcore.kernels.cpu.{module}
"""


@pytest.mark.parametrize("module", ["intrinsics", "native", "bound"])
def test_kernels_wait_for_a_thread_that_loads_numba(module):
    program = LOADING.format(module=module)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
