"""How exact results are: `python benchmarks/accuracy.py --device cpu [--json]`.

Element-wise operations of float32 are compared with float64, in units in the last place (ULP) of
float32: 0.5 is perfect.  Their inputs fill the record's domain, the whole range of float32, and its
edges; one-input operations of float16 and bfloat16 get all 65536 inputs.  Everything else gives a
relative error, |y - exact| / |exact| in the greatest norm.  Operations are found in the records.

`--json` writes results/accuracy-<device>.json and results/accuracy.md, which shows all devices that
have a file.  An emulated GPU (`--emulated`) is called so and has a file of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measure import RESULTS, save

ALLOWED_ULP = 4.0
# More than that, with the reason.
REASONS = {
    "elu_of": "where x is subnormal and alpha 3e38; everywhere else below 4",
    "gelu_erf": "1 + erf cancels in the left tail; the absolute error stays below 1e-7",
    "gelu_tanh": "the rounded argument of the exponential in the left tail",
    "logaddexp": "near its zero; the absolute error stays below the ULP of the greater input",
    "mish": "where x < -87 and tanh(softplus(x)) is subnormal",
    "sigmoid_cross_entropy": "a difference of two terms, zero where they meet",
    "..._update": "steps of optimizers: sums of terms that may cancel, or overflow on the way",
    "silu": "where x < -87 and sigmoid(x) is subnormal",
}
DENSE = 60_000
EDGES = [0.0, 1e-45, 1e-40, 1.2e-38, 1e-30, 1e-7, 0.5, 1 - 6e-8, 1.0, 1 + 1.2e-7, 88.0, 3e38]
EDGES += [np.inf, np.nan, np.pi / 2, np.e, 2.0, 3.0, 10.0, 1e4, 1e10]


def main() -> int:
    """Measure, print, and write if asked to; 1 if a result is less exact than it should be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--emulated", action="store_true", help="the tests' pretend GPU")
    parser.add_argument("--json", action="store_true", help="write the results and the page")
    parser.add_argument("--only", help="only operations whose name contains this")
    options = parser.parse_args()
    if options.emulated:
        options.device = "gpu"
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
        from tests import emulator

        emulator.install(guard_pages=False)
    warnings.simplefilter("ignore")
    start = time.perf_counter()
    rows = measure(options.device, options.only)
    for row in rows:
        print(line(row))
    bad = [row for row in rows if not is_fine(row)]
    print(f"\n{len(rows)} rows in {time.perf_counter() - start:.0f} s; {len(bad)} to look at")
    for row in bad:
        print("  " + line(row))
    if options.json:
        name = "gpu-emulated" if options.emulated else options.device
        what = device_words(options.device, options.emulated)
        print("written:", save(f"accuracy-{name}", rows, device=name, processor=what))
        print("written:", write_page())
    return int(bool(bad))


def measure(kind: str, only: str | None = None) -> list[dict[str, Any]]:
    """All rows of one device."""
    import tensorcore as tc

    with tc.device(kind):
        rows = [*elementwise_rows(only), *record_rows(only), *composed_rows(only)]
        tc.device(kind).synchronize()
    return rows


def device_words(kind: str, emulated: bool) -> str:
    """What computed the results."""
    if kind == "cpu":
        return "CPU"
    if emulated:
        return "emulated GPU: CUDA kernels compiled by g++, nothing is said about real hardware"
    import cupy

    return cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()


# Element-wise operations --------------------------------------------------------------------------


def elementwise_rows(only: str | None) -> Iterator[dict[str, Any]]:
    """Float32 with dense inputs, and the half precisions."""
    from tensorcore import dtypes
    from tensorcore.ops import OPS
    from tensorcore.ops.elementwise import Elementwise

    for name, op in sorted(OPS.items()):
        if not isinstance(op, Elementwise) or "_vjp_" in name or not chosen(name, only):
            continue
        if op.computes == "bool" or op.takes in ("bits", "integer") or op.n_outputs > 1:
            continue
        for dtype in (np.dtype(np.float32), dtypes.float16, dtypes.bfloat16):
            unary = len(op.inputs) == 1
            if dtype == np.float32:
                inputs = float32_inputs(op)
            elif unary:
                inputs = (np.arange(1 << 16, dtype=np.uint16).view(dtype),)
            else:
                inputs = tuple(
                    v[:8192] if v.dtype == np.bool_ else v[:8192].astype(dtype)
                    for v in domain_inputs(op)
                )
            yield elementwise_row(op, dtype, inputs)


def chosen(name: str, only: str | None) -> bool:
    return only is None or only in name


def domain_inputs(op: Any) -> tuple[np.ndarray, ...]:
    """Random inputs from the record's domain."""
    drawn = op.draw(np.random.default_rng(1), [(DENSE,)] * len(op.inputs))
    return tuple(v if v.dtype == np.bool_ else v.astype(np.float32) for v in drawn)


def float32_inputs(op: Any) -> tuple[np.ndarray, ...]:
    """The domain, numbers of all sizes, and the edges in all combinations."""
    rng = np.random.default_rng(2)
    count = len(op.inputs)
    edges = np.array([*EDGES, *(-edge for edge in EDGES)], np.float32)
    crossed = np.meshgrid(*[edges] * min(count, 2))
    parts = []
    for index, dense in enumerate(domain_inputs(op)):
        if dense.dtype == np.bool_:
            wide = rng.random(DENSE) < 0.5
            corner = rng.random(crossed[0].size) < 0.5
        else:
            wide = np.exp(rng.uniform(-87, 88, DENSE)) * rng.choice([-1, 1], DENSE)
            corner = crossed[index % len(crossed)].ravel()
        parts.append(np.concatenate([dense, wide.astype(dense.dtype), corner.astype(dense.dtype)]))
    return tuple(parts)


def elementwise_row(op: Any, dtype: Any, inputs: tuple[np.ndarray, ...]) -> dict[str, Any]:
    """The error of one operation in one dtype."""
    import tensorcore as tc

    exact = np.asarray(op.reference(np, *(widened(v) for v in inputs)), np.float64)
    before = dict(op.runs)
    actual = op(*(tc.asarray(v) for v in inputs)).numpy()
    ways = [way for (_, way), runs in op.runs.items() if runs != before.get((_, way), 0)]
    error, special = ulps(actual, exact, dtype)
    worst = int(np.argmax(error)) if error.size else 0

    def place(index: int) -> list[str]:
        return [f"{float(v[index]):.8g}" for v in inputs]

    return {
        "what": op.name,
        "kind": "element-wise",
        "dtype": np.dtype(dtype).name,
        "way": ", ".join(ways) or "reference",
        "inputs": int(error.size),
        "max_ulp": round(float(error[worst]), 3),
        "mean_ulp": round(float(error.mean()), 4),
        "worst_at": place(worst),
        "special_wrong": int(special.sum()),
        "special_at": [f"{float(v[np.argmax(special)]):.8g}" for v in inputs]
        if special.any()
        else [],
    }


def widened(v: np.ndarray) -> np.ndarray:
    return v if v.dtype == np.bool_ else v.astype(np.float64)


def ulps(actual: np.ndarray, exact: np.ndarray, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """(errors in ULP, where infinity or NaN is not what it must be)."""
    import ml_dtypes

    info = ml_dtypes.finfo(dtype)
    largest = float(info.max)
    actual = actual.astype(np.float64)
    # Between the largest number and one step more either is a right answer.
    step = 2.0 ** np.floor(np.log2(largest)) * float(info.eps)
    overflows = np.abs(exact) > largest - step
    finite = np.isfinite(exact) & ~overflows & np.isfinite(actual)
    special = ~finite & ~(np.isnan(actual) & np.isnan(exact))
    right = (np.sign(actual) == np.sign(exact)) & (np.abs(actual) >= largest - 2 * step)
    special &= ~(overflows & right)
    exponent = np.floor(np.log2(np.maximum(np.abs(exact), float(info.tiny))))
    spacing = np.exp2(exponent) * float(info.eps)
    error = np.where(finite, np.abs(actual - exact) / spacing, 0.0)
    return np.where(np.isfinite(error), error, 0.0), special


# Records with shapes ------------------------------------------------------------------------------


def record_rows(only: str | None) -> Iterator[dict[str, Any]]:
    """Every other record on its own samples, in float32 against its reference in float64."""
    import tensorcore as tc
    from tensorcore.ops import OPS
    from tensorcore.ops.elementwise import Elementwise

    for name, op in sorted(OPS.items()):
        if isinstance(op, Elementwise) or op.takes_numbers or not chosen(name, only):
            continue
        errors = []
        for inputs, attrs in op.samples(np.random.default_rng(7)):
            values = list(inputs[0]) if op.variadic else list(inputs)
            narrow = [
                v.astype(np.float32) if np.asarray(v).dtype.kind == "f" else v for v in values
            ]
            wide = [widened(v) if np.asarray(v).dtype.kind == "f" else v for v in narrow]
            given = [tc.asarray(v) for v in narrow]
            result = op(given, **attrs) if op.variadic else op(*given, **attrs)
            _, full = op.bind((wide,) if op.variadic else tuple(wide), attrs)
            exact = op.reference(np, *op.grouped(wide), **full)
            errors += pairs_errors(result, exact)
        if errors:
            yield {"what": name, "kind": "record", "dtype": "float32", "relative": max(errors)}


def pairs_errors(result: Any, exact: Any) -> list[float]:
    """The relative errors of the floating-point parts of a result."""
    results = result if isinstance(result, tuple) else (result,)
    truths = exact if isinstance(exact, tuple) else (exact,)
    return [
        relative(actual.numpy(), np.asarray(truth))
        for actual, truth in zip(results, truths, strict=True)
        if actual.dtype.kind in "fc" and actual.size
    ]


def relative(actual: np.ndarray, exact: np.ndarray) -> float:
    """The greatest difference, relative to the greatest value."""
    both = np.isfinite(exact) & np.isfinite(actual)
    if not both.any():
        return 0.0
    size = float(np.abs(exact[both]).max()) or 1.0
    return float(np.abs(actual[both] - exact[both]).max()) / size


# Sizes of practice --------------------------------------------------------------------------------


def composed_rows(only: str | None) -> Iterator[dict[str, Any]]:
    """Matmul, convolution, softmax, norms, reductions, linear algebra at usual sizes."""
    import tensorcore as tc

    for name, (function, *arrays) in practice().items():
        if not chosen(name, only):
            continue
        given = [tc.asarray(v.astype(np.float32)) for v in arrays]
        actual = function(tc, *given).numpy()
        with tc.device("cpu"):
            wide = [tc.asarray(v.astype(np.float32).astype(np.float64)) for v in arrays]
            exact = function(tc, *wide).numpy()
        error = relative(actual, exact)
        yield {"what": name, "kind": "practice", "dtype": "float32", "relative": error}


def practice() -> dict[str, tuple[Any, ...]]:
    """name: (function of tc and tensors, arrays).

    Decompositions are judged by the product of their parts, whose signs are free.
    """
    rng = np.random.default_rng(5)

    def normal(*shape: int) -> np.ndarray:
        return rng.normal(size=shape)

    square = normal(128, 128)
    positive = square @ square.T / 128 + np.eye(128)
    images, filters = normal(8, 32, 32, 16), normal(3, 3, 16, 32)
    million = rng.uniform(size=1_000_000)

    def symmetric(tc: Any, x: Any) -> Any:
        values, vectors = tc.linalg.eigh(x)
        return (vectors * values) @ vectors.mT

    def singular(tc: Any, x: Any) -> Any:
        u, s, vh = tc.linalg.svd(x, full_matrices=False)
        return (u * s) @ vh

    def triangular(tc: Any, x: Any) -> Any:
        q, r = tc.linalg.qr(x)
        return q @ r

    return {
        "matmul 512 x 512": (lambda tc, a, b: a @ b, normal(512, 512), normal(512, 512)),
        "matmul 64 x 8192 x 64": (lambda tc, a, b: a @ b, normal(64, 8192), normal(8192, 64)),
        "einsum bqhd,bkhd->bhqk": (
            lambda tc, a, b: tc.einsum("bqhd,bkhd->bhqk", a, b),
            normal(2, 32, 4, 32),
            normal(2, 32, 4, 32),
        ),
        "conv2d 8 x 32 x 32 x 16": (lambda tc, x, w: tc.nn.conv2d(x, w), images, filters),
        "conv2d, gradient of the images": (
            lambda tc, x, w: tc.grad(lambda v: tc.sum(tc.nn.conv2d(v, w) ** 2))(x),
            images,
            filters,
        ),
        "conv2d, gradient of the filters": (
            lambda tc, x, w: tc.grad(lambda v: tc.sum(tc.nn.conv2d(x, v) ** 2))(w),
            images,
            filters,
        ),
        "avg_pool2d": (
            lambda tc, x: tc.nn.avg_pool2d(x, window=(3, 3), strides=(2, 2), padding="SAME"),
            images,
        ),
        "softmax of 1000": (lambda tc, x: tc.nn.softmax(x), 10 * normal(64, 1000)),
        "log_softmax of 1000": (lambda tc, x: tc.nn.log_softmax(x), 10 * normal(64, 1000)),
        "logsumexp of 1000": (lambda tc, x: tc.logsumexp(x, axis=1), 10 * normal(64, 1000)),
        "softmax_cross_entropy of 1000": (
            lambda tc, x, t: tc.nn.softmax_cross_entropy(x, t),
            10 * normal(64, 1000),
            rng.dirichlet(np.ones(1000), 64),
        ),
        "sum of 10^6": (lambda tc, x: tc.sum(x), million),
        "sum of 10^6 of both signs": (lambda tc, x: tc.sum(x), million - 0.4),
        "sum over the first axis": (lambda tc, x: tc.sum(x, axis=0), million.reshape(100_000, 10)),
        "mean of 10^6": (lambda tc, x: tc.mean(x), million),
        "var of 10^6": (lambda tc, x: tc.var(x), million + 10),
        "std of 10^6": (lambda tc, x: tc.std(x), million),
        "prod of 1000": (lambda tc, x: tc.prod(x), rng.uniform(0.9, 1.1, 1000)),
        "cumulative_sum of 10^5": (lambda tc, x: tc.cumulative_sum(x), million[:100_000]),
        "cumulative_prod of 1000": (
            lambda tc, x: tc.cumulative_prod(x),
            rng.uniform(0.9, 1.1, 1000),
        ),
        "vector_norm of 10^6": (lambda tc, x: tc.linalg.vector_norm(x), million),
        "matrix_norm": (lambda tc, x: tc.linalg.matrix_norm(x), square),
        "quantile": (lambda tc, x: tc.quantile(x, [0.1, 0.5, 0.9]), million[:10_001]),
        "convolve": (lambda tc, x, y: tc.convolve(x, y), normal(2000), normal(200)),
        "interp": (
            lambda tc, x, xp, fp: tc.interp(x, xp, fp),
            normal(1000),
            np.sort(normal(100)),
            normal(100),
        ),
        "fft of 4096": (lambda tc, x: tc.fft.fft(x), normal(16, 4096)),
        "irfft of rfft of 1000": (lambda tc, x: tc.fft.irfft(tc.fft.rfft(x), n=1000), normal(1000)),
        "cholesky": (lambda tc, x: tc.linalg.cholesky(x), positive),
        "solve": (lambda tc, a, b: tc.linalg.solve(a, b), positive, normal(128, 4)),
        "inv": (lambda tc, x: tc.linalg.inv(x), positive),
        "pinv": (lambda tc, x: tc.linalg.pinv(x), normal(96, 32)),
        "lstsq": (lambda tc, a, b: tc.linalg.lstsq(a, b), normal(96, 32), normal(96)),
        "det": (lambda tc, x: tc.linalg.det(x), positive[:32, :32]),
        "slogdet": (lambda tc, x: tc.linalg.slogdet(x).logabsdet, positive),
        "eigh, put together": (symmetric, positive),
        "svd, put together": (singular, square),
        "qr, put together": (triangular, square),
        "expm": (lambda tc, x: tc.linalg.expm(x), square / 16),
        "matrix_power 5": (lambda tc, x: tc.linalg.matrix_power(x, 5), square / 16),
    }


# What is shown ------------------------------------------------------------------------------------

# What is asked of sums of n terms in float32: some n * epsilon in the worst case, far less in fact.
ALLOWED_RELATIVE = 2e-5


def is_fine(row: dict[str, Any]) -> bool:
    """Whether the error is small, or has a reason."""
    if row["what"] in REASONS or row["what"].endswith("_update"):
        return True
    if "max_ulp" in row:
        return row["max_ulp"] <= ALLOWED_ULP and not row["special_wrong"]
    return row["relative"] <= ALLOWED_RELATIVE


def line(row: dict[str, Any]) -> str:
    """One row as text."""
    if "max_ulp" not in row:
        return f"{row['what']:36} {row['dtype']:9} {row['relative']:10.2e} relative"
    at = ", ".join(row["worst_at"])
    text = f"{row['what']:36} {row['dtype']:9} {row['max_ulp']:10.3f} ULP at ({at}), {row['way']}"
    if row["special_wrong"]:
        at = ", ".join(row["special_at"])
        text += f"; {row['special_wrong']} infinities or NaN wrong, such as at ({at})"
    return text


def write_page() -> Path:
    """The Markdown page of all devices that have results."""
    found = {}
    for path in sorted(RESULTS.glob("accuracy-*.json")):
        found[path.stem.removeprefix("accuracy-")] = json.loads(path.read_text())
    names = list(found)
    lines = ["# How exact the results are", "", PAGE_WORDS, ""]
    for name, result in found.items():
        machine = result["machine"]
        lines.append(
            f"* **{name}**: {result['processor']}; tensorcore {machine['tensorcore']} "
            f"({machine['commit']}), NumPy {machine['numpy']}, {machine['processor']}, "
            f"{machine['date'][:10]}"
        )
    lines += ["", "## Element-wise operations: greatest error in ULP (mean)", ""]
    lines += table(found, names, "element-wise", ulp_cell)
    lines += ["", "## Usual sizes, float32: relative error", ""]
    lines += table(found, names, "practice", relative_cell)
    lines += ["", "## The other operations on their samples, float32: relative error", ""]
    lines += table(found, names, "record", relative_cell)
    lines += ["", "## More than is aimed at", ""]
    lines += [f"* `{name}`: {reason}." for name, reason in REASONS.items()]
    path = RESULTS / "accuracy.md"
    path.write_text("\n".join(lines) + "\n")
    return path


PAGE_WORDS = """Made by `python benchmarks/accuracy.py --device <device> --json`.

An ULP is the distance between neighbouring numbers of the dtype at the exact result (that of
float64): correct rounding gives at most 0.5.  The inputs of float32 are 60 000 from the record's
domain, 60 000 of all sizes from 1e-38 to 1e38, and the edges (zeros, subnormal numbers, the
largest, infinity, NaN) in all combinations; operations of one input get all 65536 inputs in float16
and bfloat16.  "special" counts infinities and NaN that are not where they must be.  Relative errors
are |y - exact| / |exact|, each the greatest element."""


def table(found: Any, names: list[str], kind: str, cell: Callable[[Any], str]) -> list[str]:
    """A Markdown table with one row an operation and one column a device and dtype."""
    columns: list[tuple[str, str]] = []
    cells: dict[str, dict[tuple[str, str], str]] = {}
    for name in names:
        for row in found[name]["rows"]:
            if row["kind"] == kind:
                column = (name, row["dtype"])
                if column not in columns:
                    columns.append(column)
                cells.setdefault(row["what"], {})[column] = cell(row)
    head = "| operation | " + " | ".join(f"{name} {dtype}" for name, dtype in columns) + " |"
    rule = "| --- |" + " ---: |" * len(columns)
    body = [
        f"| `{what}` | " + " | ".join(row.get(column, "") for column in columns) + " |"
        for what, row in sorted(cells.items())
    ]
    return [head, rule, *body]


def ulp_cell(row: dict[str, Any]) -> str:
    special = f", special {row['special_wrong']}" if row["special_wrong"] else ""
    return f"{row['max_ulp']:.2f} ({row['mean_ulp']:.2f}){special}"


def relative_cell(row: dict[str, Any]) -> str:
    return f"{row['relative']:.1e}"


if __name__ == "__main__":
    sys.exit(main())
