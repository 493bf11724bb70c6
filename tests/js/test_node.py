"""The pure modules under Node's own test runner: each *.test.mjs below this folder."""

import subprocess
from pathlib import Path

import node
import pytest

FOLDER = Path(__file__).parent


@pytest.mark.repository
@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.test.mjs")), ids=lambda path: path.stem)
def test_in_node(path):
    done = subprocess.run([node.path(), "--test", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
