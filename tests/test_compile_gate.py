"""Every CUDA text, for every dtype, must compile for every architecture that is supported, without
spills.

This needs the compiler only, no GPU; what the code computes is tested in test_kernels_cuda.py.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections import Counter

import ml_dtypes
import numpy as np
import pytest

from tests.emulator import compile_gate

if "cupy" not in sys.modules:
    pytest.importorskip("cupy", reason="the kernels' Python side imports CuPy")

from tensorcore.kernels import cuda
from tensorcore.kernels.cuda import generated_texts, modules, sum_texts
from tensorcore.kernels.program import Program, Sums

REASON = compile_gate.compile_gate_unavailable()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

ARCHITECTURES = ["sm_80", "sm_90", "sm_100", "sm_120"]

for _module in pkgutil.iter_modules(cuda.__path__):
    importlib.import_module(f"{cuda.__name__}.{_module.name}")

# Texts whose kernels may use memory besides registers -> (bytes a thread, why).
_CALLS = "registers saved around the calls of CUDA's division and logarithm on sm_100 and sm_120"
EXCUSED = {
    "cross_entropy.cu": (40, _CALLS),
    "normalization.cu": (8, _CALLS),
    "scatter_add.cu": (8, "a register saved around the call of CUDA's 64-bit division on sm_80"),
    "softmax.cu": (8, _CALLS),
    "sparse_cross_entropy.cu": (40, _CALLS),
    "sums": (8, _CALLS),
    "rounding": (16, "registers saved around the calls of CUDA's integer division"),
    "trigonometry": (40, "CUDA's sin, cos and tan reduce large angles with a table on the stack"),
}

F32, F64, F16 = np.dtype("float32"), np.dtype("float64"), np.dtype("float16")
BF16, I32, I64, U8 = (np.dtype(t) for t in (ml_dtypes.bfloat16, "int32", "int64", "uint8"))
BOOL = np.dtype(bool)


def program(name, dtype, texts, inputs=("x", "y"), out=None):
    """A program of statements t0, t1...; the last one is the result."""
    compute = F32 if dtype in (F16, BF16) else dtype
    statements = tuple((f"t{i}", text, text.startswith("is")) for i, text in enumerate(texts))
    return Program(
        name=name,
        inputs=tuple((i, dtype) for i in inputs),
        compute=compute,
        statements=statements,
        results=(statements[-1][0],),
        outputs=(out or dtype,),
    )


def _every(*functions):
    texts = [functions[0].format("x")]
    for i, function in enumerate(functions[1:]):
        texts.append(f"({function.format(f't{i}')})")
    return texts


EXPONENTIAL = _every(
    *(
        f"{name}({{0}})"
        for name in ("exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sqrt")
    ),
)
HYPERBOLIC = _every(
    *(f"{name}({{0}})" for name in ("sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh")),
    *(f"{name}({{0}})" for name in ("arcsin", "arccos", "arctan", "erf", "sigmoid", "softplus")),
    "logaddexp({0}, y)",
    "hypot({0}, y)",
    "arctan2({0}, y)",
)
ROUNDING = _every(
    *(f"{name}({{0}})" for name in ("floor", "ceil", "trunc", "rint", "sign", "absolute")),
    "floor_divide({0}, y)",
    "remainder({0}, y)",
    "power({0}, y)",
    "maximum({0}, y)",
    "minimum({0}, T(-1))",
    "select(logical_or(isnan({0}), logical_not(signbit({0}))), {0}, y)",
)
BITS = _every(
    "bitwise_invert({0})",
    "left_shift({0}, y)",
    "right_shift({0}, y)",
    "({0} & y)",
    "({0} ^ y)",
)
ADAM = Program(
    name="adam",
    inputs=(("w", F32), ("g", F32), ("m", F32), ("v", F32), ("rate", F32)),
    compute=F32,
    statements=(
        ("t0", "(T(0.9) * m)", False),
        ("t1", "(t0 + (T(0.1) * g))", False),
        ("t2", "(T(0.999) * v)", False),
        ("t3", "(t2 + (T(0.001) * (g * g)))", False),
        ("t4", "(w - (rate * (t1 / (sqrt(t3) + T(1e-07)))))", False),
    ),
    results=("t4", "t1", "t3"),
    outputs=(F32, F32, F32),
)

PROGRAMS = [
    *(program("copysign", d, ["copysign(x, y)"]) for d in (F32, F64, F16, BF16)),
    *(program("exponential", d, EXPONENTIAL) for d in (F32, F64, BF16)),
    *(program("hyperbolic", d, HYPERBOLIC) for d in (F32, F64, F16)),
    *(program("rounding", d, ROUNDING) for d in (F32, F64, I32, I64, U8)),
    *(program("bits", d, BITS) for d in (I32, I64, U8, BOOL) if d != BOOL),
    *(program("trigonometry", d, _every("sin({0})", "cos({0})", "tan({0})")) for d in (F32, F64)),
    program("isfinite", F32, ["isfinite(x)"], inputs=("x",), out=BOOL),
    program("invert", BOOL, ["bitwise_invert(x)"], inputs=("x",)),
    ADAM,
]


def _check(cubin, name):
    assert cubin.functions
    allowed, _ = EXCUSED.get(name, (0, ""))
    for function in cubin.functions:
        assert function.local == 0, f"{name}: {function}"
        assert function.stack <= allowed, f"{name}: {function}"


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("file", sorted(modules.Text.all))
def test_text_compiles_without_spills(file, arch):
    text = modules.Text.all[file]
    expressions = [text.expression(name, types) for types in text.types for name in text.kernels]
    # One program with all dtypes: parsing takes longer than compiling.
    source = modules.with_headers(
        modules.read_text(file), [modules.C_TYPES[t] for types in text.types for t in types]
    )
    cubin = compile_gate.compile_to_cubin(source, expressions, arch)
    assert len(cubin.functions) == len(expressions)
    _check(cubin, file)


# Texts that are there for the tensor cores, with the dtypes that go through them.
ON_TENSOR_CORES = {
    "conv2d_tensor.cu": ("float16", "bfloat16", "float32"),
    "attention_64.cu": ("float16", "bfloat16"),
    "attention_128.cu": ("float16", "bfloat16"),
}


@pytest.mark.parametrize("file", ON_TENSOR_CORES)
def test_tensor_cores_are_used(file):
    """And attention copies to shared memory (LDGSTS) while its threads go on."""
    if (reason := compile_gate.sass_unavailable()) is not None:
        pytest.skip(reason)
    text = modules.Text.all[file]
    for dtype in ON_TENSOR_CORES[file]:
        expressions = [text.expression(name, (dtype,)) for name in text.kernels]
        cubin = compile_gate.compile_to_cubin(text.source((dtype,)), expressions, "sm_90")
        for expression in expressions:
            code = cubin.sass(expression)
            assert "HMMA" in code or "HGMMA" in code, expression
            if file.startswith("attention"):
                assert code.count("LDGSTS.E.BYPASS.128") > 1, expression


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: f"{p.name}-{p.outputs[0].name}")
def test_generated_program_compiles_without_spills(program, arch):
    kinds = ["flat", "packed", "strided"]
    source = generated_texts.write_source(program, kinds)
    cubin = compile_gate.compile_to_cubin(source, (), arch)
    assert sorted(function.name for function in cubin.functions) == kinds
    _check(cubin, program.name)


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
@pytest.mark.parametrize("over_first", [False, True])
def test_sums_of_programs_compile_without_spills(over_first, dtype, arch):
    terms = program("terms", dtype, ["tanh(x)", "(t0 * y)"])
    sums = Sums(("", "mean", "sum"), over_first, 1)
    terms = terms._replace(results=("t0", "t0", "t1"), outputs=(dtype,) * 3)
    for letters in ("FF", "FR", "CF", "SF", "FN"):
        cubin = compile_gate.compile_to_cubin(
            sum_texts.write_source(terms, sums, letters), (), arch
        )
        assert [function.name for function in cubin.functions] == [sum_texts.KINDS[over_first]]
        _check(cubin, "sums")


@pytest.mark.parametrize("name", ["adam", "isfinite"])
def test_generated_programs_load_and_store_16_bytes(name):
    """Memory is read and written in pieces of 16 bytes, counted in the widest dtype."""
    if (reason := compile_gate.sass_unavailable()) is not None:
        pytest.skip(reason)
    found = next(p for p in PROGRAMS if p.name == name)
    cubin = compile_gate.compile_to_cubin(generated_texts.write_source(found), (), "sm_90")
    loads, stores = Counter(), Counter()
    for kind in ("flat", "packed"):
        code = cubin.sass(kind)
        loads[kind] = len(re.findall(r"LDG\.E\.(?:\w+\.)*128", code))
        stores[kind] = len(re.findall(r"STG\.E\.(?:\w+\.)*128", code))
    assert min(loads.values()) >= (5 if name == "adam" else 1)
    if name == "adam":
        assert min(stores.values()) >= 3
    else:  # four booleans
        assert re.search(r"STG\.E(?!\.U8)", cubin.sass("flat"))


@pytest.mark.parametrize(
    "kernel",
    ["softmax_held", "softmax_gradient_held", "layer_norm_held", "layer_norm_gradient_held"],
)
def test_rows_are_loaded_and_stored_in_16_bytes(kernel):
    if (reason := compile_gate.sass_unavailable()) is not None:
        pytest.skip(reason)
    file = "softmax.cu" if kernel.startswith("softmax") else "normalization.cu"
    text = modules.Text.all[file]
    for dtype in ("float32", "bfloat16"):
        expression = text.expression(kernel, (dtype,))
        cubin = compile_gate.compile_to_cubin(text.source((dtype,)), [expression], "sm_90")
        code = cubin.sass(expression)
        inputs = 2 if "gradient" in kernel else 1
        pieces = 128 // 4 * (4 if dtype == "float32" else 2) // 16  # those of a thread
        assert len(re.findall(r"LDG\.E\.(?:\w+\.)*128", code)) >= inputs * pieces
        assert len(re.findall(r"STG\.E\.(?:\w+\.)*128", code)) >= pieces


PARTS = 8  # so that several workers can share them


@pytest.mark.parametrize("part", range(PARTS))
def test_programs_of_all_operations_compile(part):
    """What the expressions of the operations are made into, in float32 or int32."""
    from tensorcore.ops import OPS
    from tensorcore.ops.elementwise import Elementwise

    operations = [op for op in OPS.values() if isinstance(op, Elementwise)]
    assert len(operations) > 50
    for operation in operations[part::PARTS]:
        dtype = I32 if operation.takes in ("bits", "integer") else F32
        first = BOOL if operation.takes == "select" else dtype
        program = operation.program((first, *[dtype] * (len(operation.inputs) - 1)))
        source = generated_texts.write_source(program, ["flat"])
        cubin = compile_gate.compile_to_cubin(source, (), "sm_90")
        for function in cubin.functions:
            # CUDA's trigonometric functions keep a table on the stack; nothing may need more.
            assert function.local == 0 and function.stack <= 40, f"{operation.name}: {function}"


def test_every_registered_kernel_exists():
    for name, kernel in cuda.KERNELS.items():
        assert callable(kernel.load()), name
