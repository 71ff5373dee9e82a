"""Settings of the process: threads, quotas, deterministic results, and what `info` says of them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from tensorcore.kernels.cpu import blas_threads, threads

import tensorcore as tc
from tensorcore import keras
from tensorcore.__main__ import main
from tensorcore.errors import InvalidArgumentError


@pytest.fixture(autouse=True)
def settings_as_before():
    yield
    tc.config.threads = None
    tc.config.deterministic(False)


def test_threads_can_be_chosen_and_left_to_the_machine_again():
    found = tc.config.threads
    assert found >= 1
    tc.config.threads = 3
    assert tc.config.threads == threads.usable() == 3
    tc.config.threads = None
    assert tc.config.threads == found


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "2", True])
def test_threads_must_be_a_number(wrong):
    with pytest.raises(
        InvalidArgumentError, match=r"config\.threads must be a whole number from 1"
    ):
        tc.config.threads = wrong


def test_the_environment_says_the_number_of_threads():
    code = "import tensorcore as tc; print(tc.config.threads)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"TENSORCORE_NUM_THREADS": "5", "PATH": ""},
    )
    assert result.stdout.strip() == "5", result.stderr


def group(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_the_quota_is_the_smallest_of_the_groups_around(tmp_path):
    (tmp_path / "self").write_text("0::/user/job\n")
    group(tmp_path / "user" / "job", cpu__max="max 100000\n")
    group(tmp_path / "user", cpu__max="150000 100000\n")
    group(tmp_path, cpu__max="400000 100000\n")
    assert threads.quota(tmp_path, str(tmp_path / "self")) == 1.5


def test_the_quota_of_the_first_version_of_control_groups(tmp_path):
    (tmp_path / "self").write_text("4:cpu,cpuacct:/job\n1:memory:/job\n")
    group(tmp_path / "cpu", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    group(tmp_path / "cpu" / "job", cpu__cfs_quota_us="200000", cpu__cfs_period_us="100000")
    assert threads.quota(tmp_path, str(tmp_path / "self")) == 2.0


def test_no_quota(tmp_path):
    assert threads.quota(tmp_path, str(tmp_path / "absent")) == threads.UNLIMITED


class Library:
    """What threadpoolctl says of a BLAS."""

    internal_api = "openblas"

    def __init__(self, filepath, num_threads=2):
        self.filepath = filepath
        self.num_threads = num_threads
        self.asked = []

    def set_num_threads(self, count):
        self.asked.append(count)


@pytest.fixture
def blas(monkeypatch):
    """NumPy's OpenBLAS beside SciPy's, which comes first."""
    import threadpoolctl

    libraries = [Library("/x/scipy.libs/libscipy_openblas.so"), Library("/x/numpy.libs/libopen.so")]
    monkeypatch.setattr(
        threadpoolctl,
        "ThreadpoolController",
        lambda: type("Controller", (), {"lib_controllers": libraries}),
    )
    cached = (blas_threads.controller, blas_threads.numpys_library)
    for function in cached:
        function.cache_clear()
    yield libraries[1]
    for function in cached:
        function.cache_clear()


def test_the_threads_of_numpys_own_blas_are_set(blas):
    assert blas_threads.controller() is blas
    x = np.ones((64, 128), np.float32)
    blas_threads.matmul(x, x.T)
    assert blas.asked == [1, 2]


@pytest.fixture
def shared(monkeypatch):
    """The numbers of threads that shared work."""
    counts = []
    really_share = threads.share

    def share(calls, count):
        counts.append(count)
        really_share(calls, count)

    monkeypatch.setattr(threads, "share", share)
    monkeypatch.setattr(blas_threads._Machine, "busy_until", 0.0)
    monkeypatch.setattr(blas_threads._Machine, "rate", 1.0)  # nothing takes too long
    return counts


def test_large_products_take_the_threads_that_are_allowed(blas, shared):
    x = np.ones((256, 256), np.float32)
    tc.config.threads = 2
    blas_threads.matmul(x, x)
    tc.config.threads = 1
    blas_threads.matmul(x, x)
    tc.config.threads = 2
    tc.config.deterministic(True)
    blas_threads.matmul(x, x)
    assert shared == [2]
    assert blas.asked == [1, 2] * 3
    blas_threads.matmul(x[:8, :8], x[:8, :8])
    assert blas.asked == [1, 2] * 3  # tiny ones are not touched


def test_a_busy_machine_gets_one_thread_for_longer_and_longer(blas, shared, monkeypatch):
    x = np.ones((256, 256), np.float32)
    tc.config.threads = 2
    monkeypatch.setattr(blas_threads._Machine, "rate", 1e15)  # everything takes too long
    monkeypatch.setattr(blas_threads._Machine, "busy_for_s", 0.5)
    for expected in (1.0, 2.0, 4.0, 8.0, 8.0):
        monkeypatch.setattr(blas_threads._Machine, "busy_until", 0.0)
        blas_threads.matmul(x, x)
        blas_threads.matmul(x, x)
        assert blas_threads._Machine.busy_for_s == expected
    assert shared == [2, 1] * 5


def test_a_product_has_the_same_bits_on_a_busy_machine(shared, monkeypatch):
    tc.config.threads = 2
    x = np.random.default_rng(0).normal(size=(700, 700)).astype(np.float32)
    quiet = blas_threads.matmul(x, x[::-1].T.copy())
    monkeypatch.setattr(blas_threads._Machine, "busy_until", float("inf"))
    busy = blas_threads.matmul(x, x[::-1].T.copy())
    assert shared in ([2, 1], [])  # none where NumPy has another BLAS
    np.testing.assert_array_equal(quiet, busy)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((300, 200), (200, 250)),
        ((200, 300), (300, 501)),
        ((3, 200, 100), (3, 100, 300)),
        ((4, 200, 100), (1, 100, 300)),
        ((1, 200, 100), (3, 100, 300)),
        ((3, 200, 100), (100, 300)),
        ((2, 2, 200, 100), (2, 2, 100, 300)),
        ((100, 200), (3, 200, 300)),
        ((2, 2, 200, 100), (2, 100, 300)),
        ((100000,), (100000, 200)),
    ],
)
def test_shared_products_are_the_product(blas, shared, first, second):
    rng = np.random.default_rng(0)
    tc.config.threads = 3
    blas.num_threads = 3
    x1, x2 = (rng.normal(size=shape).astype(np.float32) for shape in (first, second))
    expected = np.matmul(x1, x2)
    np.testing.assert_allclose(blas_threads.matmul(x1, x2), expected, rtol=1e-4, atol=1e-3)
    out = np.empty_like(expected)
    assert blas_threads.matmul(x1, x2, out) is out
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-3)
    turned = blas_threads.matmul(x1.swapaxes(-1, 0).copy().swapaxes(-1, 0), x2)
    np.testing.assert_allclose(turned, expected, rtol=1e-4, atol=1e-3)


def test_work_that_is_shared_is_all_done_and_errors_come_back():
    done = []
    threads.share([(done.append, i) for i in range(50)], 4)
    assert sorted(done) == list(range(50))

    def fail(i):
        raise ValueError(f"number {i}")

    with pytest.raises(ValueError, match="number"):
        threads.share([(fail, i) for i in range(5)], 2)


def trained(count):
    """Losses and weights of a small training whose kernels are worth several threads."""
    tc.config.threads = count
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 24, 24, 4)).astype(np.float32)
    y = rng.integers(0, 5, 256)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Conv2D(16, 3, activation="relu", input_shape=x.shape[1:]),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(96, activation="tanh"),
            layers.Dropout(0.2),
            layers.Dense(5),
        ]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    with tc.device("cpu"):
        losses = model.fit(x, y, batch_size=128, epochs=3, verbose=0).history["loss"]
    return np.concatenate([losses, *[w.ravel() for w in model.get_weights()]])


def test_one_and_several_threads_agree():
    np.testing.assert_allclose(trained(1), trained(4), rtol=2e-4, atol=2e-5)


def test_deterministic_results_do_not_depend_on_the_number_of_threads():
    tc.config.deterministic(True)
    assert tc.config.is_deterministic
    one = trained(1)
    assert one.tobytes() == trained(2).tobytes() == trained(4).tobytes()


def test_deterministic_takes_a_truth_value():
    with pytest.raises(InvalidArgumentError, match="takes True or False, received 1"):
        tc.config.deterministic(1)


def test_info_says_where_things_are(capsys, monkeypatch):
    monkeypatch.setenv("TENSORCORE_NUM_THREADS", "2")
    monkeypatch.setenv("TENSORCORE_DATA_DIR", "/some/data")
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    assert f"default device: {tc.default_device()}" in text
    assert "threads: " in text and "TENSORCORE_NUM_THREADS says" in text
    assert "compiled kernels: " in text
    assert "data sets: /some/data" in text
    for variable in ("TENSORCORE_DATA_DIR=/some/data", "TENSORCORE_NUM_THREADS=2"):
        assert variable in text.partition("environment: ")[2]
