#!/usr/bin/env bash
# The measured part of the GPU work in one call, under 8 minutes, on a machine that has CUDA, CuPy, PyTorch and JAX
# but no network.  Nothing of the GPU's settings is changed, nothing is installed, and only FOLDER is written to.
#
#     bash benchmarks/run_gpu.sh [FOLDER]             what is measured: compare-gpu.json and the page gpu.md
#     bash benchmarks/run_gpu.sh --checks [FOLDER]    instead: the tests on the real GPU, and compute-sanitizer
#     bash benchmarks/run_gpu.sh --rehearse FOLDER    tiny sizes, for a machine with a pretend GPU
#     bash benchmarks/run_gpu.sh --only W1,W3 ...     a part of what is measured
#
# FOLDER is benchmarks/results if none is given.  PYTHON names another Python than python3, TENSORCORE_COMMIT the
# commit where the files came without their history.  The exit status is 0 if all was measured (or passed), 2 without
# a GPU, else 1.
set -uo pipefail
cd "$(dirname "$0")/.."
part=measure
chosen=()
while [ $# -gt 0 ]; do
    case "$1" in
        --checks) part=checks ;;
        --rehearse) chosen+=(--rehearse) ;;
        --only) chosen+=(--only "${2:-}"); shift ;;
        -*) echo "run_gpu.sh: there is no option $1" >&2; exit 2 ;;
        *) break ;;
    esac
    shift
done
mkdir -p "${1:-benchmarks/results}"
out="$(cd "${1:-benchmarks/results}" && pwd)"
python="$(command -v "${PYTHON:-python3}")" || { echo "run_gpu.sh: there is no ${PYTHON:-python3}" >&2; exit 2; }
export TENSORCORE_COMMIT="${TENSORCORE_COMMIT:-$(git rev-parse --short HEAD 2> /dev/null)}"
[ -d ../shared/data ] && export TENSORCORE_DATA_DIR="$PWD/../shared/data"
[ -d shared/data ] && export TENSORCORE_DATA_DIR="$PWD/shared/data"

# A copy in which the package is whole: in the repository kernels/ stands beside it.
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cp -r tensorcore kernels benchmarks tests examples ./*.toml ./*.md "$work" || exit 2
ln -s ../kernels "$work/tensorcore/kernels"
cd "$work"
export PYTHONPATH="$work${PYTHONPATH:+:$PYTHONPATH}" PYTHONDONTWRITEBYTECODE=1
export TENSORCORE_DEVICE=gpu TENSORCORE_REQUIRE_GPU=1
export TENSORCORE_CACHE_DIR="${TENSORCORE_CACHE_DIR:-$work/cache}"
"$python" -c "import tensorcore.kernels" || { echo "run_gpu.sh: $python cannot import tensorcore" >&2; exit 2; }

status=0
# step NAME SECONDS COMMAND...: what it says goes to FOLDER/gpu-NAME.log too.
step() {
    local name="$1" limit="$2"
    shift 2
    printf '\n=== %s (%s s)\n' "$name" "$SECONDS"
    timeout --kill-after=5 "$limit" "$@" 2>&1 | tee "$out/gpu-$name.log"
    code="${PIPESTATUS[0]}"
    [ "$code" -eq 0 ] && return
    echo "=== $name ended with status $code"
    status=1
}

measure() {
    step compare 465 "$python" benchmarks/compare.py --device gpu --rounds 5 --seconds 440 --out "$out" \
        --torch "$python" --jax "$python" ${chosen[@]+"${chosen[@]}"}
    [ "$code" -eq 2 ] && status=2
}

checks() {
    local sanitizer pytest=("$python" -m pytest -q -p no:cacheprovider -W "default::DeprecationWarning")
    local several=()
    "$python" -c "import xdist" 2> /dev/null && several=(-n 8)
    step doctor 40 "$python" -m tensorcore doctor
    step tests 260 "${pytest[@]}" ${several[@]+"${several[@]}"} -k gpu --ignore tests/test_compile_gate.py tests
    sanitizer="$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer 2> /dev/null | head -1)"
    if [ -z "$sanitizer" ]; then
        echo "=== compute-sanitizer is not on this machine: not run"
        return
    fi
    # Without the pool each array has an allocation of its own, whose ends the tool knows.
    export TENSORCORE_TEST_POOL=0
    for tool in memcheck racecheck; do
        step "$tool" 265 "$sanitizer" --tool "$tool" --target-processes all --report-api-errors no --error-exitcode 9 \
            "${pytest[@]}" tests/test_kernels_cuda.py > "$work/$tool" &
    done
    wait
    tail -n 12 "$out/gpu-memcheck.log" "$out/gpu-racecheck.log"
    clean memcheck "ERROR SUMMARY:"
    clean racecheck "RACECHECK SUMMARY:"
}

# clean TOOL WORDS: whether every process that the tool has watched ended with these words and 0, and no test failed.
clean() {
    local log="$out/gpu-$1.log"
    if grep -q "$2 0 " "$log" && ! grep -q "$2 [1-9]" "$log" && grep -Eq "[0-9]+ passed" "$log" && ! grep -Eq "[0-9]+ failed" "$log"; then
        echo "=== $1: clean"
    else
        echo "=== $1: not clean, see $log"
        status=1
    fi
}

"$part"
printf '\n=== done (%s s), status %s\n' "$SECONDS" "$status"
exit "$status"
