#!/usr/bin/env bash
# The measured part of the GPU work in one call, under 8 minutes, on a machine that has CUDA, CuPy, PyTorch and JAX
# but no network.  Nothing of the GPU's settings is changed.
#
#     bash benchmarks/run_gpu.sh [FOLDER]      results go to FOLDER, else to benchmarks/results
set -uo pipefail
cd "$(dirname "$0")/.."
out="${1:-benchmarks/results}"
mkdir -p "$out"
out="$(cd "$out" && pwd)"
python="${PYTHON:-python3}"

# The package from this folder, without its dependencies: what is there has to do.
target="$(mktemp -d)"
trap 'rm -rf "$target"' EXIT
"$python" -m pip install -q --no-index --no-deps --no-build-isolation --target "$target" . || exit 2
export PYTHONPATH="$target"
export TENSORCORE_DEVICE=gpu TENSORCORE_REQUIRE_GPU=1
export TENSORCORE_CACHE_DIR="${TENSORCORE_CACHE_DIR:-$target/cache}"
[ -d ../shared/data ] && export TENSORCORE_DATA_DIR="$PWD/../shared/data"
[ -d shared/data ] && export TENSORCORE_DATA_DIR="$PWD/shared/data"

status=0
step() {
    local name="$1" limit="$2"
    shift 2
    printf '\n=== %s (%s s)\n' "$name" "$SECONDS"
    timeout "$limit" "$@" 2>&1 | tee "$out/gpu-$name.log"
    local code="${PIPESTATUS[0]}"
    [ "$code" -le 1 ] || { echo "$name ended with status $code"; status=1; }
}

step doctor 60 "$python" -m tensorcore doctor
step kernels 120 "$python" benchmarks/gpu_kernels.py --json
step compare 200 "$python" benchmarks/compare.py --device gpu --quick --torch "$python" --jax "$python"
step benchmark 90 "$python" -m tensorcore benchmark --device cpu,gpu --quick --json "$out/gpu-benchmark.json"
cp -f benchmarks/results/gpu-kernels.json benchmarks/results/compare-gpu.json "$out" 2> /dev/null
printf '\n=== done (%s s)\n' "$SECONDS"
exit "$status"
