"""g++ with a cache on disk that several processes may use at once."""

import functools
import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from . import requirements

HERE = Path(__file__).parent
SHIM = HERE / "cuda_shim"
ON_REQUEST = SHIM / "on_request"  # headers that few kernels include, and only those depend on

# -fno-gnu-unique and hidden symbols keep kernels of the same name in different libraries apart.
# -fwhole-program drops what a kernel does not use of the headers: a third of the time.
KERNEL_FLAGS = (
    "-std=gnu++17",
    "-O1",
    "-march=native",
    "-fPIC",
    "-fno-strict-aliasing",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fwhole-program",
    "-fno-gnu-unique",
    "-fvisibility=hidden",
    "-U_FORTIFY_SOURCE",
    "-w",
    "-pipe",
)


class CompilerError(RuntimeError):
    """g++ refused a text; the message is what it said."""


def cache_folder() -> Path:
    """Where compiled things are kept: TENSORCORE_EMULATOR_CACHE or the user's cache folder."""
    chosen = os.environ.get("TENSORCORE_EMULATOR_CACHE")
    if chosen:
        folder = Path(chosen)
    else:
        folder = Path(platformdirs.user_cache_dir("tensorcore")) / "emulator"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@functools.cache
def machine_key() -> str:
    """What else decides the output of g++: its version, and the CPU for -march=native."""
    version = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=True)
    wanted = ("model name", "flags")
    cpu = []
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith(wanted):
                cpu.append(line)
            if not line.strip():  # the end of the first CPU
                break
    return version.stdout + "".join(cpu)


@functools.cache
def headers_key() -> str:
    """The text of our own headers: a change of any of them makes the whole cache stale."""
    files = sorted(HERE.glob("*/*.h"))
    return "".join(file.read_text() for file in files)


def requested_headers(text: str) -> list[str]:
    """The texts of those headers in the folder ON_REQUEST that a kernel's text includes."""
    return [h.read_text() for h in sorted(ON_REQUEST.glob("*.h")) if f"<{h.name}>" in text]


def digest(*parts: str) -> str:
    text = "\0".join((machine_key(), headers_key(), *parts))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def include_flags() -> list[str]:
    folders = [SHIM, ON_REQUEST, *requirements.cupy_headers(), requirements.cuda_headers()]
    return [f"-I{folder}" for folder in folders]


def run(command: Sequence[str], text: str, output: Path) -> Path:
    """Run g++ on ``text``; ``output`` appears at once and whole, whoever else writes it too."""
    temporary = output.with_name(f"{output.name}.{os.getpid()}.tmp")
    done = subprocess.run(
        ["g++", *command, "-o", str(temporary)], input=text, text=True, capture_output=True
    )
    if done.returncode:
        temporary.unlink(missing_ok=True)
        raise CompilerError(done.stderr)
    os.replace(temporary, output)
    return output


@functools.cache
def precompiled_header(name: str) -> Path:
    """A header in the cache that includes ``name`` of the shim, with its precompiled form."""
    text = f'#include "{SHIM / name}"\n'
    folder = cache_folder() / f"header-{digest(text, *KERNEL_FLAGS, *include_flags())}"
    header = folder / name
    precompiled = folder / f"{name}.gch"  # g++ looks for this name beside the header
    if not precompiled.exists():
        folder.mkdir(exist_ok=True)
        write(header, text)
        run([*KERNEL_FLAGS, *include_flags(), "-x", "c++-header", str(header)], "", precompiled)
    return header


def compile_kernels(text: str, header: str, include: Sequence[str] = ()) -> Path:
    """Compile kernels (see kernels.py) to a shared library; ``header``: what precedes them.

    The symbols of the scheduler stay undefined: the loader finds them in the runtime library.
    """
    standard = include_flags()
    extra = [flag for flag in include if flag not in standard]
    key = digest(text, header, *KERNEL_FLAGS, *extra, *requested_headers(text))
    path = cache_folder() / f"kernel-{key}.so"
    if not path.exists():
        before = ["-include", str(precompiled_header(header))]
        flags = [*KERNEL_FLAGS, *standard, *extra, "-shared", "-nostdlib", *before]
        run([*flags, "-x", "c++", "-"], text, path)
    return path


def compile_library(name: str, sources: Sequence[Path], flags: Sequence[str] = ()) -> Path:
    """Compile C++ files of ours to a shared library."""
    headers = sorted({header for source in sources for header in source.parent.glob("*.h")})
    text = "".join(file.read_text() for file in [*sources, *headers])
    path = cache_folder() / f"{name}-{digest(text, *flags)}.so"
    if not path.exists():
        standard = ["-std=c++20", "-march=native", "-fPIC", "-shared", "-w", "-U_FORTIFY_SOURCE"]
        files = [str(source) for source in sources]
        run([*standard, *flags, *files], "", path)
    return path


def write(path: Path, text: str) -> None:
    """Write a file so that other processes see either all of it or nothing."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text)
    os.replace(temporary, path)
