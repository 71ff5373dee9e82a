"""Machine code that is kept on disk beside numba's, and what numba need not load for it."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
from tensorcore.kernels import cache_folders
from tensorcore.kernels.cpu import jit, kept_code


def made(codegen, built):
    """A library with a function that returns 7; `built` counts how often it is built."""
    from llvmlite import ir

    built.append(1)
    library = codegen.create_library("seven")
    library.enable_object_caching()
    module = library.create_ir_module("seven")
    function = ir.Function(module, ir.FunctionType(ir.IntType(64), []), "tensorcore_test_seven")
    ir.IRBuilder(function.append_basic_block()).ret(ir.Constant(ir.IntType(64), 7))
    library.add_ir_module(module)
    library.finalize()
    return library


def test_a_library_is_built_once_and_a_damaged_file_is_not_believed(tmp_path):
    import ctypes

    from numba.core.registry import cpu_target

    codegen = cpu_target.target_context.codegen()
    built = []

    def value():
        library = kept_code.library(tmp_path, "seven", codegen, lambda: made(codegen, built))
        address = library.get_pointer_to_function("tensorcore_test_seven")
        return ctypes.CFUNCTYPE(ctypes.c_int64)(address)()

    assert value() == 7
    (file,) = (tmp_path / "code").iterdir()
    content = file.read_bytes()
    assert kept_code._read(file) is not None
    for damaged in (content[:-1], b"", content[:40] + b"\0" + content[41:]):
        file.write_bytes(damaged)
        assert kept_code._read(file) is None
    assert value() == 7
    assert len(built) == 2
    assert file.read_bytes() == content


def test_nothing_is_kept_where_nothing_can_be_written(tmp_path):
    from numba.core.registry import cpu_target

    codegen = cpu_target.target_context.codegen()
    (tmp_path / "code").write_text("a file where the folder should be")
    for folder in (None, tmp_path):
        built = []
        kept_code.library(folder, "seven", codegen, lambda built=built: made(codegen, built))
        assert built


def test_the_first_kernel_loads_neither_scipys_linear_algebra_nor_the_code_generator():
    pytest.importorskip("scipy")
    program = """
import sys
import numpy as np
from numba import njit
from numba.core import codegen
import tensorcore as tc

def refuse(library):
    raise SystemExit(f"{library.name} is compiled")

tc.random.uniform((1000,), device="cpu")
assert "numba" in sys.modules and "scipy.linalg" not in sys.modules
built = codegen.CPUCodeLibrary._optimize_final_module
codegen.CPUCodeLibrary._optimize_final_module = refuse
tc.random.normal((1000,), device="cpu")
codegen.CPUCodeLibrary._optimize_final_module = built
print(njit(lambda a, b: a @ b)(np.eye(2), 3 * np.eye(2)).sum(), "scipy.linalg" in sys.modules)
"""
    warm = "import tensorcore as tc; tc.random.normal((1000,), device='cpu')"
    subprocess.run([sys.executable, "-c", warm], check=True)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["6.0", "True"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux")
def test_only_what_is_as_on_the_disk_is_given_back():
    parts = kept_code._unchanged_parts("libllvmlite.so")
    assert parts
    with open("/proc/self/smaps") as file:
        text = file.read()
    for start, stop in parts:
        (entry,) = (part for part in text.split("\n") if part.startswith(f"{start:08x}-{stop:08x}"))
        rest = text[text.index(entry) :]
        anonymous = rest[rest.index("Anonymous:") :].split()[1]
        assert anonymous == "0"
    kept_code.forget_loading()  # and numba works as before
    assert jit.numba.njit(lambda x: x + 1)(1) == 2


# Of CuPy ------------------------------------------------------------------------------------------


@pytest.fixture
def no_folders(monkeypatch, tmp_path):
    """An environment that names no folder, with a HOME that cannot be written."""
    for name in ("CUPY_CACHE_DIR", "TENSORCORE_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/proc/nobody")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cache_folders.folder.cache_clear()
    yield tmp_path
    cache_folders.folder.cache_clear()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_cupys_kernels_are_kept_where_home_cannot_be_written(no_folders, monkeypatch):
    found = cache_folders.settings_of_cupy()["CUPY_CACHE_DIR"]
    assert found == str(no_folders / f"tensorcore-{os.getuid()}" / "cuda")
    assert os.path.isdir(found)
    assert cache_folders.is_temporary(pathlib.Path(found))
    # Somebody else's folder is not believed: what lies in it is run.
    os.chmod(no_folders / f"tensorcore-{os.getuid()}", 0o777)
    cache_folders.folder.cache_clear()
    assert cache_folders.settings_of_cupy() == {"CUPY_CACHE_IN_MEMORY": "1"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_cupys_kernels_are_kept_where_the_user_says(no_folders, monkeypatch):
    monkeypatch.setenv("TENSORCORE_CACHE_DIR", str(no_folders / "chosen"))
    chosen = str(no_folders / "chosen" / "cuda")
    assert cache_folders.settings_of_cupy() == {"CUPY_CACHE_DIR": chosen}
    monkeypatch.setenv("CUPY_CACHE_DIR", "somewhere")
    assert cache_folders.settings_of_cupy() == {}
    monkeypatch.delenv("CUPY_CACHE_DIR")
    monkeypatch.delenv("TENSORCORE_CACHE_DIR")
    monkeypatch.setenv("HOME", str(no_folders / "home"))
    assert cache_folders.settings_of_cupy() == {}
    assert (no_folders / "home" / ".cupy" / "kernel_cache").is_dir()
