"""Run every notebook as Colab would: its versions, no stnlib, each alone in an empty folder.

usage: python tools/colab_check.py [CHAPTER ...]

A fresh environment gets the versions of tests/colab-runtime.txt (those that exist for this Python)
and a stand-in for `google.colab`. Each notebook's first cell then has to install stnlib from this
repository, must change no installed version, and the chapter has to run to its end. The widgets' own tests follow.
The environment takes 3 GB: once everything has passed it is removed, after a failure it stays to be looked into.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = ROOT / "tests" / "colab-runtime.txt"
WIDGETS = ROOT / "tests" / "colab" / "test_widgets_colab.py"
ENVIRONMENT = ROOT / "_build" / "colab"
PYTHON = ENVIRONMENT / "bin" / "python"
SECONDS = 900

STAND_IN = {
    "__init__.py": '"""A stand-in for the package that a Colab kernel imports when it starts."""\n',
    "output.py": """\
class _widgets:
    _installed_url = None


def enable_custom_widget_manager():
    _widgets._installed_url = "https://ssl.gstatic.com/colab/widgets/manager.js"
""",
}

EXECUTE = f"""\
import sys
import nbformat
from nbclient import NotebookClient

book = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(book, timeout={SECONDS}, kernel_name="python3").execute()
nbformat.write(book, sys.argv[1])
"""


def pip(*arguments: str, check: bool = True) -> subprocess.CompletedProcess:
    """Run the environment's own pip."""
    command = [PYTHON, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done


def installed() -> dict[str, str]:
    """Every installed distribution and its version, stnlib aside."""
    lines = pip("list", "--format=freeze").stdout.split()
    return dict(line.split("==") for line in lines if not line.startswith("stnlib=="))


def install_runtime() -> None:
    """Install the runtime's versions, leaving out those that this Python has no build of."""
    lines = RUNTIME.read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    while True:
        done = pip("install", "--quiet", *pins, check=False)
        if done.returncode == 0:
            return
        missing = re.search(r"No matching distribution found for (\S+)", done.stderr)
        if not missing or missing[1] not in pins:
            sys.exit("The runtime could not be installed:\n" + done.stderr)
        print(f"  not for this Python: {missing[1]}")
        pins.remove(missing[1])


def install_stand_in() -> None:
    """Add google.colab, imported by the kernel at start as in Colab."""
    (packages,) = ENVIRONMENT.glob("lib/python3*/site-packages")
    (packages / "google" / "colab").mkdir(parents=True)
    for name, text in STAND_IN.items():
        (packages / "google" / "colab" / name).write_text(text, encoding="utf-8")
    startup = ENVIRONMENT / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-colab.py").write_text("import google.colab.output\n", encoding="utf-8")


def kernel_environment() -> dict[str, str]:
    """What a Colab kernel sees: nothing of this repository but the address to install from."""
    ours = ("PYTHON", "JUPYTER", "VIRTUAL_ENV", "KERAS", "STNLIB", "MPLBACKEND")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return environment | {
        "IPYTHONDIR": str(ENVIRONMENT / "ipython"),
        "PATH": f"{PYTHON.parent}{os.pathsep}{os.environ['PATH']}",
        "STNLIB_SOURCE": str(ROOT),
        "STNLIB_DATASET": "uci",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }


def run(notebook: Path) -> None:
    """Run one notebook without stnlib, alone in an empty folder."""
    pip("uninstall", "--yes", "--quiet", "stnlib")
    before = installed()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / notebook.name
        shutil.copy(notebook, copy)
        shows_widget = "stnlib.widgets" in copy.read_text(encoding="utf-8")
        command = [PYTHON, "-c", EXECUTE, copy]
        done = subprocess.run(command, cwd=folder, env=kernel_environment(), capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{notebook.name} failed:\n{done.stderr[-4000:]}")
        if shows_widget and "widget-view+json" not in copy.read_text():
            sys.exit(f"{notebook.name} shows no widget.")
    if "stnlib" not in pip("list", "--format=freeze").stdout:
        sys.exit(f"{notebook.name} did not install stnlib.")
    if changed := sorted(set(before.items()) ^ set(installed().items())):
        sys.exit(f"{notebook.name} changed the runtime: {changed}")


def run_widgets() -> None:
    """Let every widget show itself and sync, with the stnlib that the last chapter installed."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([PYTHON, WIDGETS], cwd=folder, env=kernel_environment(), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"The widgets failed:\n{done.stdout[-1000:]}{done.stderr[-4000:]}")
    print("widgets passed")


def main() -> None:
    """Make the environment, then run the chapters named, or all, and the widgets."""
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    started = time.monotonic()
    print("Installing the runtime of tests/colab-runtime.txt ...", flush=True)
    venv.create(ENVIRONMENT, with_pip=True)
    install_runtime()
    install_stand_in()
    print(f"  {time.monotonic() - started:.0f} s", flush=True)
    every = sorted((ROOT / "book").glob("[0-9][0-9]_*.ipynb"))
    chosen = [path for path in every if path.stem in sys.argv[1:]] or every
    for notebook in chosen:
        begun = time.monotonic()
        run(notebook)
        print(f"{notebook.name} passed in {time.monotonic() - begun:.0f} s", flush=True)
    run_widgets()
    shutil.rmtree(ENVIRONMENT)
    print(f"{len(chosen)} passed, 0 failed")


if __name__ == "__main__":
    main()
