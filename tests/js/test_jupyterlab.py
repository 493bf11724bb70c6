"""The explorer in a real JupyterLab with a real kernel: theta goes both ways."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
import pytest

from tests.js.acts import late_frames, mouse_drag

pytestmark = [pytest.mark.slow, pytest.mark.repository]
TOKEN = "widgets"
CELLS = [
    "from stnlib.widgets import AffineExplorer\nexplorer = AffineExplorer()\nexplorer",
    "print('theta is', explorer.theta)",
    "explorer.theta = [[0.5, 0, 0.25], [0, 0.5, 0]]",
    "from stnlib.widgets import DigitReader\nDigitReader()",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab that serves a folder with one notebook."""
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "widget.ipynb")
    # No port is chosen beforehand, for the server or its kernel: another test could take it meanwhile.
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"]
    command += [f"--notebook-dir={folder}", f"--IdentityProvider.token={TOKEN}", "--KernelManager.transport=ipc"]
    with tempfile.TemporaryDirectory() as runtime, (folder / "lab.log").open("w") as log:
        folders = {f"JUPYTER_{name}_DIR": str(folder / ".jupyter" / name) for name in ("CONFIG", "DATA")}
        folders["JUPYTER_RUNTIME_DIR"] = runtime  # a short path: a socket's may have a hundred characters
        server = subprocess.Popen(command, env=os.environ | folders, stdout=log, stderr=log)
        try:
            yield f"{address(Path(runtime), server)}lab/tree/widget.ipynb?token={TOKEN}"
        finally:
            server.terminate()
            server.wait(30)


def address(runtime, server, seconds=120):
    """Wait until the server answers, and say where."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            url = json.loads(next(runtime.glob("jpserver-*.json")).read_text())["url"]
            urllib.request.urlopen(f"{url}api?token={TOKEN}", timeout=5).close()
            return url
        except (StopIteration, ValueError, OSError):
            time.sleep(0.5)
    raise RuntimeError("JupyterLab did not start")


def run_cell(page, number):
    """Run one cell and wait until the kernel has answered; ask again where JupyterLab was not yet listening."""
    cell = page.locator(".jp-CodeCell").nth(number)
    prompt = cell.locator(".jp-InputPrompt")
    before = prompt.inner_text()
    for _ in range(20):
        cell.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(1500)
        if prompt.inner_text() != before:
            break
    cell.locator(".jp-InputPrompt", has_text=re.compile(r"\[\d+\]")).wait_for(timeout=120_000)


def theta_in_python(page):
    """What the kernel prints as theta."""
    run_cell(page, 1)
    printed = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output", has_text=re.compile(r"\d"))
    printed.wait_for()
    line = printed.inner_text()
    return np.array(re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", line), dtype=float).reshape(2, 3)


def test_theta_goes_from_the_drag_to_python_and_from_python_to_the_picture(browser, lab):
    context = browser.new_context(viewport={"width": 1400, "height": 1600})
    late_frames(context)
    page = context.new_page()
    page.goto(lab)
    page.locator(".jp-CodeCell").first.wait_for(timeout=120_000)
    page.get_by_text("| Idle").first.wait_for(timeout=120_000)
    run_cell(page, 0)
    page.wait_for_function("document.querySelector('.stn-widget')?.instrument", timeout=120_000)
    np.testing.assert_array_equal(theta_in_python(page), [[1, 0, 0], [0, 1, 0]])

    mouse_drag(page, ".stn-centre", 30, -12)
    side = page.evaluate("document.querySelector('.stn-widget').instrument.view.width")
    np.testing.assert_allclose(theta_in_python(page), [[1, 0, 60 / side], [0, 1, -24 / side]], atol=1e-3)

    before = page.evaluate("document.querySelector('[data-ref=outputCanvas]').toDataURL()")
    run_cell(page, 2)
    page.wait_for_function("document.querySelector('[data-theta=\"0\"]').value === '0.50'")
    assert page.evaluate("document.querySelector('[data-ref=outputCanvas]').toDataURL()") != before
    np.testing.assert_array_equal(theta_in_python(page), [[0.5, 0, 0.25], [0, 0.5, 0]])
    run_cell(page, 3)
    reader = page.locator(".stn-widget[data-widget=reader]")
    reader.scroll_into_view_if_needed()
    page.wait_for_function("[...document.querySelectorAll('.stn-widget')].at(-1).instrument?.answers", timeout=120_000)
    assert reader.locator("[data-ref=answers] tr").count() == 4
