#!/usr/bin/env bash
# Run the unit tests on JAX and on PyTorch; what needs TensorFlow, or only concerns this
# repository's files, is left out.
set -euo pipefail
cd "$(dirname "$0")/.."
for backend in jax torch; do
    echo "KERAS_BACKEND=$backend"
    KERAS_BACKEND=$backend STNLIB_DATASET=uci .venv-backends/bin/python -m pytest \
        -m "not repository and not tensorflow" --ignore tests/site --ignore tests/js tests
done
