"""The emulator of CUDA devices: what it runs, and what it finds.

These tests say nothing about real hardware, and are skipped where a real GPU is in use.
"""

from __future__ import annotations

import ctypes
import sys

import numpy as np
import pytest

from tests import emulator
from tests.emulator import compile_gate


@pytest.fixture(scope="session")
def cp():
    """CuPy on the emulator."""
    if not emulator.is_installed():
        if "cupy" in sys.modules:
            pytest.skip("a real GPU is in use; these tests are about the emulator")
        reason = emulator.unavailable()
        if reason is not None:
            pytest.skip(f"no emulator: {reason}")
        emulator.install()
    import cupy

    return cupy


@pytest.fixture(autouse=True)
def _in_order():
    """Every test leaves the threads in order and no allocation failing."""
    yield
    if emulator.is_installed():
        emulator.set_schedule_seed(0)
        emulator.fail_allocation(count=0)


@pytest.fixture
def numbers():
    return np.random.default_rng(5).standard_normal


ROW_SUM = r"""
template <typename T>
__global__ void __launch_bounds__(256) row_sum(const T* __restrict__ x, T* __restrict__ y, int n) {
  __shared__ T part[8];
  const T* row = x + (size_t)blockIdx.x * n;
  T s = 0;
  for (int i = threadIdx.x; i < n; i += blockDim.x) s += row[i];
  for (int o = 16; o > 0; o >>= 1) s += __shfl_down_sync(0xffffffffu, s, o);
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = s;
  __syncthreads();
  if (threadIdx.x < 32) {
    s = threadIdx.x < (blockDim.x >> 5) ? part[threadIdx.x] : T(0);
    for (int o = 4; o > 0; o >>= 1) s += __shfl_down_sync(0xffffffffu, s, o);
    if (threadIdx.x == 0) y[blockIdx.x] = s;
  }
}
"""


def row_sum(cp, source, x, dtype="float32"):
    c_type = {"float32": "float", "float64": "double"}[dtype]
    module = cp.RawModule(code=source, name_expressions=[f"row_sum<{c_type}>"])
    y = cp.zeros(len(x), dtype)
    kernel = module.get_function(f"row_sum<{c_type}>")
    kernel((len(x),), (256,), (cp.asarray(x, dtype), y, np.int32(x.shape[1])))
    return y.get()


# ---- kernels ------------------------------------------------------------------------------------


def test_elementwise_and_reduction_kernels(cp, numbers):
    x = numbers((4, 5)).astype("f")
    scaled = cp.ElementwiseKernel("T x, raw T z", "T y", "y = x * x + z[i % 3]", "scaled")
    z = np.array([1, 2, 3], "f")
    expected = x * x + z[np.arange(20) % 3].reshape(4, 5)
    np.testing.assert_allclose(scaled(cp.asarray(x), cp.asarray(z)).get(), expected, rtol=1e-6)
    norm = cp.ReductionKernel("T x", "T y", "x * x", "a + b", "y = sqrt(a)", "0", "norm")
    result = norm(cp.asarray(x), axis=1).get()
    np.testing.assert_allclose(result, np.linalg.norm(x, axis=1), rtol=1e-6)


def test_ufuncs_sorting_and_matmul(cp, numbers):
    x = numbers((7, 5)).astype("f")
    d = cp.asarray(x)
    np.testing.assert_allclose(cp.tanh(d + 1).get(), np.tanh(x + 1), rtol=1e-6)
    np.testing.assert_array_equal(cp.sort(d, axis=1).get(), np.sort(x, axis=1))
    np.testing.assert_array_equal(cp.argsort(d, axis=0).get(), np.argsort(x, axis=0))
    np.testing.assert_allclose((d.T @ d).get(), x.T @ x, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_template_with_barriers_and_shuffles(cp, numbers, dtype, seed):
    emulator.set_schedule_seed(seed)
    x = numbers((6, 1000)).astype(dtype)
    np.testing.assert_allclose(row_sum(cp, ROW_SUM, x, dtype), x.sum(1), rtol=1e-3, atol=1e-4)


def test_half_and_bfloat16(cp):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for dtype in (np.float16, ml_dtypes.bfloat16):
        x = np.arange(9).astype(dtype)
        d = cp.asarray(x)
        np.testing.assert_array_equal((d * d + d).get(), x * x + x)


def test_functions_of_half_and_its_pairs(cp):
    source = r"""
    #include <cuda_fp16.h>
    extern "C" __global__ void f(const __half2* x, __half2* y, __half* sum) {
      y[0] = __hfma2(x[0], x[0], x[0]);
      y[1] = __floats2half2_rn(__low2float(x[0]), __half2float(hexp(__float2half(0.0f))));
      atomicAdd(sum, __high2half(x[0]));
    }
    """
    y, total = cp.zeros(4, "e"), cp.zeros(1, "e")
    cp.RawKernel(source, "f")((1,), (3,), (cp.array([3, 2], "e"), y, total))
    assert y.get().tolist() == [12, 6, 3, 1]
    assert total.get().tolist() == [6]


def test_dynamic_shared_memory_atomics_and_constants(cp):
    source = r"""
    __constant__ float weights[4];
    extern "C" __global__ void weigh(const float* x, float* total, int n) {
      extern __shared__ float tile[];
      tile[threadIdx.x] = x[threadIdx.x] * weights[threadIdx.x % 4];
      __syncthreads();
      atomicAdd(total, tile[n - 1 - threadIdx.x]);
    }
    """
    module = cp.RawModule(code=source)
    weights = np.array([1, 10, 100, 1000], "f")
    target = module.get_global("weights")
    cp.ndarray(4, "f", target).set(weights)
    total = cp.zeros(1, "f")
    arguments = (cp.ones(8, "f"), total, np.int32(8))
    module.get_function("weigh")((1,), (8,), arguments, shared_mem=32)
    assert total.get()[0] == 2 * weights.sum()


WMMA = r"""
#include <mma.h>
using namespace nvcuda;
extern "C" __global__ void product(const half* a, const half* b, float* c) {
  wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> fa;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::col_major> fb;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> fc;
  wmma::fill_fragment(fc, 0.0f);
  wmma::load_matrix_sync(fa, a, 16);
  wmma::load_matrix_sync(fb, b, 16);
  wmma::mma_sync(fc, fa, fb, fc);
  wmma::store_matrix_sync(c, fc, 16, wmma::mem_row_major);
}
"""


def test_wmma(cp, numbers):
    a = numbers((16, 16)).astype("e")
    b = numbers((16, 16)).astype("e")
    c = cp.empty((16, 16), "f")
    cp.RawKernel(WMMA, "product")((1,), (32,), (cp.asarray(a), cp.asarray(b), c))
    np.testing.assert_allclose(c.get(), a.astype("f") @ b.T.astype("f"), rtol=1e-4, atol=1e-5)


# ---- mistakes that are found --------------------------------------------------------------------


def launch_text(cp, body, arguments, block=32, name="f"):
    """Compile and run ``body`` as a kernel of float* x and int n."""
    source = f'extern "C" __global__ void {name}(float* x, int n) {{ {body} }}'
    cp.RawKernel(source, name)((1,), (block,), arguments)


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize("block", [1, 32])
def test_write_past_the_end(cp, size, block):
    x = cp.zeros(size, "f")
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match=r"cudaErrorIllegalAddress.*kernel"):
        launch_text(cp, "__syncwarp(); x[n] = 1;", (x, np.int32(size)), block)


def test_write_far_away_and_host_pointer(cp):
    error = cp.cuda.runtime.CUDARuntimeError
    with pytest.raises(error, match="near no live allocation"):
        launch_text(cp, "x[n] = 1;", (np.uint64(12345), np.int32(0)))
    x = cp.zeros(4, "f")
    with pytest.raises(error, match="is not live device memory"):
        cp.cuda.runtime.memcpy(np.zeros(4).ctypes.data, x.data.ptr, 16, 3)
    with pytest.raises(error, match="host memory is meant"):
        cp.cuda.runtime.memcpy(x.data.ptr, x.data.ptr, 16, 1)
    with pytest.raises(error, match="20 bytes at offset 0 of an allocation of 16"):
        cp.cuda.runtime.memset(x.data.ptr, 0, 20)


def test_free_twice(cp):
    address = cp.cuda.runtime.malloc(64)
    cp.cuda.runtime.free(address)
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="not a live allocation"):
        cp.cuda.runtime.free(address)


def test_deep_stack_and_division_by_zero_do_not_kill_the_process(cp):
    error = cp.cuda.runtime.CUDARuntimeError
    x = cp.zeros(4, "f")
    deep = "volatile float a[100000]; __syncwarp(); a[n] = x[0]; x[1] = a[0];"
    with pytest.raises(error, match="cudaErrorIllegalAddress"):
        launch_text(cp, deep, (x, np.int32(0)))
    with pytest.raises(error, match="divides an integer by zero"):
        launch_text(cp, "x[0] = 7 / n;", (x, np.int32(0)))
    with pytest.raises(error, match="__trap"):
        launch_text(cp, "if (n == 0) __trap();", (x, np.int32(0)))


def test_uninitialised_memory_is_nan(cp):
    assert np.isnan(cp.empty(5, "f").get()).all()
    x = cp.zeros(32, "f")
    launch_text(
        cp, "__shared__ float s[32]; __syncthreads(); x[threadIdx.x] = s[n];", (x, np.int32(3))
    )
    assert np.isnan(x.get()).all()


def test_missing_barrier_shows_over_seeds(cp, numbers):
    x = numbers((3, 500)).astype("f")
    wrong = 0
    for seed in range(1, 11):
        emulator.set_schedule_seed(seed)
        result = row_sum(cp, ROW_SUM.replace("__syncthreads();", ""), x)
        wrong += not np.allclose(result, x.sum(1), atol=1e-3)
    assert wrong >= 5


# Each thread fetches four numbers and gives back those that another thread has fetched.
ASYNC_COPY = r"""
#include <cuda_pipeline_primitives.h>
extern "C" __global__ void exchange(const float* x, float* y, int shift) {
  __align__(16) __shared__ float tile[128];
  const int mine = 4 * threadIdx.x, other = 4 * (31 - threadIdx.x);
  __pipeline_memcpy_async(tile + mine, x + mine + shift, 16);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  __syncthreads();
  for (int i = 0; i < 4; ++i) y[other + i] = tile[other + i];
}
"""


def exchange(cp, source, shift=0):
    y = cp.empty(128, "f")
    x = cp.arange(129, dtype="f")
    cp.RawKernel(source, "exchange")((1,), (32,), (x, y, np.int32(shift)))
    return y.get()


def test_asynchronous_copies_arrive(cp):
    np.testing.assert_array_equal(exchange(cp, ASYNC_COPY), np.arange(128))
    zeros = exchange(cp, ASYNC_COPY.replace("shift, 16)", "shift, 16, 12)"))
    np.testing.assert_array_equal(zeros, np.where(np.arange(128) % 4, 0, np.arange(128)))


@pytest.mark.parametrize(
    "without", ["__pipeline_commit();", "__pipeline_wait_prior(0);", "__syncthreads();"]
)
def test_asynchronous_copies_that_nobody_waits_for(cp, without):
    """What was not waited for is poison, and so is what only other threads have waited for."""
    source = ASYNC_COPY.replace(without, "")
    if without != "__syncthreads();":
        with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="without waiting"):
            exchange(cp, source)
        source = (
            source.rstrip().removesuffix("}") + "__pipeline_commit(); __pipeline_wait_prior(0); }"
        )
    assert np.isnan(exchange(cp, source)).any()


def test_asynchronous_copies_are_aligned(cp):
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="multiple of the bytes"):
        exchange(cp, ASYNC_COPY, shift=1)


@pytest.mark.parametrize(
    "before, after, message",
    [
        (
            "__syncthreads();",
            "if (threadIdx.x < 128) __syncthreads();",
            "not reached by 128 threads",
        ),
        ("T s = 0;", "T s = 0; if (threadIdx.x == 7) return;", "deadlock"),
        ("0xffffffffu, s, o);\n  if", "0x0000ffffu, s, o);\n  if", "not in its own mask"),
    ],
)
def test_collectives_that_not_all_reach(cp, numbers, before, after, message):
    source = ROW_SUM.replace(before, after)
    assert source != ROW_SUM
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match=message):
        row_sum(cp, source, numbers((2, 300)))


def test_launches_that_cannot_be(cp):
    error = cp.cuda.runtime.CUDARuntimeError
    x = cp.zeros(4, "f")
    with pytest.raises(error, match="invalid launch configuration"):
        launch_text(cp, "x[0] = n;", (x, np.int32(0)), block=2048)
    source = (
        'extern "C" __global__ void many(float* x, int a, int b, int c, int d, int e, int f, int g)'
        "{ x[0] = a + b + c + d + e + f + g; }"
    )
    with pytest.raises(error, match="has 8 parameters"):
        cp.RawKernel(source, "many")((1,), (1,), (x,))
    with pytest.raises(cp.cuda.compiler.CompileException, match="nowhere"):
        launch_text(cp, "x[0] = nowhere(n);", (x, np.int32(0)))


def test_missing_libraries_and_generators_say_so(cp):
    with pytest.raises(ImportError, match="emulator has no cufft"):
        cp.fft.fft(cp.ones(4, "F"))
    with pytest.raises(ImportError, match="emulator has no cusolver"):
        cp.linalg.svd(cp.ones((2, 2), "f"))
    with pytest.raises(NotImplementedError, match="RandomState works"):
        cp.random.default_rng(0)
    assert abs(cp.random.RandomState(3).uniform(size=4000).get().mean() - 0.5) < 0.02


# ---- memory, devices, counters ------------------------------------------------------------------


def test_injected_out_of_memory(cp):
    emulator.fail_allocation(2)
    first = cp.zeros(3)
    with pytest.raises(cp.cuda.memory.OutOfMemoryError):
        cp.zeros(3)
    assert cp.zeros(3).get().sum() + first.get().sum() == 0
    with cp.cuda.using_allocator(cp.cuda.MemoryPool().malloc):
        emulator.fail_allocation(1, count=3)
        with pytest.raises(cp.cuda.memory.OutOfMemoryError):
            cp.zeros(3)


def test_memory_limit_and_info(cp):
    free, total = cp.cuda.runtime.memGetInfo()
    x = cp.empty(1000, "b")
    assert cp.cuda.runtime.memGetInfo() == (free - 1000, total)
    with pytest.raises(cp.cuda.memory.OutOfMemoryError):
        cp.empty(total, "b")
    del x
    assert cp.cuda.runtime.memGetInfo() == (free, total)


def test_two_devices(cp):
    assert cp.cuda.runtime.getDeviceCount() == 2
    with cp.cuda.Device(1):
        x = cp.arange(5)
        assert x.device.id == 1
        assert cp.cuda.runtime.pointerGetAttributes(x.data.ptr).device == 1
    assert cp.cuda.Device().id == 0
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="device 2 of 2"):
        cp.cuda.Device(2).use()


def test_counters(cp):
    x = cp.ones(100, "f")
    x + 1
    with emulator.counting() as seen:
        y = x + 1
    assert (seen.launches, seen.allocations, seen.syncs, seen.device_to_host) == (1, 1, 0, 0)
    assert seen.bytes_used == 400
    with emulator.counting() as seen:
        float(y[0])
        cp.asarray(np.ones(3))
    assert (seen.device_to_host, seen.host_to_device) == (1, 1)
    assert seen.syncs >= 1
    emulator.reset_counters()
    after = emulator.counters()
    assert after.launches == 0 and after.bytes_used == after.bytes_peak > 0


# ---- streams and graphs -------------------------------------------------------------------------


def test_capture_and_replay(cp, numbers):
    stream = cp.cuda.Stream(non_blocking=True)
    pool = cp.cuda.MemoryPool()  # memory that the graph writes to has to stay
    x = cp.zeros((3, 4), "f")
    with stream, cp.cuda.using_allocator(pool.malloc):
        cp.maximum(x, 0).sum(axis=1)
        stream.begin_capture()
        result = cp.maximum(x, 0).sum(axis=1)
        graph = stream.end_capture()
    for _ in range(3):
        new = numbers((3, 4)).astype("f")
        x.set(new)
        graph.launch(stream)
        stream.synchronize()
        np.testing.assert_allclose(result.get(), np.maximum(new, 0).sum(1), rtol=1e-5)


def test_capture_joins_streams_by_events(cp):
    first, second = (cp.cuda.Stream(non_blocking=True) for _ in range(2))
    x = cp.zeros(3, "f")
    x += 1
    with first:
        first.begin_capture()
        second.wait_event(first.record())
        with second:
            x += 1
        first.wait_event(second.record())
        graph = first.end_capture()
    assert x.get()[0] == 1
    graph.launch(first)
    assert x.get()[0] == 2


def test_what_cannot_be_captured(cp):
    error = cp.cuda.runtime.CUDARuntimeError
    stream = cp.cuda.Stream(non_blocking=True)
    x = cp.ones((2, 2), "f")
    x @ x
    with stream:
        stream.begin_capture()
        with pytest.raises(NotImplementedError):
            x @ x
        with pytest.raises(RuntimeError, match="D2H transfers are disallowed"):
            x.get()
        with pytest.raises(error, match="cudaErrorStreamCaptureUnsupported"):
            cp.cuda.runtime.deviceSynchronize()
        with pytest.raises(error, match="cudaErrorStreamCaptureInvalidated"):
            stream.end_capture()
    with pytest.raises(error, match="legacy stream"):
        cp.cuda.runtime.streamBeginCapture(0, 0)


def test_replay_into_freed_memory_is_found(cp):
    stream = cp.cuda.Stream(non_blocking=True)
    x = cp.ones(3, "f")
    cp.exp(x)
    with stream:
        stream.begin_capture()
        cp.exp(x)  # freed at once
        graph = stream.end_capture()
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="cudaErrorIllegalAddress"):
        graph.launch(stream)


def test_events_and_streams_that_are_gone(cp):
    begin, end = cp.cuda.Event(), cp.cuda.Event()
    begin.record()
    cp.arange(10)
    end.record()
    end.synchronize()
    assert cp.cuda.get_elapsed_time(begin, end) >= 0
    stream = cp.cuda.runtime.streamCreate()
    cp.cuda.runtime.streamDestroy(stream)
    with pytest.raises(cp.cuda.runtime.CUDARuntimeError, match="does not exist"):
        cp.cuda.runtime.streamSynchronize(stream)


# ---- cuBLASLt -----------------------------------------------------------------------------------

TYPES = {"float32": 0, "float64": 1, "float16": 2, "complex64": 4, "complex128": 5, "bfloat16": 14}
EPILOGUES = {"default": 1, "relu": 2, "bias": 4, "relu_bias": 6, "gelu": 32, "gelu_bias": 36}
BACKWARD = {
    "relu_aux_bias": 134,
    "gelu_aux_bias": 164,
    "drelu": 136,
    "drelu_bgrad": 152,
    "dgelu": 192,
    "dgelu_bgrad": 208,
    "bgrada": 256,
    "bgradb": 512,
}
TRANSPOSES = {"n": 0, "t": 1, "c": 2}
COMPUTE_32F, COMPUTE_64F, COMPUTE_TF32 = 68, 70, 77
TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-6, "complex64": 2e-6}
GELU_ERROR = {"float16": 2e-2, "float32": 1e-3, "float64": 1e-12}
NOT_INITIALIZED, INVALID_VALUE, EXECUTION_FAILED, NOT_SUPPORTED = 1, 7, 13, 15


class Lt:
    """As much of a binding of cuBLASLt as its tests need."""

    def __init__(self):
        from cuda.pathfinder import load_nvidia_dynamic_lib

        self.library = ctypes.CDLL(load_nvidia_dynamic_lib("cublasLt").abs_path)
        self.handle = self.make("cublasLtCreate")

    def call(self, name, *arguments):
        return getattr(self.library, name)(*arguments)

    def make(self, name, *arguments):
        out = ctypes.c_void_p()
        assert self.call(name, ctypes.byref(out), *arguments) == 0
        return out

    def set(self, kind, target, attribute, value):
        size = ctypes.c_size_t(ctypes.sizeof(value))
        name = f"cublasLt{kind}SetAttribute"
        assert self.call(name, target, attribute, ctypes.byref(value), size) == 0

    def layout(self, x, dtype, rows, columns, ld=None):
        ld = ctypes.c_int64(rows if ld is None else ld)
        sizes = (ctypes.c_uint64(rows), ctypes.c_uint64(columns), ld)
        made = self.make("cublasLtMatrixLayoutCreate", TYPES[dtype], *sizes)
        if x.ndim == 3:
            self.set("MatrixLayout", made, 5, ctypes.c_int32(len(x)))
            self.set("MatrixLayout", made, 6, ctypes.c_int64(rows * columns))
        return made

    def description(self, compute, dtype, ta, tb, epilogue, bias, aux=None, aux_ld=0):
        scale = dtype if dtype in ("float64", "complex64", "complex128") else "float32"
        made = self.make("cublasLtMatmulDescCreate", compute, TYPES[scale])
        self.set("MatmulDesc", made, 3, ctypes.c_int32(TRANSPOSES[ta]))
        self.set("MatmulDesc", made, 4, ctypes.c_int32(TRANSPOSES[tb]))
        self.set("MatmulDesc", made, 7, ctypes.c_int32({**EPILOGUES, **BACKWARD}[epilogue]))
        self.set("MatmulDesc", made, 12, ctypes.c_int64(aux_ld))
        if aux is not None:
            self.set("MatmulDesc", made, 11, ctypes.c_void_p(aux.data.ptr))
        if bias is not None:
            self.set("MatmulDesc", made, 8, ctypes.c_void_p(bias.data.ptr))
        scalar = np.dtype(scale).type
        return made, scalar

    def matmul(
        self,
        a,
        b,
        d,
        *,
        ta="n",
        tb="n",
        alpha=1,
        beta=0,
        compute=None,
        epilogue="default",
        bias=None,
        aux=None,
        aux_ld=0,
        stream=0,
        handle=None,
        ld=None,
        chooses=False,
    ):
        """Column-major: a NumPy array of shape (columns, rows) is a matrix of (rows, columns)."""
        dtype = d.dtype.name
        if compute is None:
            compute = COMPUTE_64F if dtype in ("float64", "complex128") else COMPUTE_32F
        description, scalar = self.description(compute, dtype, ta, tb, epilogue, bias, aux, aux_ld)
        layouts = [self.layout(x, dtype, x.shape[-1], x.shape[-2], ld) for x in (a, b, d)]
        alpha, beta = np.array(alpha, scalar), np.array(beta, scalar)
        algorithm = None
        if chooses:
            algorithm, status = self.algorithm(description, layouts)
            if status:
                return status
        status = self.call(
            "cublasLtMatmul",
            self.handle if handle is None else handle,
            description,
            ctypes.c_void_p(alpha.ctypes.data),
            ctypes.c_void_p(a.data.ptr),
            layouts[0],
            ctypes.c_void_p(b.data.ptr),
            layouts[1],
            ctypes.c_void_p(beta.ctypes.data),
            ctypes.c_void_p(d.data.ptr),
            layouts[2],
            ctypes.c_void_p(d.data.ptr),
            layouts[2],
            algorithm,
            None,
            ctypes.c_size_t(0),
            ctypes.c_void_p(stream),
        )
        self.call("cublasLtMatmulDescDestroy", description)
        for layout in layouts:
            self.call("cublasLtMatrixLayoutDestroy", layout)
        return status

    def algorithm(self, description, layouts):
        """What the library chooses, and its status."""
        preference = self.make("cublasLtMatmulPreferenceCreate")
        for attribute in (5, 6, 7, 8):
            self.set("MatmulPreference", preference, attribute, ctypes.c_uint32(2))
        found = (ctypes.c_uint64 * 16)()
        count = ctypes.c_int()
        a, b, d = layouts
        status = self.call(
            "cublasLtMatmulAlgoGetHeuristic",
            self.handle,
            description,
            a,
            b,
            d,
            d,
            preference,
            1,
            found,
            ctypes.byref(count),
        )
        return found, status


@pytest.fixture(scope="module")
def lt(cp):
    return Lt()


def stored(numbers, shape, dtype):
    """Random numbers, as they lie in the memory of a column-major matrix."""
    x = numbers(shape)
    if dtype.startswith("complex"):
        x = x + 1j * numbers(shape)
    if dtype == "bfloat16":
        return x.astype(pytest.importorskip("ml_dtypes").bfloat16)
    return x.astype(dtype)


def op(x, transpose):
    """op(X) in float64, from its memory."""
    x = x.astype("c16" if x.dtype.kind == "c" else "f8").swapaxes(-1, -2)
    if transpose == "n":
        return x
    x = x.swapaxes(-1, -2)
    return x.conj() if transpose == "c" else x


@pytest.mark.parametrize("dtype", list(TYPES))
@pytest.mark.parametrize("ta, tb", ["nn", "tn", "nt", "cc"])
@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("m, n, k", [(1, 1, 1), (17, 5, 33), (64, 9, 3)])
def test_lt_against_numpy(cp, lt, numbers, dtype, ta, tb, batch, m, n, k):
    lead = () if batch is None else (batch,)
    a = stored(numbers, (*lead, *((k, m) if ta == "n" else (m, k))), dtype)
    b = stored(numbers, (*lead, *((n, k) if tb == "n" else (k, n))), dtype)
    d = stored(numbers, (*lead, n, m), dtype)
    expected = 2 * (op(a, ta) @ op(b, tb)) - op(d, "n")
    out = cp.asarray(d)
    assert lt.matmul(cp.asarray(a), cp.asarray(b), out, ta=ta, tb=tb, alpha=2, beta=-1) == 0
    tolerance = TOLERANCE.get(dtype, 1e-13) * np.sqrt(k) * 8
    np.testing.assert_allclose(op(out.get(), "n"), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("epilogue", list(EPILOGUES))
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_lt_epilogues(cp, lt, numbers, epilogue, dtype):
    a, b = stored(numbers, (7, 20), dtype), stored(numbers, (6, 7), dtype)
    bias = stored(numbers, (20,), dtype) if "bias" in epilogue else None
    x = op(a, "n") @ op(b, "n")
    if bias is not None:
        x = x + bias.astype("d")[:, None]
    if "relu" in epilogue:
        x = np.maximum(x, 0)
    if "gelu" in epilogue:
        x = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    out = cp.empty((6, 20), dtype)
    on_device = None if bias is None else cp.asarray(bias)
    status = lt.matmul(cp.asarray(a), cp.asarray(b), out, epilogue=epilogue, bias=on_device)
    assert status == 0
    # The tanh of GELU is approximate, but for float64.
    tolerance = 10 * TOLERANCE.get(dtype, 1e-13) if "gelu" not in epilogue else GELU_ERROR[dtype]
    np.testing.assert_allclose(op(out.get(), "n"), x, rtol=tolerance, atol=tolerance)


def gelu_and_slope(x):
    inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    slope = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * x**2)
    tanh = np.tanh(inner)
    return 0.5 * x * (1 + tanh), 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh**2) * slope


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_lt_gelu_keeps_what_goes_into_it(cp, lt, numbers, dtype):
    a, b, bias = (stored(numbers, shape, dtype) for shape in ((7, 16), (6, 7), (16,)))
    out, aux = cp.empty((6, 16), dtype), cp.empty((6, 24), dtype)
    options = {"epilogue": "gelu_aux_bias", "bias": cp.asarray(bias), "aux": aux, "aux_ld": 24}
    assert lt.matmul(cp.asarray(a), cp.asarray(b), out, **options) == 0
    z = op(a, "n") @ op(b, "n") + bias.astype("d")[:, None]
    tolerance = GELU_ERROR[dtype]
    np.testing.assert_allclose(op(aux.get(), "n")[:16], z, rtol=tolerance, atol=tolerance)
    expected, slope = gelu_and_slope(z)
    np.testing.assert_allclose(op(out.get(), "n"), expected, rtol=tolerance, atol=tolerance)
    sums = cp.empty(16, dtype)
    options = {"epilogue": "dgelu_bgrad", "bias": sums, "aux": aux, "aux_ld": 24}
    assert lt.matmul(cp.asarray(a), cp.asarray(b), out, **options) == 0
    g = op(a, "n") @ op(b, "n") * slope
    np.testing.assert_allclose(op(out.get(), "n"), g, rtol=4 * tolerance, atol=4 * tolerance)
    np.testing.assert_allclose(sums.get(), g.sum(1), rtol=9 * tolerance, atol=9 * tolerance)


def test_lt_relu_and_its_mask(cp, lt):
    """A bit for each element that is not negative; what was NaN is 0, as the real one has it."""
    x = np.zeros((2, 130), "f")
    x[0, [0, 5, 129]] = (-1, 2, 3)
    x[1, :2] = (np.nan, 1)
    eye = cp.eye(130, dtype="f")
    out, aux, bias = cp.empty((2, 130), "f"), cp.zeros((2, 32), cp.uint8), cp.zeros(130, "f")
    options = {"bias": bias, "aux": aux, "aux_ld": 256}
    x[1] = 1  # NaN times 0 is NaN, so it comes by the bias
    bias[1] = np.nan
    assert lt.matmul(eye, cp.asarray(x), out, epilogue="relu_aux_bias", **options) == 0
    bits = np.unpackbits(aux.get(), axis=1, bitorder="little")[:, :130]
    expected = x >= 0
    expected[:, 1] = False
    np.testing.assert_array_equal(bits, expected)
    assert out.get()[:, 1].tolist() == [0, 0]
    g, sums = cp.asarray(np.arange(260.0, dtype="f").reshape(2, 130)), cp.empty(130, "f")
    options = {"aux": aux, "aux_ld": 256, "bias": sums}
    assert lt.matmul(eye, g, out, epilogue="drelu_bgrad", **options) == 0
    np.testing.assert_array_equal(out.get(), g.get() * expected)
    np.testing.assert_array_equal(sums.get(), (g.get() * expected).sum(0))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_lt_sums_of_a_factor(cp, lt, numbers, dtype):
    a, b = stored(numbers, (7, 20), dtype), stored(numbers, (7, 6), dtype)  # b is B^T
    for epilogue, length, of in (("bgrada", 20, a), ("bgradb", 6, b)):
        out, sums = cp.empty((6, 20), dtype), cp.empty(length, dtype)
        options = {"tb": "t", "epilogue": epilogue, "bias": sums, "alpha": 2}
        assert lt.matmul(cp.asarray(a), cp.asarray(b), out, **options) == 0
        tolerance = 20 * TOLERANCE[dtype]
        expected = 2 * (op(a, "n") @ op(b, "t"))
        np.testing.assert_allclose(op(out.get(), "n"), expected, rtol=tolerance, atol=tolerance)
        expected = of.astype("d").sum(0)
        np.testing.assert_allclose(sums.get(), expected, rtol=tolerance, atol=tolerance)


def test_lt_refuses_wrong_epilogues(cp, lt):
    """The statuses that cublasLt.h demands, and those that a card was seen to return."""
    x = cp.ones((8, 8), "f")
    aux, vector = cp.zeros((8, 16), "f"), cp.zeros(8, "f")

    def status(epilogue, **options):
        both = [lt.matmul(x, x, cp.empty((8, 8), "f"), epilogue=epilogue, **options)]
        both.append(lt.matmul(x, x, x.copy(), epilogue=epilogue, chooses=True, **options))
        assert both[0] == both[1]
        return both[0]

    with_aux = {"aux": aux, "aux_ld": 128}
    assert status("drelu", **with_aux) == 0
    assert status("drelu", aux=aux, aux_ld=64) == INVALID_VALUE  # not a multiple of 128 bits
    assert status("dgelu", aux=aux, aux_ld=8) == 0
    assert status("dgelu", aux=aux, aux_ld=12) == INVALID_VALUE  # not a multiple of 8
    assert status("dgelu", aux=aux, aux_ld=0) == INVALID_VALUE
    assert status("dgelu", aux_ld=8) == INVALID_VALUE  # no pointer
    assert status("gelu_aux_bias", aux_ld=8, bias=vector) == NOT_SUPPORTED
    assert status("drelu_bgrad", **with_aux) == INVALID_VALUE  # nowhere to sum
    assert status("bgrada", bias=vector) == 0
    assert status("bgrada", bias=vector, ta="t") == NOT_SUPPORTED
    assert status("bgradb", bias=vector) == NOT_SUPPORTED
    assert status("bgradb", bias=vector, tb="t") == 0
    assert status("bgradb", tb="t") == INVALID_VALUE
    assert lt.matmul(x, x, x, epilogue="dgelu", aux=aux[:, 1:], aux_ld=8) == INVALID_VALUE
    short = cp.zeros((7, 8), "f")
    assert lt.matmul(x, x, x.copy(), epilogue="dgelu", aux=short, aux_ld=8) == EXECUTION_FAILED


def test_lt_algorithms_are_for_an_epilogue_and_an_alignment(cp, lt):
    x, vector = cp.ones((8, 8), "f"), cp.zeros(9, "f")
    layouts = [lt.layout(x, "float32", 8, 8) for _ in range(3)]
    plain, _ = lt.description(COMPUTE_32F, "float32", "n", "n", "default", None)
    biased, _ = lt.description(COMPUTE_32F, "float32", "n", "n", "bias", vector)
    one, zero = ctypes.c_float(1), ctypes.c_float(0)

    def run(algorithm, description):
        d = cp.empty((8, 8), "f")
        pointer = ctypes.c_void_p
        a, b, c = layouts
        places = [pointer(array.data.ptr) for array in (x, x, d, d)]
        return lt.call(
            "cublasLtMatmul",
            lt.handle,
            description,
            ctypes.byref(one),
            places[0],
            a,
            places[1],
            b,
            ctypes.byref(zero),
            places[2],
            c,
            places[3],
            c,
            algorithm,
            None,
            ctypes.c_size_t(0),
            None,
        )

    for_plain, _ = lt.algorithm(plain, layouts)
    for_bias, _ = lt.algorithm(biased, layouts)
    assert run(for_plain, plain) == run(for_bias, biased) == 0
    assert run(for_plain, biased) == INVALID_VALUE
    lt.set("MatmulDesc", biased, 8, ctypes.c_void_p(vector[1:].data.ptr))
    expected = INVALID_VALUE if vector.data.ptr % 8 == 0 else 0
    assert run(for_bias, biased) == expected


def test_lt_tf32_rounds_its_inputs(cp, lt, numbers):
    a, b = stored(numbers, (40, 30), "float32"), stored(numbers, (20, 40), "float32")
    out = cp.empty((20, 30), "f")
    assert lt.matmul(cp.asarray(a), cp.asarray(b), out, compute=COMPUTE_TF32) == 0
    error = np.abs(op(out.get(), "n") - op(a, "n") @ op(b, "n")).max()
    assert 1e-5 < error < 2e-2


def test_lt_statuses(cp, lt):
    x = cp.ones((4, 4), "f")
    assert lt.matmul(x, x, x, handle=ctypes.c_void_p()) == NOT_INITIALIZED
    assert lt.matmul(x, x, x, ld=3) == INVALID_VALUE
    assert lt.matmul(x, cp.ones((4, 5), "f"), x) == INVALID_VALUE
    assert lt.matmul(x, x, x, compute=COMPUTE_64F) == NOT_SUPPORTED
    assert lt.matmul(x, x, x, epilogue="bias") == INVALID_VALUE  # no pointer
    assert lt.matmul(x, x, x, ld=8) == EXECUTION_FAILED  # reaches past the allocation
    out = ctypes.c_void_p()
    sizes = (ctypes.c_uint64(2), ctypes.c_uint64(2), ctypes.c_int64(2))
    assert lt.call("cublasLtMatrixLayoutCreate", ctypes.byref(out), 77, *sizes) == INVALID_VALUE
    host = np.ones((4, 4), "f")
    pretend = cp.ndarray(
        (4, 4),
        "f",
        cp.cuda.MemoryPointer(cp.cuda.UnownedMemory(host.ctypes.data, 64, host, device_id=0), 0),
    )
    assert lt.matmul(pretend, x, x) == EXECUTION_FAILED


def test_lt_is_captured(cp, lt, numbers):
    a, b = cp.asarray(numbers((5, 6)), "f"), cp.asarray(numbers((4, 5)), "f")
    out = cp.zeros((4, 6), "f")
    stream = cp.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        assert lt.matmul(a, b, out, stream=stream.ptr) == 0
        graph = stream.end_capture()
    assert not out.get().any()
    for _ in range(2):
        a.set(numbers((5, 6)).astype("f"))
        graph.launch(stream)
        expected = op(a.get(), "n") @ op(b.get(), "n")
        np.testing.assert_allclose(op(out.get(), "n"), expected, rtol=1e-4, atol=1e-5)


# ---- the compile gate ---------------------------------------------------------------------------

SPILLING = r"""
extern "C" __global__ void __launch_bounds__(1024) spilling(float* x, int n) {
  float a[100];
  for (int i = 0; i < 100; i++) a[i] = x[i * 7 + threadIdx.x];
  for (int r = 0; r < n; r++)
    for (int i = 0; i < 100; i++) a[i] = a[i] * a[(i + 1) % 100] + a[(i + 3) % 100];
  for (int i = 0; i < 100; i++) x[i + threadIdx.x] = a[i];
}
"""


@pytest.fixture(scope="session")
def gate():
    reason = compile_gate.compile_gate_unavailable()
    if reason is not None:
        pytest.skip(reason)
    return compile_gate


@pytest.mark.parametrize("arch", ["sm_80", "sm_90", "sm_100", "sm_120"])
def test_gate_reads_registers_and_spills(gate, arch):
    cubin = gate.compile_to_cubin(ROW_SUM, ["row_sum<float>", "row_sum<double>"], arch)
    usage = {f.name: f for f in cubin.functions}
    assert set(usage) == {"row_sum<float>", "row_sum<double>"}
    assert usage["row_sum<double>"].shared >= 64
    assert all(f.registers > 0 and f.stack == 0 and f.local == 0 for f in cubin.functions)
    (spilling,) = gate.compile_to_cubin(SPILLING, arch=arch).functions
    assert spilling.stack + spilling.local > 0


def test_gate_reports_errors(gate):
    with pytest.raises(gate.CompileError, match='"nowhere" is undefined'):
        gate.compile_to_cubin("__global__ void f() { nowhere(); }")


def test_gate_shows_machine_code(gate):
    reason = gate.sass_unavailable()
    if reason is not None:
        pytest.skip(reason)
    cubin = gate.compile_to_cubin(WMMA)
    assert "HMMA" in cubin.sass("product")
    with pytest.raises(KeyError, match="no kernel 'other'"):
        cubin.sass("other")
