"""What cuDNN's headers say of the names in kernels/cuda/cudnn*.py, for tests/test_cudnn.py.

python tests/golden/make_cudnn.py FOLDER    # such as site-packages/nvidia/cudnn/include
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

FILE = Path(__file__).with_name("cudnn.json")
KERNELS = Path(__file__).parents[2] / "kernels" / "cuda"
HEADERS = ("cudnn_version.h", "cudnn_graph.h", "cudnn_ops.h", "cudnn_cnn.h", "cudnn_adv.h")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
CONSTANT = re.compile(r"\b(CUDNN_\w+)(?:\s+CUDNN_DEPRECATED_ENUM)?\s*=\s*(\d+)")
VERSION = re.compile(r"#define CUDNN_(?:MAJOR|MINOR|PATCHLEVEL) (\d+)")
FUNCTION = re.compile(r"CUDNNWINAPI\s+(cudnn\w+)\(([^)]*)\)\s*;")
KINDS = (
    (r"[*\[]|(Handle|Descriptor|Stream)_t\b", "pointer"),
    (r"\bsize_t\b", "size"),
    (r"\bunsigned long long\b", "long"),
    (r"\bfloat\b", "float"),
    (r"\bdouble\b", "double"),
)


def kind(argument: str) -> str:
    """How an argument is passed; what is left is an enumeration or an integer of 32 bits."""
    return next((name for pattern, name in KINDS if re.search(pattern, argument)), "int")


def facts(folder: Path) -> dict[str, object]:
    """Values of constants, and kinds of arguments of functions, that the kernels name."""
    text = COMMENT.sub("", "\n".join((folder / name).read_text() for name in HEADERS))
    used = "\n".join(file.read_text() for file in KERNELS.glob("cudnn*.py"))
    names = set(re.findall(r"\b(?:CUDNN_|cudnn)\w+", used))
    constants = {name: int(value) for name, value in CONSTANT.findall(text) if name in names}
    functions = {}
    for name, arguments in FUNCTION.findall(text):
        given = [part for part in arguments.split(",") if part.strip() not in ("", "void")]
        if name in names or re.fullmatch(r"cudnn(Create|Destroy)\w+Descriptor", name):
            functions[name] = " ".join(kind(part) for part in given)
    version = ".".join(VERSION.findall(text))
    return {"version": version, "constants": constants, "functions": functions}


if __name__ == "__main__":
    FILE.write_text(json.dumps(facts(Path(sys.argv[1])), indent=1) + "\n")
