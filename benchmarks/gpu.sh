#!/bin/sh
# Everything that only a machine with an NVIDIA GPU can tell, in one go. Results are JSON files with the machine's
# record. Exit code: 0 all passed, 1 something failed, 2 there is no GPU, 64 wrong arguments.
set -u

usage() {
    cat <<'TEXT'
usage: benchmarks/gpu.sh [--out FOLDER] [--seconds N]

  --out FOLDER   where the results go; benchmarks/results if left out
  --seconds N    how long each figure is measured; 3 if left out

Builds TensorRT's plans, compares every GPU engine's answers with ONNX Runtime's, measures engines, CUDA graphs and
the crop kernel, plays a recorded call with and without it, and runs it under NVIDIA's memory checker. What is not
installed is named and left out.
Set PYTHON to the interpreter that stream-guard is installed in; .venv/bin/python if left out.
TEXT
}

wrong() {
    echo "gpu.sh: $1" >&2
    usage >&2
    exit 64
}

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
out="$root/benchmarks/results"
seconds=3
while [ $# -gt 0 ]; do
    case "$1" in
        --help | -h) usage; exit 0 ;;
        --out) [ $# -gt 1 ] || wrong "--out wants a folder"; out=$2; shift 2 ;;
        --seconds)
            [ $# -gt 1 ] || wrong "--seconds wants a number"
            case "$2" in '' | *[!0-9]*) wrong "--seconds wants a whole number, not $2" ;; esac
            seconds=$2; shift 2 ;;
        *) wrong "there is no option $1" ;;
    esac
done

python=${PYTHON:-$root/.venv/bin/python}
case "$out" in /*) ;; *) out=$(pwd)/$out ;; esac
cd "$root" || exit 1
if ! "$python" -c 'import engines.cuda.driver' 2>/dev/null; then
    echo "gpu.sh: stream-guard is not installed in $python: run 'make setup-test', or set PYTHON" >&2
    exit 1
fi
if ! "$python" -c 'import sys; from engines.cuda.driver import visible_gpus; sys.exit(visible_gpus() < 1)'; then
    echo "gpu.sh: there is no NVIDIA GPU here, or no driver for it: nothing was measured" >&2
    exit 2
fi
mkdir -p "$out" || exit 1

failed=0
step() {
    title=$1
    shift
    printf '\n== %s\n' "$title"
    "$@"
    code=$?
    [ "$code" -eq 0 ] || [ "$code" -eq 2 ] || { echo "gpu.sh: failed: $title" >&2; failed=1; }
}

stream_guard() { "$python" -m stream_guard "$@"; }

if "$python" -c 'import sys; from engines.tensorrt import TensorRTEngine as E; p = E.probe(); print(p.reason); sys.exit(not p.available)'; then
    step "TensorRT's plans, float32" stream_guard engines build --precision fp32
    step "TensorRT's plans, float16" stream_guard engines build --precision fp16
else
    printf '\nnot measured: TensorRT, for the reason above\n'
fi
step "Parity with ONNX Runtime; CUDA graphs against plain launches" \
    "$python" -m benchmarks.gpu.engines --seconds "$seconds" --json "$out/gpu-engines.json"
step "Engines, precisions, batch sizes" \
    stream_guard bench engines --seconds "$seconds" --json "$out/gpu-speed.json"
step "The crop kernel: against the CPU, and one pass against three" \
    "$python" -m benchmarks.gpu.kernel --seconds "$seconds" --json "$out/gpu-kernel.json"
step "A recorded call: faces cut on the GPU, and on the CPU" \
    "$python" -m benchmarks.gpu.live --json "$out/gpu-live.json"
if command -v compute-sanitizer >/dev/null 2>&1; then
    for tool in memcheck initcheck racecheck; do
        step "The crop kernel under compute-sanitizer $tool" \
            compute-sanitizer --tool "$tool" --error-exitcode 9 "$python" -m benchmarks.gpu.kernel --check
    done
else
    printf '\nnot checked: compute-sanitizer is not installed; it comes with the CUDA toolkit\n'
fi
printf '\nresults: %s\n' "$out"
exit "$failed"
