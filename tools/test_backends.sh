#!/usr/bin/env bash
# Run the library's unit tests on JAX and on PyTorch. What needs TensorFlow, and what tests this
# repository's files and pages with the book's packages, is left out; so are the tests that train
# through the command line of the experiments, which take JAX on two cores longer than all the rest.
set -euo pipefail
cd "$(dirname "$0")/.."
for backend in jax torch; do
    echo "KERAS_BACKEND=$backend"
    KERAS_BACKEND=$backend STNLIB_DATASET=uci .venv-backends/bin/python -m pytest \
        -m "not tensorflow" --ignore=tests/{site,js,colab} \
        --ignore=tests/test_{listings,notebooks,setup,experiments}.py tests
done
