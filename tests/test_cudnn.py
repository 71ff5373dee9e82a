"""cuDNN as one way to convolve: on a GPU that has it, or on the emulator's stand-in.

The stand-in refuses what the real library refuses, and says which algorithms there are in an order
that would mislead who takes the first.  The descriptors are tried on the real library too where one
is installed: they need no GPU.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from tensorcore.kernels import precision, windows

import tensorcore as tc
from tensorcore import keras
from tests import emulator
from tests.test_kernels_cuda import (
    BF16,
    CONVOLUTIONS,
    F16,
    F32,
    F64,
    _check_convolution,
    convolution_reference,
    ids,
    normal,
    wide,
)

HEADERS = json.loads((Path(__file__).parent / "golden" / "cudnn.json").read_text())
KINDS = {
    "pointer": ctypes.c_void_p,
    "size": ctypes.c_size_t,
    "int": ctypes.c_int,
    "float": ctypes.c_float,
    "long": ctypes.c_ulonglong,
}
NAMES = ("strides", "padding", "dilation", "groups")
PLAIN = {"strides": (1, 1), "padding": "SAME", "dilation": (1, 1), "groups": 1}

on_gpu = pytest.mark.parametrize("device", ["gpu"], indirect=True)
on_emulator = pytest.mark.skipif(
    not emulator.is_installed(), reason="what the stand-in answers is decided here"
)


@pytest.fixture
def gpu(device, monkeypatch):
    """CuPy, with convolutions by cuDNN and no plans yet."""
    import cupy
    from tensorcore.kernels.cuda import cudnn, cudnn_convolution

    if cudnn.problem() is not None:
        pytest.skip(f"no cuDNN on this GPU: {cudnn.problem()}")
    monkeypatch.setenv("TENSORCORE_CONV", "cudnn")
    monkeypatch.setattr(cudnn_convolution, "_plans", {})
    return cupy


@pytest.fixture
def answers(gpu):
    """answers(create=..., launch=...): statuses of the stand-in from now on."""
    from tensorcore.kernels.cuda import cudnn

    library = ctypes.CDLL(cudnn.path())

    def set_to(create=0, launch=0):
        library.emulator_cudnn_statuses(create, launch)
        cudnn._handle.cache_clear()

    yield set_to
    set_to()


def plans():
    """The plans that were made, by the name of the operation."""
    from tensorcore.kernels.cuda import cudnn_convolution

    return {key[1]: plan for key, plan in cudnn_convolution._plans.items()}


def cudnn_plans(name):
    """All plans of an operation, the first one first."""
    from tensorcore.kernels.cuda import cudnn_convolution

    return [plan for key, plan in cudnn_convolution._plans.items() if key[1] == name]


def random_convolution(gpu, rng, shape=(2, 6, 5, 3), filters=(3, 3, 3, 4), dtype=F32):
    x, w = normal(rng, shape, dtype), normal(rng, filters, dtype)
    y, _, _ = convolution_reference(
        wide(x), wide(w), np.zeros(convolution_reference(x, w, None, **PLAIN)), **PLAIN
    )
    return gpu.asarray(x), gpu.asarray(w), y


def close(found, expected, tolerance=1e-5):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(wide(found), expected, rtol=tolerance, atol=tolerance * scale)


# Values ------------------------------------------------------------------------------------------


@on_gpu
@pytest.mark.parametrize("dtype", [F32, F16, BF16], ids=ids)
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_values_and_gradients(gpu, rng, dtype, case):
    _check_convolution(gpu, rng, dtype, case)
    if emulator.is_installed():  # a real library may have no algorithm for a case
        taken = [plan is not None for plan in plans().values()]
        assert taken == [True, True, True] if case != "empty" else not any(taken)


@on_gpu
def test_random_convolutions_agree_on_all_ways(gpu, rng, monkeypatch):
    from tensorcore.kernels.cuda import convolution

    for _ in range(12):
        groups = int(rng.integers(1, 4))
        kh, kw = rng.integers(1, 5, 2)
        attributes = {
            "strides": tuple(rng.integers(1, 4, 2).tolist()),
            "padding": tuple(tuple(rng.integers(0, 4, 2).tolist()) for _ in range(2)),
            "dilation": tuple(rng.integers(1, 3, 2).tolist()),
            "groups": groups,
        }
        x = normal(rng, (*rng.integers(1, 3, 1), *rng.integers(8, 14, 2), 2 * groups), F32)
        w = normal(rng, (kh, kw, 2, 3 * groups), F32)
        g = normal(rng, convolution_reference(x, w, None, **attributes), F32)
        found = {}
        for way in ("own", "cudnn", "im2col", "auto"):
            monkeypatch.setenv("TENSORCORE_CONV", way)
            a, b, c = (gpu.asarray(part) for part in (x, w, g))
            found[way] = (
                convolution.conv2d(a, b, **attributes),
                convolution.conv2d_input_gradient(c, b, input_shape=x.shape, **attributes),
                convolution.conv2d_filter_gradient(a, c, filter_shape=w.shape, **attributes),
            )
        expected = convolution_reference(wide(x), wide(w), wide(g), **attributes)
        for results in found.values():
            for result, values in zip(results, expected, strict=True):
                close(result, values)


@on_gpu
def test_float32_is_float32_unless_tf32_is_allowed(gpu, rng, monkeypatch):
    from tensorcore.kernels.cuda import cudnn

    _check_convolution(gpu, rng, F32, "grouped")
    monkeypatch.setattr(precision._Chosen, "precision", "tf32")
    if emulator.is_installed():
        with pytest.raises(AssertionError, match="Not equal to tolerance"):
            _check_convolution(gpu, rng, F32, "grouped")  # it is rounded
    _check_convolution(gpu, rng, F32, "grouped", scale=400)
    if emulator.is_installed():
        math = [plan._math for plan in cudnn_plans("conv2d")]
        assert math == [cudnn.CUDNN_FMA_MATH, cudnn.CUDNN_DEFAULT_MATH]


@on_gpu
@on_emulator
def test_what_the_library_does_not_compute_is_computed_here(gpu, rng):
    _check_convolution(gpu, rng, F64, "same")
    assert plans() == dict.fromkeys(plans()) and len(plans()) == 3


@on_gpu
def test_views_odd_addresses_and_given_results(gpu, rng):
    from tensorcore.kernels.cuda import convolution

    x, w, expected = random_convolution(gpu, rng)
    turned = gpu.asarray(x.transpose(0, 3, 1, 2).copy()).transpose(0, 2, 3, 1)
    close(convolution.conv2d(turned, w, **PLAIN), expected)
    room = gpu.empty(expected.size + 1, F32)
    out = room[1:].reshape(expected.shape)  # 4 bytes behind an address of the allocator
    odd = gpu.empty(x.size + 1, F32)[1:].reshape(x.shape)
    odd[...] = x
    assert convolution.conv2d(odd, w, out=out, **PLAIN) is out
    close(out, expected)


@on_gpu
def test_gradients_through_the_public_operation(gpu, device, rng, monkeypatch):
    x, w = (tc.asarray(rng.normal(size=size).astype("f")) for size in ((1, 4, 5, 2), (2, 2, 2, 3)))

    def loss(w):
        return tc.sum(tc.nn.conv2d(x, w, strides=(2, 2), padding="SAME") ** 2)

    found = tc.grad(loss)(w)
    assert set(plans()) == {"conv2d", "conv2d_filter_gradient"}
    monkeypatch.setenv("TENSORCORE_CONV", "own")
    np.testing.assert_allclose(found.numpy(), tc.grad(loss)(w).numpy(), rtol=1e-5, atol=1e-5)


@on_gpu
def test_on_the_second_gpu(gpu, rng):
    from tensorcore.kernels.cuda import convolution

    if gpu.cuda.runtime.getDeviceCount() < 2:
        pytest.skip("one GPU")
    x, w, expected = random_convolution(gpu, rng)
    close(convolution.conv2d(x, w, **PLAIN), expected)
    with gpu.cuda.Device(1):
        close(convolution.conv2d(gpu.asarray(x), gpu.asarray(w), **PLAIN), expected)


# CUDA graphs -------------------------------------------------------------------------------------


@on_gpu
def test_a_training_step_is_captured_with_the_losses_of_own_kernels(gpu, device, rng, monkeypatch):
    layers = keras.layers
    x = rng.normal(size=(5, 4, 9, 8, 3)).astype("float32")
    labels = rng.integers(0, 3, (5, 4)).astype("int32")

    def losses():
        keras.utils.set_random_seed(3)
        model = keras.Sequential(
            [
                layers.Conv2D(4, 3, strides=2, padding="same", input_shape=x.shape[2:]),
                layers.Conv2D(5, 2, activation="relu"),
                layers.Flatten(),
                layers.Dense(3, activation="softmax"),
            ]
        )
        model.compile("sgd", "sparse_categorical_crossentropy")
        found = [model.train_on_batch(*batch, return_dict=True)["loss"] for batch in zip(x, labels)]
        (traced,) = model.step("train_step")._traced._traces.values()
        assert traced.plan.run_steps.is_captured, traced.plan.run_steps.problem
        return found

    by_cudnn = losses()
    assert set(plans()) == {"conv2d", "conv2d_input_gradient", "conv2d_filter_gradient"}
    monkeypatch.setenv("TENSORCORE_CONV", "own")
    np.testing.assert_allclose(by_cudnn, losses(), rtol=1e-5)


@on_gpu
@on_emulator
def test_a_replay_computes_anew_without_the_host(gpu, device, rng):
    @tc.function
    def convolve(x, w):
        return tc.nn.conv2d(x, w, padding="SAME", strides=(2, 2))

    w = tc.asarray(rng.normal(size=(3, 3, 2, 4)).astype("f"))
    for number in range(4):
        x = tc.asarray(rng.normal(size=(1, 6, 6, 2)).astype("f"))
        with emulator.counting() as seen:
            y = convolve(x, w)
        np.testing.assert_allclose(
            y.numpy(), tc.nn.conv2d(x, w, padding="SAME", strides=(2, 2)).numpy(), rtol=1e-6
        )
        assert seen.syncs == 0 and seen.device_to_host == 0
        assert seen.graph_launches == (number > 0)


# Which algorithm ---------------------------------------------------------------------------------


@on_gpu
@on_emulator
def test_algorithms_that_lose_digits_or_want_too_much_are_not_taken(gpu, rng):
    _check_convolution(gpu, rng, F32, "same")
    found = {name: (p.algorithm, p.workspace_bytes) for name, p in plans().items()}
    assert found == {
        "conv2d": (1, 1000),
        "conv2d_input_gradient": (0, 0),
        "conv2d_filter_gradient": (3, 2048),
    }


@on_gpu
@on_emulator
def test_deterministic_takes_algorithms_without_atomics(gpu, rng):
    tc.config.deterministic(True)
    try:
        _check_convolution(gpu, rng, F32, "same")
    finally:
        tc.config.deterministic(False)
    assert {name: p.algorithm for name, p in plans().items()} == {
        "conv2d": 1,
        "conv2d_input_gradient": 1,
        "conv2d_filter_gradient": 1,
    }


@on_gpu
@on_emulator
def test_the_stand_in_refuses_what_the_library_refuses(gpu, rng):
    from tensorcore.kernels.cuda import convolution, cudnn

    x, w, expected = random_convolution(gpu, rng)
    convolution.conv2d(x, w, **PLAIN)
    plan = plans()["conv2d"]
    y, room = gpu.empty(expected.shape, F32), gpu.empty(2000, gpu.uint8)
    turned = gpu.ascontiguousarray(w.transpose(3, 0, 1, 2))

    def launch(algorithm, nbytes, x_address, x_described, how=plan._kind):
        operands = (x_described, x_address, plan._operands[1], turned.data.ptr)
        end = (plan._zero, plan._operands[2], y.data.ptr)
        arguments = (plan._one, *operands, how, algorithm, room.data.ptr, nbytes, *end)
        cudnn.launch("cudnnConvolutionForward", *arguments)

    good = (1, 1000, x.data.ptr, plan._operands[0])
    launch(*good)
    close(y, expected)
    planes_first = cudnn.tensor("float32", (2, 3, 6, 5), (90, 30, 5, 1))
    half = cudnn.images("float16", (2, 6, 5, 3))
    unpadded = cudnn.convolution("float32", (0, 0), (1, 1), (1, 1), 1, 0)
    for status, wrong in {
        3000: (9, *good[1:]),
        2006: (1, 999, *good[2:]),
        2003: (*good[:2], x.data.ptr + 4, good[3]),
        3004: (*good[:3], planes_first),
        2000: (*good[:3], half),
        2008: (*good, unpadded),
    }.items():
        with pytest.raises(cudnn.CudnnError) as refused:
            launch(*wrong)
        assert refused.value.status == status


@on_gpu
def test_plans_do_not_pile_up(gpu, rng, monkeypatch):
    from tensorcore.kernels.cuda import convolution, cudnn_convolution

    monkeypatch.setattr(cudnn_convolution, "_MOST_PLANS", 3)
    for size in range(4, 12):
        x, w, expected = random_convolution(gpu, rng, shape=(1, size, 4, 3))
        close(convolution.conv2d(x, w, **PLAIN), expected)
    assert len(cudnn_convolution._plans) <= 3


# Which way ---------------------------------------------------------------------------------------


@on_gpu
def test_auto_takes_cudnn_where_it_is_expected_to_pay(gpu, rng, monkeypatch):
    from tensorcore.kernels.cuda import convolution

    def sizes(x, w, groups=1):
        return convolution._sizes(x, w, (1, 1), "SAME", (1, 1), groups)

    pays = convolution._pays_by_cudnn
    large = sizes((32, 28, 28, 64), (3, 3, 64, 64))
    assert pays(large, F16) and pays(large, BF16) and not pays(large, F32)
    monkeypatch.setattr(precision._Chosen, "precision", "tf32")
    assert pays(large, F32) and not pays(large, F64)
    assert not pays(sizes((1, 8, 8, 64), (3, 3, 64, 64)), F32)  # small
    assert not pays(sizes((32, 224, 224, 3), (7, 7, 3, 64)), F32)  # few channels
    assert not pays(sizes((32, 28, 28, 68), (3, 3, 68, 64)), F32)  # no whole tiles
    assert not pays(sizes((64, 56, 56, 256), (3, 3, 32, 256), 8), F32)  # groups
    assert not pays(sizes((64, 56, 56, 256), (1, 1, 256, 256)), F32)  # a product
    monkeypatch.setenv("TENSORCORE_CONV", "auto")
    x, w, expected = random_convolution(gpu, rng, (1, 4, 4, 16), (3, 3, 16, 16))
    close(convolution.conv2d(x, w, **PLAIN), expected, 1e-2)
    assert not plans()
    monkeypatch.setattr(convolution, "_CUDNN_FROM_PRODUCTS", 1)
    close(convolution.conv2d(x, w, **PLAIN), expected, 1e-2)
    assert plans()["conv2d"] is not None


@on_gpu
@pytest.mark.parametrize("way", ["auto", "cudnn"])
def test_without_the_library(gpu, rng, monkeypatch, way):
    from tensorcore.kernels.cuda import convolution, cudnn

    monkeypatch.setattr(cudnn, "_handle", lambda device: (None, "it cannot be loaded: no file"))
    monkeypatch.setattr(convolution, "_pays_by_cudnn", lambda s, dtype: True)
    monkeypatch.setenv("TENSORCORE_CONV", way)
    x, w, expected = random_convolution(gpu, rng, (1, 4, 4, 16), (3, 3, 16, 16))
    if way == "auto":
        close(convolution.conv2d(x, w, **PLAIN), expected)
        return
    words = (
        r"TENSORCORE_CONV=cudnn: cuDNN was expected on gpu:0, but it cannot be loaded: no file; "
        r"pip install nvidia-cudnn-cu1\d, or set TENSORCORE_CONV=auto"
    )
    with pytest.raises(RuntimeError, match=words):
        convolution.conv2d(x, w, **PLAIN)


@on_gpu
def test_a_library_that_cannot_be_loaded(gpu, monkeypatch, tmp_path):
    from tensorcore.kernels.cuda import cudnn

    file = tmp_path / "libcudnn.so.9"
    file.write_text("not a library\n")
    monkeypatch.setattr(cudnn, "path", lambda: str(file))
    assert cudnn._load.__wrapped__()[0] is None
    assert "it cannot be loaded" in cudnn._load.__wrapped__()[1]
    monkeypatch.undo()
    monkeypatch.setattr(cudnn, "_OLDEST", 10**6)
    assert re.fullmatch(r"version [\d.]+ is older than 8.0", cudnn._load.__wrapped__()[1])


@on_gpu
@on_emulator
def test_a_handle_that_cannot_be_made(gpu, rng, answers, monkeypatch):
    from tensorcore.kernels.cuda import convolution, cudnn, system

    answers(create=1001)
    reason = "cudnnCreate failed: CUDNN_STATUS_NOT_INITIALIZED (1001)"
    assert system.cudnn_problem().startswith(reason)
    assert re.search(r"cudnn.*, version 9\.28\.0$", system.library_file("cuDNN"))
    x, w, expected = random_convolution(gpu, rng, (1, 4, 4, 16), (3, 3, 16, 16))
    with pytest.raises(cudnn.CudnnMissingError, match=re.escape(reason)):
        convolution.conv2d(x, w, **PLAIN)
    monkeypatch.setenv("TENSORCORE_CONV", "auto")
    monkeypatch.setattr(convolution, "_pays_by_cudnn", lambda s, dtype: True)
    close(convolution.conv2d(x, w, **PLAIN), expected)


@on_gpu
@on_emulator
def test_a_launch_that_fails(gpu, rng, answers, monkeypatch):
    from tensorcore.kernels.cuda import convolution, cudnn, cudnn_convolution

    answers(launch=5000)
    x, w, expected = random_convolution(gpu, rng, (1, 4, 4, 16), (3, 3, 16, 16))
    words = r"cudnnConvolutionForward failed: CUDNN_STATUS_EXECUTION_FAILED \(5000\)"
    with pytest.raises(cudnn.CudnnError, match=words):
        convolution.conv2d(x, w, **PLAIN)
    monkeypatch.setenv("TENSORCORE_CONV", "auto")
    monkeypatch.setattr(convolution, "_pays_by_cudnn", lambda s, dtype: True)
    with pytest.warns(RuntimeWarning, match=f"{words}.*TENSORCORE_CONV=own leaves cuDNN out"):
        close(convolution.conv2d(x, w, **PLAIN), expected)
    cudnn_convolution._plans.clear()
    answers(launch=3000)
    with warnings.catch_warnings(action="error"):
        close(convolution.conv2d(x, w, **PLAIN), expected)  # not a failure, only not for this


# The headers, and the real library where there is one -----------------------------------------


def modules():
    from tensorcore.kernels.cuda import cudnn, cudnn_convolution, cudnn_recurrent

    return cudnn, cudnn_convolution, cudnn_recurrent


@on_gpu
def test_constants_and_signatures_are_those_of_the_headers(gpu):
    constants = {}
    for module in modules():
        constants |= {name: v for name, v in vars(module).items() if name.startswith("CUDNN_")}
    assert constants == HEADERS["constants"]
    from tensorcore.kernels.cuda.cudnn_functions import SIGNATURES

    for name, types in SIGNATURES.items():
        assert types == [KINDS[kind] for kind in HEADERS["functions"][name].split()], name


def real_library():
    """The file of a real libcudnn, which the emulator hides from the loader; None without one."""
    spec = importlib.util.find_spec("nvidia")
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    roots = [Path(folder) / "cudnn" for folder in folders]
    if "CUDNN_PATH" in os.environ:
        roots.append(Path(os.environ["CUDNN_PATH"]))
    files = (file for root in roots for file in root.glob("lib*/libcudnn.so.[89]"))
    return next(files, None)


@on_gpu
def test_descriptors_say_what_is_meant(gpu, rng, monkeypatch):
    from tensorcore.kernels.cuda import cudnn

    files = [file for file in (cudnn.path(), real_library()) if file is not None]
    for file in files:
        library = cudnn.opened(str(file))
        monkeypatch.setattr(cudnn, "_load", lambda library=library: (library, ""))
        for _ in range(20):
            _check_descriptors(cudnn, rng)
        with pytest.raises(cudnn.CudnnError, match=r"cudnnSetTensorNdDescriptor failed: \w+"):
            cudnn.images("float32", (1, 2, -3, 4))


def _check_descriptors(cudnn, rng):
    n, h, w, c, o, kh, kw = rng.integers(1, 9, 7).tolist()
    groups = int(rng.integers(1, 4))
    pads, strides, dilation = rng.integers(1, 4, (3, 2)).tolist()
    h, w = h + 30, w + 30
    x = cudnn.images("bfloat16", (n, h, w, c * groups))
    y = cudnn.filters("bfloat16", (o * groups, kh, kw, c))
    how = cudnn.convolution("bfloat16", pads, strides, dilation, groups, cudnn.CUDNN_FMA_MATH)
    found = cudnn.ints(0, 0, 0, 0)
    cudnn.call("cudnnGetConvolutionNdForwardOutputDim", how, x, y, 4, found)
    around = tuple((pad, pad) for pad in pads)
    oh = windows.output_size(h, kh, strides[0], dilation[0], around, 0)
    ow = windows.output_size(w, kw, strides[1], dilation[1], around, 1)
    assert list(found) == [n, o * groups, oh, ow]
