#!/usr/bin/env bash
# Run the library's unit tests on JAX and on PyTorch. What needs TensorFlow, and what tests this
# repository's files and pages with the book's packages, is left out.
set -euo pipefail
cd "$(dirname "$0")/.."

# JAX takes twice as long as PyTorch: one after the other, each on all processors, with one thread a process.
status=0
for backend in jax torch; do
    echo "KERAS_BACKEND=$backend"
    KERAS_BACKEND=$backend STNLIB_DATASET=uci OMP_NUM_THREADS=1 .venv-backends/bin/python -m pytest \
        -p no:cacheprovider --numprocesses auto --maxprocesses 4 --dist worksteal \
        -m "not tensorflow and not repository" --ignore=tests/{site,js,colab,export} \
        --ignore=tests/test_{build,listings,notebooks,setup}.py tests || status=$?
done
exit "$status"
