"""Kernels: arrays in, arrays out.  `cpu` is NumPy and numba, `cuda` is CUDA C++ through CuPy.

Nothing of tensorcore's other rooms is imported here.
"""

if __name__ != "tensorcore.kernels":
    raise ImportError(
        f"this package is tensorcore.kernels, but it was imported as {__name__!r}; "
        "install the project (pip install -e .) instead of adding its folder to the path"
    )
