"""The widgets' Python side: traits, checks, the page form, the packer."""

import io
import json
import re
import sys
import types

import ipywidgets
import matplotlib.image
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stnlib import datasets, sampling, training, widgets
from stnlib.widgets import (
    AffineExplorer,
    DigitReader,
    PoolingProbe,
    PoseGradient,
    SamplerMicroscope,
    SplineExplorer,
    TrainingReplay,
    TrainLab,
)
from stnlib.widgets.core import images, pack, traits
from stnlib.widgets.core.host import Instrument
from stnlib.widgets.reader import networks
from tests.js import make_fixtures

pytestmark = pytest.mark.repository
WIDGETS = [getattr(widgets, name) for name in widgets.__all__]
MIME = "application/vnd.jupyter.widget-view+json"
TURN = [[0.0, -1.0, 0.25], [1.0, 0.0, -0.5]]


# ---- traits


def test_the_page_offers_nothing_that_the_library_lacks():
    assert set(traits.MODES) <= set(sampling.MODES) and set(traits.PADDINGS) <= set(sampling.PADDINGS)


def test_theta_starts_as_the_identity():
    assert AffineExplorer().theta == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("given", [TURN, np.array(TURN), np.array(TURN).ravel(), np.array(TURN, "float32")[None]])
def test_theta_accepts_any_form_of_six_numbers(given):
    explorer = AffineExplorer()
    explorer.theta = given
    assert explorer.theta == TURN
    assert AffineExplorer(theta=given).theta == TURN


@pytest.mark.parametrize("bad", [[1, 2, 3], np.eye(3), "turn", None, [[1, 0, np.nan], [0, 1, 0]], [[1, 0], [0, 1, 0]]])
def test_bad_theta_names_the_argument(bad):
    explorer = AffineExplorer()
    with pytest.raises(ValueError, match=r"^theta: expected .*got"):
        explorer.theta = bad
    assert explorer.theta == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    ("widget", "trait", "bad"),
    [
        (AffineExplorer, "mode", "linear"),
        (AffineExplorer, "padding_mode", "reflect"),
        (AffineExplorer, "picture", "digit 1"),
        (AffineExplorer, "output_size", (0, 4)),
        (AffineExplorer, "output_size", (4.5, 4)),
        (AffineExplorer, "output_size", 28),
        (SamplerMicroscope, "mode", "cubic"),
        (SamplerMicroscope, "padding_mode", "reflect"),
        (SamplerMicroscope, "aim", "blue"),
        (SamplerMicroscope, "point", (1, 2, 3)),
        (SamplerMicroscope, "point", (1, float("inf"))),
        (SamplerMicroscope, "patch", np.zeros((1, 6))),
        (SamplerMicroscope, "patch", np.zeros((4, 4, 3))),
        (SplineExplorer, "theta", np.zeros(8)),
        (SplineExplorer, "theta", 31 * [0] + [np.nan]),
        (SplineExplorer, "picture", "drawing"),
        (PoolingProbe, "shift", (0.25, 0)),
        (PoolingProbe, "shift", (9, 0)),
        (PoolingProbe, "edge", "diagonal"),
        (PoolingProbe, "pool", 3),
        (PoolingProbe, "image", np.zeros((28, 28, 3))),
        (PoolingProbe, "image", np.zeros((4, 4))),
        (PoseGradient, "picture", "digit 1"),
        (PoseGradient, "rotation", 61),
        (PoseGradient, "pose", [0, 0]),
        (PoseGradient, "pose", [np.nan, 0, 0]),
        (DigitReader, "image", np.zeros((27, 28))),
        (DigitReader, "angle", 181),
        (DigitReader, "angle", "left"),
        (DigitReader, "size", 0),
        (DigitReader, "shift", (0, 15)),
        (DigitReader, "networks", {}),
        (DigitReader, "networks", {"mine": {}}),
        (DigitReader, "networks", "STN"),
        (DigitReader, "networks", []),
        (DigitReader, "networks", ["FCN", "STN"]),
        (DigitReader, "networks", ["FCN", "FCN"]),
        (DigitReader, "view", "nonsense"),
        (DigitReader, "view", "FCN"),
        (TrainLab, "seed", -1),
        (TrainLab, "seed", 1.5),
        (TrainLab, "growing", "yes"),
        (TrainLab, "digits", {}),
        (TrainingReplay, "position", -1),
        (TrainingReplay, "position", 99),
    ],
)
def test_bad_values_raise_and_change_nothing(widget, trait, bad):
    made = widget()
    before = made.state()
    with pytest.raises(ValueError, match="expected"):
        setattr(made, trait, bad)
    with pytest.raises(ValueError, match="expected"):
        widget(**{trait: bad})
    assert made.state() == before


def own_traits(widget):
    """The names of a widget's traits that users and the page set."""
    shared = Instrument.class_trait_names()
    return [name for name, trait in widget.class_traits().items() if name not in shared and not trait.read_only]


JUNK = [
    object(),
    np.nan,
    [np.nan] * 3,
    np.full(5, np.nan),
    [[1], [1, 2]],
    [["mode"]],
    [np.full(2, np.nan)] * 2,
    10**400,
    b"mode",
]


@pytest.mark.parametrize(("widget", "trait"), [(widget, trait) for widget in WIDGETS for trait in own_traits(widget)])
def test_every_trait_refuses_junk_on_one_line_that_names_it(widget, trait):
    made = widget()
    before = made.state()
    for junk in JUNK:
        with pytest.raises(ValueError, match=rf"^{trait}: expected .+, got .+$"):
            setattr(made, trait, junk)
        with pytest.raises(ValueError, match=rf"^{trait}: expected .+, got .+$"):
            widget(**{trait: junk})
    assert made.state() == before


@pytest.mark.parametrize("widget", WIDGETS)
def test_every_trait_takes_its_own_value_as_the_page_sends_it(widget):
    made = widget()
    sent = json.loads(json.dumps(made.state()))
    kept = {name: getattr(made, name) for name in own_traits(widget)}
    made.set_state({name: value for name, value in sent.items() if name in kept})
    assert {name: getattr(made, name) for name in kept} == kept


@pytest.mark.parametrize(
    ("widget", "sent"),
    [
        (PoseGradient, {"pose": [1, 0, -0.5], "rotation": 12}),
        (TrainLab, {"seed": 4_294_967_295, "playing": True, "growing": True}),
        (TrainingReplay, {"position": 3}),
        (AffineExplorer, {"more": True, "align_corners": True, "output_size": [14, 14], "name": "a 2"}),
        (DigitReader, {"angle": 12, "view": "STN+CNN", "relieved": True, "wanted": True}),
    ],
)
def test_whole_numbers_and_flags_of_the_page_arrive(widget, sent):
    made = widget()
    made.set_state(sent)
    assert {name: getattr(made, name) for name in sent} == sent


def test_the_network_that_is_shown_may_be_ones_own():
    own = networks.packaged()["STN+FCN"]
    assert DigitReader(networks={"mine": own}, view="mine").view == "mine"
    assert DigitReader(networks=["FCN", "CNN"]).view == DigitReader().view
    with pytest.raises(ValueError, match=r"^view: expected one of 'mine', got 'STN\+CNN'"):
        DigitReader(networks={"mine": own}, view="STN+CNN")


@pytest.mark.parametrize("widget", WIDGETS)
def test_an_unknown_argument_is_refused_and_the_known_ones_are_listed(widget):
    with pytest.raises(ValueError, match=r"^foo: expected .+, got .+$") as caught:
        widget(foo=3)
    assert all(re.search(rf"\b{name}\b", str(caught.value)) for name in own_traits(widget))
    assert "_esm" not in str(caught.value) and "layout" not in str(caught.value)


def test_what_jupyter_passes_is_no_unknown_argument():
    made = TrainingReplay(layout={"width": "50%"}, tooltip="a replay", model_id="3f")
    assert (made.layout.width, made.tooltip, made.model_id) == ("50%", "a replay", "3f")


@pytest.mark.parametrize("trait", ["recording", "origin"])
def test_what_a_widget_works_out_itself_is_no_argument(trait):
    widget = TrainingReplay if trait == "recording" else SamplerMicroscope
    with pytest.raises(ValueError, match=f"^{trait}: expected"):
        widget(**{trait: {}})


def test_theta_can_be_observed_and_linked():
    one, two, seen = AffineExplorer(), AffineExplorer(), []
    one.observe(lambda change: seen.append(change["new"]), "theta")
    ipywidgets.link((one, "theta"), (two, "theta"))
    two.theta = TURN
    assert one.theta == TURN
    assert seen == [TURN]


def test_what_the_page_sends_arrives():
    explorer = AffineExplorer()
    explorer.set_state({"theta": [[2, 0, 0], [0, 2, 0]], "drawing": images.encode(images.pixels([[0, 255]]))})
    assert explorer.theta == [[2, 0, 0], [0, 2, 0]]
    assert explorer.drawing.tolist() == [[[0], [255]]]


@pytest.mark.parametrize("chosen", [None, ["FCN", "CNN"]])
def test_networks_are_sent_when_they_are_wanted(chosen):
    reader, names = DigitReader(networks=chosen), chosen or list(networks.packaged())
    assert reader.networks == names == reader.state()["networks"]
    reader.set_state({"wanted": True})
    assert reader.networks == {name: networks.packaged()[name] for name in names}
    assert DigitReader(networks=chosen).whole_state()["networks"] == reader.networks


def test_without_javascript_the_chosen_networks_are_named():
    shown = DigitReader(networks=["FCN", "CNN"])
    assert "FCN and CNN predict" in shown.fallback()[1]
    assert "STN" not in shown.template().partition("stn-pose")[0]


@pytest.mark.parametrize(
    ("widget", "angle", "way"),
    [(DigitReader, "angle", "counter-clockwise"), (PoseGradient, "rotation", "clockwise")],
)
def test_an_angle_says_which_way_it_goes(widget, angle, way):
    said = re.search(rf":param {angle}: (.*)", widget.__doc__)[1]
    assert re.search(rf"positive is {way}\b", said)


# ---- images

SHAPES = st.one_of(
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=9),
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from((1, 3))),
)


@given(st.sampled_from(("uint8", "float16", "float32", "float64", "int64", "bool")), SHAPES, st.randoms())
def test_any_image_array_crosses_in_eight_bits(dtype, shape, random):
    top = 256 if dtype in ("uint8", "int64") else 2
    image = np.random.default_rng(random.getrandbits(32)).integers(0, top, shape).astype(dtype)
    explorer = AffineExplorer(image=image)
    state = json.loads(json.dumps(explorer.state()))
    scale = 255 if dtype in ("uint8", "int64") else 1
    back = images.decode(state["image"]).reshape(shape) / 255
    np.testing.assert_allclose(back, image.astype("float64") / scale, atol=1e-6)
    assert explorer.picture == "own"


def test_a_large_image_costs_the_page_little_and_says_what_it_was():
    image = np.random.default_rng(0).random((512, 300, 3))
    explorer = AffineExplorer(image)
    sent = explorer.state()["image"]
    assert len(json.dumps(sent)) < 0.3e6 and len(explorer.to_page()) < 0.5e6
    assert sent["shape"] == [256, 150, 3] and sent["size"] == [512, 300]
    means = image.reshape(256, 2, 150, 2, 3).mean((1, 3))
    np.testing.assert_allclose(images.decode(sent) / 255, means, atol=1.5 / 255)
    assert explorer.image.shape == (512, 300, 3)


@pytest.mark.parametrize("widget", [AffineExplorer, PoolingProbe])
def test_a_picture_asked_for_by_name_is_shown_in_place_of_the_own(widget):
    image = np.eye(9)
    shown = widget(image, picture="digit 3")
    assert shown.picture == "digit 3" and shown.image is not None
    assert shown.fallback() == widget(picture="digit 3").fallback() != widget(image).fallback()
    shown.image = image.T[::-1]
    assert shown.picture == "own"


def test_a_choice_is_stored_as_it_is_listed():
    assert type(PoolingProbe(pool=2.0).pool) is int


def test_floats_beyond_0_and_1_are_kept_and_shown_in_their_own_range():
    image = np.array([[-1.0, 0.0], [1.0, 3.0]])
    stored = AffineExplorer(image=image).image
    assert stored[..., 0].tolist() == image.tolist()
    sent = images.encode(stored)
    assert images.decode(sent).ravel().tolist() == [0, 64, 128, 255] and sent["range"] == [-1, 3]


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros(5),
        np.zeros((2, 2, 2)),
        np.zeros((2, 2, 4)),
        np.zeros((1, 28, 28, 1)),
        np.zeros((0, 3)),
        np.zeros((2000, 2)),
        np.array([[1, 300]]),
        np.array([[-1, 0]]),
        np.array([[np.nan]]),
        np.array([[np.inf]]),
        np.array([[1e300]]),
        np.array([["a"]]),
        np.array([[1j]]),
        [[1, 2], [3]],
        "digit.png",
        {"image": 1},
        pytest.param(object(), id="object"),
        3.0,
    ],
    ids=repr,
)
def test_anything_else_is_a_value_error(bad):
    with pytest.raises(ValueError, match=r"^image: expected .*got"):
        AffineExplorer(image=bad)


def test_keras_tensors_are_images_too():
    from keras import ops

    assert AffineExplorer(image=ops.ones((4, 5, 1))).image.shape == (4, 5, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_is_read_back_by_another_reader(channels):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype="uint8")
    back = np.round(matplotlib.image.imread(io.BytesIO(images.png(image))) * 255)
    np.testing.assert_array_equal(back.reshape(image.shape), image)


def test_the_embedded_digits_are_those_of_the_data_set():
    stored = json.loads((pack.FOLDER / "shared" / "digits.json").read_text("utf-8"))
    assert stored == make_fixtures.chosen_digits()


def test_the_reader_offers_mnist_s_digits():
    stored = json.loads((pack.FOLDER / "reader" / "digits.json").read_text("utf-8"))
    assert list(stored) == [f"digit {label}" for label in make_fixtures.MNIST_PLACES]
    try:
        mnist = datasets.load("mnist")
    except (OSError, ValueError):
        pytest.skip("MNIST is not at hand: set STNLIB_DATA_DIR")
    assert stored == make_fixtures.reader_digits(mnist)


# ---- the page form


@pytest.mark.parametrize("widget", WIDGETS)
def test_a_cell_yields_the_page_form_and_the_kernel_form(widget):
    data, _ = widget()._repr_mimebundle_()
    assert {MIME, "text/html"} <= set(data)
    assert data["text/html"].startswith('<div class="stn-widget"')


def test_in_colab_there_is_no_page_form(monkeypatch):
    output = types.ModuleType("google.colab.output")
    output.enable_custom_widget_manager = lambda: None
    output._widgets = types.SimpleNamespace(_installed_url="https://example.org/manager.js")
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setitem(sys.modules, "google.colab.output", output)
    data, _ = AffineExplorer()._repr_mimebundle_()
    assert MIME in data
    assert "text/html" not in data


@pytest.mark.parametrize("widget", WIDGETS)
def test_the_page_form_is_the_same_every_time_and_asks_for_nothing(widget):
    text = widget().to_page()
    assert text == widget().to_page()
    assert not re.findall(r"""(?:src|href)=["'](?!data:)|url\(|https?://(?!www\.w3\.org)""", text)
    assert len(text) < 120_000


@pytest.mark.parametrize("widget", WIDGETS)
def test_the_page_form_carries_state_module_picture_and_sentence(widget):
    made = widget()
    text = made.to_page()
    payload = json.loads(re.search(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)[1])
    assert payload["state"] == json.loads(json.dumps(made.state()))
    assert payload["module"] == made._esm
    assert "export default { render };" in payload["module"]
    fallback = text[text.index('<figure class="stn-fallback">') :]
    assert re.search(r"<svg.*aria-label=.*</svg>\s*<figcaption>[A-Z][^<]+\.</figcaption>", fallback, re.DOTALL)


def test_the_still_picture_shows_the_image_and_the_window_of_theta():
    picture, _ = AffineExplorer(theta=[[0.5, 0, 0.25], [0, 0.5, 0]]).fallback()
    assert 'points="-0.250,-0.500 0.750,-0.500 0.750,0.500 -0.250,0.500"' in picture
    assert "data:image/png;base64," in picture


def test_the_still_picture_shows_where_each_control_point_reads():
    picture, _ = SplineExplorer(theta=[0.25, 0.5, *30 * [0]]).fallback()
    cells = re.findall('points="(.*?)"', picture)
    assert len(cells) == 9 and len({point for cell in cells for point in cell.split()}) == 16
    assert cells[0] == "-0.750,-0.500 -0.333,-1.000 -0.333,-0.333 -1.000,-0.333"


def test_every_folder_with_a_widget_is_public():
    folders = {path.parent.name for path in pack.FOLDER.glob("*/*.html")}
    assert folders == {widget.folder for widget in WIDGETS}


# ---- recorded trainings


def snapshots(theta=6, side=28, labels=None):
    images = np.random.default_rng(0).random((20, side, 28, 1), dtype="float32")
    made = training.Snapshots(images, np.arange(20) % 10 if labels is None else labels)
    outputs = {"theta": np.zeros((20, theta)), "outputs": images, "logits": np.eye(20, 10, dtype="float32")}
    made.moments = [{"step": 0} | outputs, {"step": 7} | outputs]
    return made


def test_a_replay_shows_ones_own_training():
    state = TrainingReplay(snapshots(), show=range(6)).state()["recording"]
    assert state["labels"] == [0, 1, 2, 3, 4, 5] and [moment["step"] for moment in state["moments"]] == [0, 7]
    assert state["count"] == 20
    assert state["moments"][0]["accuracy"] == 0.55  # the ten with a one, and the first of the rest
    logits = np.eye(20, 10)
    expected = np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(20), np.arange(20) % 10])
    assert state["moments"][0]["loss"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: TrainingReplay(snapshots(side=20)), "images: expected"),
        (lambda: TrainingReplay(snapshots(theta=8)), "theta: expected"),
        (lambda: TrainingReplay(snapshots(labels=np.zeros(20, int))), "labels: expected"),
        (lambda: TrainingReplay(snapshots(), show=[1, 2]), "show: expected"),
        (lambda: TrainingReplay(snapshots(), show=3), "show: expected"),
        (lambda: TrainingReplay(snapshots(), show=[0, 1, 2, 3, 4, 20]), "show: expected"),
        (lambda: TrainingReplay(snapshots(), show=[0, 1, 2, 3, 4, -21]), "show: expected"),
        (lambda: TrainingReplay(snapshots(), show=[0, 1, 2, 3, 4, 5.5]), "show: expected"),
        (lambda: TrainingReplay(show=range(6)), "show: expected"),
        (lambda: TrainingReplay(3), "snapshots: expected"),
        (lambda: TrainingReplay(training.Snapshots(np.zeros((10, 28, 28, 1)), range(10))), "snapshots: expected"),
        (lambda: TrainingReplay(position=99), "position: expected"),
    ],
)
def test_a_replay_refuses_what_it_cannot_show(given, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        given()
