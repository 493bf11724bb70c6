"""Settings for every test: embedded digits, no window, quiet TensorFlow, one backend at a time."""

import os

import hypothesis
import pytest

# Scripts that need another environment; no tests.
collect_ignore_glob = ["tests/fixtures/*"]

os.environ.setdefault("STNLIB_DATASET", "uci")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("JAX_ENABLE_X64", "1")

# A first call compiles, and machines are busy: how long an example takes says nothing.
hypothesis.settings.register_profile("stnlib", deadline=None)
hypothesis.settings.load_profile("stnlib")


def pytest_collection_modifyitems(items):
    if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
        return
    skip = pytest.mark.skip(reason="needs the TensorFlow backend")
    for item in items:
        if "tensorflow" in item.keywords:
            item.add_marker(skip)
