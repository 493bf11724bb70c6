"""Run every chapter as Colab would: its versions, its data, no stnlib, each alone in an empty folder.

usage: python tools/colab_check.py [CHAPTER ...]

A fresh environment gets the versions of tests/colab-runtime.txt (those that exist for this Python)
and a stand-in for `google.colab`, and builds the wheel of this repository. In an environment of its own on top of that,
the first cell of each chapter has to install that wheel and must install nothing else; the chapter has to run to its
end, and its claims have to hold, on MNIST where STNLIB_DATA_DIR has it, for that is what Colab downloads. The widgets'
own tests follow. The environment takes 3 GB: once everything has passed it is removed, after a failure it stays.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import notebooks
import run_notebooks
import setup_env
import stages

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


def pip(*arguments: str, python: Path = PYTHON, check: bool = True) -> subprocess.CompletedProcess:
    """Run an environment's own pip."""
    command = [python, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done


def added(folder: Path) -> list[str]:
    """The distributions that an environment got on top of the runtime, which lies elsewhere and stays as it is."""
    (packages,) = folder.glob("lib/python3*/site-packages")
    return sorted(path.name.partition("-")[0] for path in packages.glob("*.dist-info"))


def install_runtime() -> None:
    """Install the runtime's versions, leaving out those that this Python has no build of."""
    lines = RUNTIME.read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    if setup_env.uv(sys.executable, str(PYTHON), *pins):  # in a third of pip's time, if all of them exist
        return
    while True:
        done = pip("install", "--quiet", "--no-compile", *pins, check=False)
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


def build_wheel() -> Path:
    """Build this repository's wheel, as pip does before it installs from a repository."""
    pip("wheel", "--quiet", "--no-deps", f"--wheel-dir={ENVIRONMENT}", str(ROOT))
    (wheel,) = ENVIRONMENT.glob("stnlib-*.whl")
    return wheel


def dataset() -> dict[str, str]:
    """The digits of Colab, MNIST, if they lie where STNLIB_DATA_DIR says; else the embedded ones."""
    folder = Path(os.environ.get("STNLIB_DATA_DIR", ""), "mnist.npz").resolve()
    if not folder.exists():
        return {"STNLIB_DATASET": "uci"}
    return {"STNLIB_DATASET": "mnist", "STNLIB_DATA_DIR": str(folder.parent)}


def kernel_environment(python: Path, wheel: Path) -> dict[str, str]:
    """What a Colab kernel sees: nothing of this repository but what to install."""
    ours = ("PYTHON", "JUPYTER", "VIRTUAL_ENV", "KERAS", "STNLIB", "MPLBACKEND", "TF_CPP")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return (
        environment
        | dataset()
        | {
            "IPYTHONDIR": str(ENVIRONMENT / "ipython"),
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            "STNLIB_SOURCE": str(wheel),
        }
    )


def alone(folder: Path) -> Path:
    """The Python of an environment in a folder, on top of the runtime."""
    venv.create(folder, with_pip=False)
    setup_env.put_on(str(folder), str(ENVIRONMENT))
    return folder / "bin" / "python"


def problems(script: Path, wheel: Path) -> list[str]:
    """What goes wrong when a chapter runs without stnlib, alone in an empty folder."""
    book, begun = run_notebooks.with_claims(script), time.monotonic()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as environment:
        python = alone(Path(environment))
        copy = Path(folder, f"{script.stem}.ipynb")
        nbformat.write(book, copy)
        command = [python, "-c", EXECUTE, copy]
        kernel = kernel_environment(python, wheel)
        done = subprocess.run(command, cwd=folder, env=kernel, capture_output=True, text=True)
        changed, text = added(Path(environment)), copy.read_text(encoding="utf-8")
        book = nbformat.reads(text, as_version=4)
    found = [f"failed:\n{done.stderr[-4000:]}"] if done.returncode else run_notebooks.failed_claims(book)
    if not done.returncode and "stnlib.widgets" in text and "widget-view+json" not in text:
        found.append("shows no widget")
    if changed != ["stnlib"]:
        found.append(f"should install stnlib and nothing else, and installed {changed}")
    print(f"{script.stem} {'failed' if found else 'passed'} in {time.monotonic() - begun:.0f} s", flush=True)
    return [f"{script.stem}: {problem}" for problem in found]


def run_widgets(wheel: Path) -> None:
    """Let every widget show itself and sync."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as environment:
        python = alone(Path(environment))
        pip("install", "--quiet", str(wheel), python=python)
        command = [python, WIDGETS]
        kernel = kernel_environment(python, wheel)
        done = subprocess.run(command, cwd=folder, env=kernel, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"The widgets failed:\n{done.stdout[-1000:]}{done.stderr[-4000:]}")
    print("widgets passed")


def main() -> None:
    """Make the environment, then run the chapters named, or all, and the widgets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="the name of a source, without .py")
    chosen = notebooks.chosen(parser, parser.parse_args().chapters)
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    times = stages.Stages()
    print("Installing the runtime of tests/colab-runtime.txt ...", flush=True)
    with times.stage("runtime installed"):
        venv.create(ENVIRONMENT, with_pip=True)
        install_runtime()
        install_stand_in()
        wheel = build_wheel()
    workers = ThreadPoolExecutor(min(os.cpu_count() or 1, 4))
    with times.stage(f"{len(chosen)} chapters on {dataset()['STNLIB_DATASET']}"), workers:
        ran = workers.map(problems, reversed(chosen), itertools.repeat(wheel))
        found = [problem for of_one in list(ran) for problem in of_one]
    if found:
        sys.exit("\n".join(found))
    with times.stage("widgets"):
        run_widgets(wheel)
    shutil.rmtree(ENVIRONMENT)
    print(f"{times.table()}\n{len(chosen)} passed, 0 failed")


if __name__ == "__main__":
    main()
