#!/usr/bin/env bash
# Run the library's unit tests on JAX and on PyTorch. What needs TensorFlow, and what tests this
# repository's files and pages with the book's packages, is left out.
set -euo pipefail
cd "$(dirname "$0")/.."

run() {
    KERAS_BACKEND=$1 STNLIB_DATASET=uci .venv-backends/bin/python -m pytest -p no:cacheprovider \
        -m "not tensorflow and not repository" --ignore=tests/{site,js,colab,export} \
        --ignore=tests/test_{build,listings,notebooks,setup}.py tests
}

# Each backend keeps one processor busy, so the two go side by side; the second one's lines come at the end.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run torch >"$log" 2>&1 &
status=0
echo "KERAS_BACKEND=jax"
run jax || status=$?
wait $! || status=$?
echo "KERAS_BACKEND=torch"
cat "$log"
exit "$status"
