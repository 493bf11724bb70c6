"""TrainingReplay: a training that was recorded in Keras, to scrub through."""

import base64
import functools
import json
from pathlib import Path

import numpy as np
import traitlets

from stnlib import _checks
from stnlib.widgets.core import images, still, traits
from stnlib.widgets.core.host import Instrument

SHOWN, CLASSES = 6, 10


@functools.cache
def recorded():
    """The recording that the library brings: see `record`.

    >>> recorded()["moments"][0]["step"], len(recorded()["labels"])
    (0, 6)
    """
    return json.loads(Path(__file__).with_name("recording.json").read_text("utf-8"))


def recording(snapshots, show=None):
    """The data of a `stnlib.training.Snapshots` for the page: six images, the mean of each class, curves; 8-bit pixels.

    :Shapes: square grey images `(N, S, S, 1)` with labels 0 to 9, theta `(N, 6)`; `show` has six indices (None: the
        first images of six classes).
    :Errors: ValueError for other images, labels or theta, for snapshots before training, and for another `show`.
    """
    if not getattr(snapshots, "moments", None):
        _checks.fail("snapshots", f"{type(snapshots).__name__} without moments", "Snapshots of a training that was run")
    inputs, labels = snapshots.images, snapshots.labels
    _square(inputs, "images")
    if set(labels.tolist()) != set(range(CLASSES)):
        _checks.fail("labels", f"the classes {sorted(set(labels.tolist()))}", "each of 0 to 9")
    if show is None:
        show = [int(np.flatnonzero(labels == label)[0]) for label in (2, 3, 4, 5, 7, 9)]
    show = _indices(show, len(labels))
    return {
        "inputs": _packed(inputs[show]),
        "labels": labels[show].tolist(),
        "meanInputs": _packed(_means(inputs, labels)),
        "count": len(labels),
        "moments": [_moment(moment, labels, show) for moment in snapshots.moments],
    }


def _indices(show, count):
    expected = f"{SHOWN} indices of images, below {count}"
    found = traits.array("show", show, [(SHOWN,)], expected)
    if (found % 1).any() or found.min() < -count or found.max() >= count:
        _checks.fail("show", repr(show), expected)
    return found.astype(int).tolist()


def _moment(moment, labels, show):
    outputs, theta, logits = moment["outputs"], moment["theta"], moment["logits"].astype("float64")
    _square(outputs, "outputs")
    if theta.shape[1:] != (6,):
        _checks.fail("theta", f"shape {theta.shape}", "(N, 6), of an affine transformer")
    likely = logits - np.log(np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
    loss = logits.max(axis=1) - likely[np.arange(len(labels)), labels]
    predictions = logits.argmax(axis=1)
    return {
        "step": int(moment["step"]),
        "accuracy": round(float((predictions == labels).mean()), 4),
        "loss": round(float(loss.mean()), 4),
        "thetas": theta[show].astype("float64").round(4).tolist(),
        "predictions": predictions[show].tolist(),
        "seen": _packed(outputs[show]),
        "meanOutputs": _packed(_means(outputs, labels)),
    }


def _square(batch, argument):
    if batch.ndim != 4 or batch.shape[1] != batch.shape[2] or batch.shape[3] != 1:
        _checks.fail(argument, f"shape {batch.shape}", "(N, S, S, 1): square and grey")


def _means(batch, labels):
    return np.array([batch[labels == label].mean(axis=0) for label in range(CLASSES)])


def _packed(batch):
    return base64.b64encode(np.round(np.clip(batch, 0, 1) * 255).astype("uint8").tobytes()).decode()


class TrainingReplay(Instrument):
    """A recorded training: six images with their grids, class means, theta, loss and accuracy, step by step.

    :param snapshots: a `stnlib.training.Snapshots` after training, for square grey images in [0, 1] with labels 0 to 9
        and an affine transformer; None: a recording of the article's STN + FCN on UCI digits.
    :param show: indices of the six images.
    :param position: index of the recorded step; syncs both ways.
    :Errors: ValueError names the argument, the expected value and the given one.

    >>> TrainingReplay(position=2).position
    2
    """

    folder = "training_replay"
    recording = traitlets.Dict(read_only=True).tag(sync=True)
    position = traits.Checked(traits.integer("position"), default_value=0)

    def __init__(self, snapshots=None, show=None, position=0, **options):
        """See the class."""
        super().__init__(**options)
        if snapshots is None and show is not None:
            _checks.fail("show", "no snapshots", "snapshots beside it, whose images it chooses")
        self.set_trait("recording", recorded() if snapshots is None else recording(snapshots, show))
        self.position = position

    def state(self):
        """The state without the library's recording: pages of the book have it in a file."""
        found = super().state()
        return {name: found[name] for name in found if name != "recording" or found[name] != recorded()}

    @classmethod
    def page_files(cls):
        """The library's recording."""
        return {"training_recording": recorded()}

    def whole_state(self):
        """The state with the recording in it, 136 kB more."""
        return self.state() | {"recording": self.recording}

    @traitlets.validate("position")
    def _check_position(self, proposal):
        last = len(self.recording["moments"]) - 1
        if proposal["value"] > last:
            _checks.fail("position", str(proposal["value"]), f"0 to {last}")
        return proposal["value"]

    def fallback(self):
        """The picture and the sentence for a page without JavaScript."""
        moment = self.recording["moments"][-1]
        pixels = np.frombuffer(base64.b64decode(self.recording["inputs"]), "uint8").reshape(SHOWN, -1)[0]
        edge = int(len(pixels) ** 0.5)
        a, b, tx, c, d, ty = moment["thetas"][0]
        corners = [(a * x + b * y + tx, c * x + d * y + ty) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        image = images.pixels(pixels.reshape(edge, edge))
        return still.still(image, "A distorted digit, and on it the trained window", corners), (
            f"After {moment['step']:,} steps the transformer reads the digit inside the orange window. With JavaScript "
            "you can go through the training here, moment by moment."
        )
