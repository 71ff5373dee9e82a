"""What CUDA says of itself: versions, devices, libraries, and whether a kernel can be run."""

from __future__ import annotations

import os
from typing import Any

import cupy
import numpy as np

_SOURCE = r"""
extern "C" __global__ void tensorcore_doctor(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = 2.0f * x[i] + 1.0f;
}
"""


def cuda_versions() -> tuple[int, int]:
    """The CUDA versions of the driver and of the runtime in the wheel, as 13000 for 13.0."""
    runtime = cupy.cuda.runtime
    return runtime.driverGetVersion(), runtime.runtimeGetVersion()


def device_lines() -> list[str]:
    """One line a GPU: name, compute capability, memory."""
    lines = []
    for index in range(cupy.cuda.runtime.getDeviceCount()):
        properties = cupy.cuda.runtime.getDeviceProperties(index)
        name = properties["name"].decode()
        capability = f"{properties['major']}.{properties['minor']}"
        gigabytes = properties["totalGlobalMem"] / 2**30
        lines.append(f"gpu:{index} {name}, compute capability {capability}, {gigabytes:.0f} GiB")
    return lines


# Name -> (as the loader knows it, what it is needed for, whether nothing works without it).
LIBRARIES = {
    "NVRTC": ("nvrtc", "kernels", True),
    "cuBLASLt": ("cublasLt", "matrix products", True),
    "cuFFT": ("cufft", "Fourier transforms", False),
    "cuSOLVER": ("cusolver", "matrix decompositions", False),
    "cuDNN": ("cudnn", "faster convolutions and recurrent layers", False),
}


def library_file(name: str) -> str:
    """The file of a library of `LIBRARIES`, loaded; raises what the loader raises."""
    from cuda.pathfinder import load_nvidia_dynamic_lib
    from tensorcore.kernels.cuda import cudnn

    if name == "cuDNN":
        return f"{os.path.basename(cudnn.path())}, version {cudnn.version()}"
    return os.path.basename(load_nvidia_dynamic_lib(LIBRARIES[name][0]).abs_path or name)


def cudnn_problem(index: int = 0) -> str | None:
    """Why a cuDNN that is there cannot be used on a GPU; None if it can."""
    from tensorcore.kernels.cuda import cudnn

    with cupy.cuda.Device(index):
        return cudnn.problem()


def compile_kernel(index: int = 0) -> Any:
    """A small kernel, compiled by NVRTC for the GPU."""
    with cupy.cuda.Device(index):
        kernel = cupy.RawKernel(_SOURCE, "tensorcore_doctor")
        kernel.compile()
        return kernel


def kernel_is_right(index: int) -> bool:
    """Run the small kernel and compare with NumPy."""
    host = np.linspace(-1, 1, 1000, dtype=np.float32)
    with cupy.cuda.Device(index):
        x, y = cupy.asarray(host), cupy.empty(1000, np.float32)
        compile_kernel(index)((4, 1, 1), (256, 1, 1), (x, y, np.int32(1000)))
        return bool(np.allclose(y.get(), 2 * host + 1, rtol=1e-6))


def product_is_right(index: int) -> bool:
    """Multiply two small matrices and compare with NumPy."""
    from tensorcore.kernels.cuda import blas

    host = (np.arange(64 * 64) % 7).astype(np.float32).reshape(64, 64)
    with cupy.cuda.Device(index):
        x = cupy.asarray(host)
        return bool(np.array_equal(blas.matmul(x, x).get(), host @ host))
