"""The project's own rules: packages listed, rooms that import downwards only, light imports,
doctests.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import tensorcore as tc
from tensorcore.ops import OPS

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [*ROOT.glob("tensorcore/**/*.py"), *ROOT.glob("kernels/**/*.py")]

# A room may import from rooms further down this list, and from itself.
FLOORS = [
    {
        "accuracy",
        "benchmark",
        "completion",
        "costs",
        "doctor",
        "profiler",
        "run",
        "warmup",
        "__main__",
    },
    {"hub", "keras", "tf", "tfds"},
    {"training", "datasets", "data", "progress", "checkpoints", "session"},
    {
        "layers",
        "optimizers",
        "losses",
        "metrics",
        "initializers",
        "regularizers",
        "constraints",
        "saving",
    },
    {"nn", "linalg", "fft", "info", "config"},
    {"random"},
    {"autodiff", "graph"},
    {"ops"},
    {"kernels"},
    {"memory"},
    {"tensor", "variable"},
    {"mode", "operators"},
    {"device"},
    {"dtypes", "missing"},
    {"errors"},
]


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def floor_of(room: str) -> int | None:
    return next((i for i, rooms in enumerate(FLOORS) if room in rooms), None)


def imports(path: Path, top_level_only: bool):
    """(module, line) of each import of a file."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("tensorcore", *parts) if parts[0] == "kernels" else parts)


def test_rooms_import_downwards_only():
    wrong = []
    for path in SOURCES:
        room = room_of(module_of(path))
        own = floor_of(room)
        if room in ("", "__init__") or own is None:
            continue
        for module, line in imports(path, top_level_only=True):
            other = room_of(module) if module.startswith("tensorcore.") else ""
            theirs = floor_of(other)
            if theirs is not None and other != room and theirs < own:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_every_room_has_a_floor():
    rooms = {room_of(module_of(path)) for path in SOURCES} - {"", "__init__"}
    assert {room for room in rooms if floor_of(room) is None} == set()


def test_kernels_import_nothing_of_ours():
    for path in ROOT.glob("kernels/**/*.py"):
        for module, line in imports(path, top_level_only=False):
            ours = module.startswith("tensorcore") and not module.startswith("tensorcore.kernels")
            assert not ours, f"{path.relative_to(ROOT)}:{line} imports {module}"


@pytest.mark.parametrize(
    ("library", "homes"),
    [
        ("cupy", ("kernels/cuda/", "tensorcore/device.py")),
        ("numba", ("kernels/cpu/compiler.py", "kernels/cpu/kept_code.py")),
    ],
)
def test_heavy_libraries_have_one_home(library, homes):
    for path in SOURCES:
        place = path.relative_to(ROOT).as_posix()
        if place.startswith(homes):
            continue
        for module, line in imports(path, top_level_only=False):
            assert module.split(".")[0] != library, f"{place}:{line} imports {library}"


def test_packages_are_listed():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = set()
    for init in [*ROOT.glob("tensorcore/**/__init__.py"), *ROOT.glob("kernels/**/__init__.py")]:
        found.add(module_of(init.parent / "x").removesuffix(".x"))
    assert set(settings["packages"]) == found


def test_kernels_refuse_another_name():
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import kernels"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "this package is tensorcore.kernels" in result.stderr


LIGHT = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Blocker())
import numpy as np
import tensorcore as tc
from tensorcore import keras
x = tc.asarray(np.ones((3, 4), np.float32), device="cpu")
print(float(tc.sum(tc.exp(x) @ tc.transpose(x))), tc.grad(lambda v: tc.sum(v * v))(x).shape)
"""


def test_import_needs_no_heavy_library():
    blocked = (
        "numba",
        "cupy",
        "h5py",
        "rich",
        "pooch",
        "matplotlib",
        "safetensors",
        "platformdirs",
    )
    code = LIGHT.format(blocked=blocked)
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True
    )
    assert result.stdout.split()[1:] == ["(3,", "4)"], result.stderr


def test_import_loads_what_every_program_needs():
    late = {"tensorcore.graph", "tensorcore.layers", "tensorcore.data", "concurrent.futures"}
    late |= {"logging", "dataclasses", "sysconfig", "numpy.random", "threadpoolctl"}
    late_for_keras = {
        "numpy.random",
        "concurrent.futures",
        "zipfile",
        "difflib",
        "random",
        "_hashlib",
    }
    code = "import numpy, sys; before = set(sys.modules); import tensorcore as tc\n"
    code += "print(*sorted(set(sys.modules) - before)); from tensorcore import keras\n"
    code += "print(*sorted(set(sys.modules) - before))\n"
    code += "print(tc.function(lambda x: tc.cond(x > 1, lambda: x, lambda: -x))(tc.asarray(3.0)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    loaded, with_keras, answer = result.stdout.splitlines()
    assert "tensorcore.ops" in loaded.split()
    assert late.isdisjoint(loaded.split())
    assert "tensorcore.layers" in with_keras.split()
    assert late_for_keras.isdisjoint(with_keras.split())
    assert "3" in answer


def public_modules():
    for module in pkgutil.walk_packages(tc.__path__, "tensorcore."):
        if not module.name.endswith("__main__") and ".kernels." not in module.name:
            yield module.name


class Finder(doctest.DocTestFinder):
    """Finds the examples of decorated functions too."""

    def _from_module(self, module, object):
        return super()._from_module(module, inspect.unwrap(object))


@pytest.mark.parametrize("name", list(public_modules()))
def test_doctests(name):
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    for test in Finder().find(module, extraglobs={"tc": tc, "np": np}):
        assert runner.run(test).failed == 0


@pytest.mark.parametrize("name", [n for n, op in OPS.items() if ">>>" in (op.__doc__ or "")])
def test_doctests_of_operations(name):
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False)
    test = parser.get_doctest(OPS[name].__doc__, {"tc": tc, "np": np}, name, None, 0)
    assert runner.run(test).failed == 0


def python_blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)


def test_the_layer_of_contributing_works():
    (block,) = [text for text in python_blocks("CONTRIBUTING.md") if "class Scale" in text]
    space: dict = {}
    exec(block, space)
    layer = space["Scale"]()
    assert layer(tc.asarray([[1.0, 2.0]], device="cpu")).tolist() == [[1.0, 2.0]]
    assert [weight.shape for weight in layer.weights] == [(2,)]


def test_the_short_programs_of_the_readme_run():
    for block in python_blocks("README.md"):
        if "load_data" not in block:
            exec(block, {})
