"""The widgets in a kernel: they construct, display and sync, under the newest ipywidgets and under Colab's.

Runs under pytest, and as a script in an environment like Colab's: `python tests/colab/test_widgets_colab.py`.
"""

import contextlib
import time

from jupyter_client.manager import start_new_kernel

VIEW = "application/vnd.jupyter.widget-view+json"
SECONDS = 180
SHOW = """
from IPython.display import display
from stnlib import widgets
widget = widgets.{name}()
display(widget)
"""
COLAB = """
import sys, types
output = types.ModuleType("google.colab.output")
output.enable_custom_widget_manager = lambda: None
output._widgets = types.SimpleNamespace(_installed_url="https://example.org/manager.js")
sys.modules["google.colab"] = types.ModuleType("google.colab")
sys.modules["google.colab.output"] = output
"""


@contextlib.contextmanager
def kernel():
    """A client of a fresh kernel."""
    manager, client = start_new_kernel(startup_timeout=SECONDS)
    try:
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(client, code):
    """Execute code; the messages that the kernel published for it."""
    request, messages = client.execute(code), []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        message = client.get_iopub_msg(timeout=SECONDS)
        if message["parent_header"].get("msg_id") != request:
            continue
        assert message["msg_type"] != "error", "\n".join(message["content"]["traceback"])
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return messages
        messages.append(message)
    raise TimeoutError(code)


def content(messages, kind):
    return [message["content"] for message in messages if message["msg_type"] == kind]


def printed(client, expression):
    return "".join(part["text"] for part in content(run(client, f"print({expression})"), "stream")).strip()


def opened(messages, trait):
    """The id and the first state of the widget that has a trait."""
    states = [(comm["comm_id"], comm["data"]["state"]) for comm in content(messages, "comm_open")]
    return next((comm, state) for comm, state in states if trait in state)


def send(client, comm, state):
    """Update a widget's state as its view would."""
    data = {"method": "update", "state": state, "buffer_paths": []}
    client.shell_channel.send(client.session.msg("comm_msg", {"comm_id": comm, "data": data}))


def test_every_widget_constructs_and_displays():
    with kernel() as client:
        for name in printed(client, "*__import__('stnlib.widgets').widgets.__all__").split():
            messages = run(client, SHOW.format(name=name))
            comm, state = opened(messages, "_esm")
            assert "export default { render };" in state["_esm"]
            assert ".stn-widget" in state["_css"]
            (shown,) = content(messages, "display_data")
            assert shown["data"][VIEW]["model_id"] == comm


def test_theta_goes_both_ways():
    with kernel() as client:
        comm, state = opened(run(client, SHOW.format(name="AffineExplorer")), "theta")
        assert state["theta"] == [[1, 0, 0], [0, 1, 0]]
        run(client, "seen = []\nwidget.observe(lambda change: seen.append(change['new']), 'theta')")
        send(client, comm, {"theta": [[0.5, 0, 0.25], [0, 0.5, 0]]})
        assert printed(client, "widget.theta, len(seen)") == "[[0.5, 0.0, 0.25], [0.0, 0.5, 0.0]] 1"
        updates = content(run(client, "widget.theta = [0, -1, 0, 1, 0, 0]"), "comm_msg")
        assert [update["data"]["state"] for update in updates] == [{"theta": [[0, -1, 0], [1, 0, 0]]}]


def test_an_image_and_a_drawing_cross():
    with kernel() as client:
        comm, _ = opened(run(client, SHOW.format(name="AffineExplorer")), "theta")
        updates = content(run(client, "import numpy as np\nwidget.image = np.eye(2)"), "comm_msg")
        states = [update["data"]["state"] for update in updates]
        sent = next(state["image"] for state in states if "image" in state)
        assert {"picture": "own"} in states
        assert sent["shape"] == [2, 2, 1]
        send(client, comm, {"drawing": sent})
        assert printed(client, "widget.drawing[..., 0].tolist()") == "[[255, 0], [0, 255]]"


def test_the_networks_come_when_the_page_wants_them():
    with kernel() as client:
        comm, state = opened(run(client, SHOW.format(name="DigitReader")), "wanted")
        assert state["networks"][:2] == ["FCN", "CNN"] and state["wanted"] is False
        send(client, comm, {"wanted": True})
        assert printed(client, "list(widget.networks)") == str(state["networks"])
        assert printed(client, "all('weights' in each for each in widget.networks.values())") == "True"


def test_colab_gets_its_widget_manager_and_no_page_form():
    with kernel() as client:
        run(client, COLAB)
        (shown,) = content(run(client, SHOW.format(name="AffineExplorer")), "display_data")
        assert VIEW in shown["data"]
        assert "text/html" not in shown["data"]


if __name__ == "__main__":
    for name, check in list(globals().items()):
        if name.startswith("test_"):
            check()
            print(f"  {name.removeprefix('test_').replace('_', ' ')}")
