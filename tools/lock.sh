#!/usr/bin/env bash
# Resolve pyproject.toml into exact pins for Python 3.11 to 3.13 on every platform.
# usage: tools/lock.sh UV
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$1

resolve() { # output file, extra arguments
    local output=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --upgrade \
        --custom-compile-command "make lock" --output-file "$output" "$@" pyproject.toml
}

resolve requirements.txt --extra test --generate-hashes

# Shared packages get the same versions in all environments.
resolve requirements-export.txt --extra export --constraint requirements.txt --generate-hashes

# PyTorch runs on the CPU here: what its Linux build for NVIDIA cards adds stays out. There are no hashes, for
# people take its build for the CPU from elsewhere, and pip asks for all hashes or for none.
gpu=$(printf -- '--no-emit-package %s ' \
    cuda-bindings cuda-pathfinder cuda-toolkit triton \
    nvidia-{cublas,cuda-cupti,cuda-nvrtc,cuda-runtime,cudnn-cu13,cufft,cufile,curand,cusolver} \
    nvidia-{cusparse,cusparselt-cu13,nccl-cu13,nvjitlink,nvshmem-cu13,nvtx})
# shellcheck disable=SC2086
resolve requirements-backends.txt --extra backends --constraint requirements.txt $gpu
