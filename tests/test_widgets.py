"""The widgets' Python side: traits, checks, the page form, the packer."""

import base64
import io
import json
import re
import sys
import types

import ipywidgets
import matplotlib.image
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stnlib.widgets import (
    AffineExplorer,
    DigitReader,
    PoolingProbe,
    SamplerMicroscope,
    _fallback,
    _images,
    _networks,
    _pack,
    affine_explorer,
)
from stnlib.widgets import __main__ as embedded

pytestmark = pytest.mark.repository
WIDGETS = (AffineExplorer, SamplerMicroscope, PoolingProbe, DigitReader)
MIME = "application/vnd.jupyter.widget-view+json"
TURN = [[0.0, -1.0, 0.25], [1.0, 0.0, -0.5]]


# ---- traits


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
    with pytest.raises(ValueError, match=r"^theta: got .*expected"):
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
        (SamplerMicroscope, "point", (1, 2, 3)),
        (SamplerMicroscope, "point", (1, float("inf"))),
        (SamplerMicroscope, "patch", np.zeros((1, 6))),
        (SamplerMicroscope, "patch", np.zeros((4, 4, 3))),
        (PoolingProbe, "shift", (0.25, 0)),
        (PoolingProbe, "shift", (9, 0)),
        (PoolingProbe, "edge", "diagonal"),
        (PoolingProbe, "pool", 3),
        (PoolingProbe, "image", np.zeros((28, 28, 3))),
        (PoolingProbe, "image", np.zeros((4, 4))),
        (DigitReader, "image", np.zeros((27, 28))),
        (DigitReader, "angle", 181),
        (DigitReader, "angle", "left"),
        (DigitReader, "size", 0),
        (DigitReader, "shift", (0, 15)),
        (DigitReader, "networks", {}),
        (DigitReader, "networks", {"mine": {}}),
        (DigitReader, "networks", "STN"),
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


def test_theta_can_be_observed_and_linked():
    one, two, seen = AffineExplorer(), AffineExplorer(), []
    one.observe(lambda change: seen.append(change["new"]), "theta")
    ipywidgets.link((one, "theta"), (two, "theta"))
    two.theta = TURN
    assert one.theta == TURN
    assert seen == [TURN]


def test_what_the_page_sends_arrives():
    explorer = AffineExplorer()
    explorer.set_state({"theta": [[2, 0, 0], [0, 2, 0]], "drawing": _images.encode(_images.pixels([[0, 255]]))})
    assert explorer.theta == [[2, 0, 0], [0, 2, 0]]
    assert explorer.drawing.tolist() == [[[0], [255]]]


def test_networks_are_sent_when_they_are_wanted():
    reader = DigitReader()
    assert reader.networks is None and reader.state()["networks"] is None
    reader.set_state({"wanted": True})
    assert reader.networks == _networks.packaged() and set(reader.networks) == {
        "FCN mixed",
        "CNN",
        "STN+FCN",
        "STN+CNN",
    }


# ---- images

SHAPES = st.one_of(
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=9),
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from((1, 3))),
)


@given(st.sampled_from(("uint8", "float16", "float32", "float64", "int64", "bool")), SHAPES, st.randoms())
def test_any_image_array_crosses_unchanged(dtype, shape, random):
    top = 256 if dtype in ("uint8", "int64") else 2
    image = np.random.default_rng(random.getrandbits(32)).integers(0, top, shape).astype(dtype)
    explorer = AffineExplorer(image=image)
    state = json.loads(json.dumps(explorer.state()))
    back = _images.decode(state["image"]) * (1 / 255 if state["image"]["dtype"] == "uint8" else 1)
    scale = 255 if dtype in ("uint8", "int64") else 1
    np.testing.assert_allclose(back.reshape(shape), image.astype("float64") / scale, atol=1e-6)
    assert explorer.picture == "own"


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
    assert _images.as_bytes(stored).ravel().tolist() == [0, 64, 128, 255]


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
    with pytest.raises(ValueError, match=r"^image: got .*expected"):
        AffineExplorer(image=bad)


def test_keras_tensors_are_images_too():
    from keras import ops

    assert AffineExplorer(image=ops.ones((4, 5, 1))).image.shape == (4, 5, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_is_read_back_by_another_reader(channels):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype="uint8")
    back = np.round(matplotlib.image.imread(io.BytesIO(_images.png(image))) * 255)
    np.testing.assert_array_equal(back.reshape(image.shape), image)


def test_the_embedded_digits_are_those_of_the_data_set():
    stored = json.loads((_pack.FOLDER / "digits.json").read_text("utf-8"))
    assert stored == embedded.chosen_digits()
    assert set(stored) < set(affine_explorer.PICTURES)


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
    text = widget().to_html()
    assert text == widget().to_html()
    assert not re.findall(r"""(?:src|href)=["'](?!data:)|url\(|https?://(?!www\.w3\.org)""", text)
    assert len(text) < 120_000


@pytest.mark.parametrize("widget", WIDGETS)
def test_the_page_form_carries_state_module_picture_and_sentence(widget):
    made = widget()
    text = made.to_html()
    payload = json.loads(re.search(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)[1])
    assert payload["state"] == json.loads(json.dumps(made.state()))
    assert payload["module"] == made._esm
    assert "export default { render };" in payload["module"]
    fallback = text[text.index('<figure class="stn-fallback">') :]
    assert re.search(r"<svg.*aria-label=.*</svg>\s*<figcaption>[A-Z][^<]+\.</figcaption>", fallback, re.DOTALL)


def test_the_still_picture_shows_the_window_of_theta():
    picture, _ = AffineExplorer(theta=[[0.5, 0, 0.25], [0, 0.5, 0]]).fallback()
    assert 'points="-0.250,-0.500 0.750,-0.500 0.750,0.500 -0.250,0.500"' in picture
    assert "matrix(2.0000 0.0000 0.0000 2.0000 -0.5000" in picture


def test_a_singular_theta_has_a_still_picture():
    assert "scale(0)" in AffineExplorer(theta=np.zeros(6)).fallback()[0]


def test_the_still_picture_holds_the_image():
    image = np.random.default_rng(1).integers(0, 256, (4, 6, 3), dtype="uint8")
    picture, _ = AffineExplorer(image=image).fallback()
    png = base64.b64decode(re.search(r"base64,([^\"]+)", picture)[1])
    np.testing.assert_array_equal(np.round(matplotlib.image.imread(io.BytesIO(png)) * 255), image)


@pytest.mark.parametrize(("edge", "pool"), [("left", 2), ("right", 2), ("top", 4), ("bottom", 4)])
def test_the_still_picture_of_the_probe_pools_as_the_page_says(edge, pool):
    image = np.random.default_rng(2).random((13, 16, 1)).astype("float32")
    axis, sign = {"left": (1, 1), "right": (1, -1), "top": (0, 1), "bottom": (0, -1)}[edge]
    edges = np.maximum(sign * scipy.ndimage.sobel(image[..., 0].astype("float64"), axis)[1:-1, 1:-1] / 4, 0)
    blocks = [
        [edges[y : y + pool, x : x + pool].max() for x in range(0, 14 - pool + 1, pool)]
        for y in range(0, 11 - pool + 1, pool)
    ]
    np.testing.assert_allclose(_fallback.pooled(image, edge, pool), blocks, atol=1e-12)


def test_the_still_picture_of_the_probe_marks_active_cells():
    stays, changes = _fallback.marks(np.array([[1.0, 0.05, 1.0, 0.0]]), np.array([[0.81, 0.09, 0.79, 0.2]]))
    assert stays.tolist() == [[True, False, False, False]] and changes.tolist() == [[False, False, True, True]]
    picture, sentence = PoolingProbe(image=np.zeros((8, 8))).fallback()
    assert "0 stay" in sentence and "0 change" in sentence and 'd=""' in picture


# ---- the packer


@pytest.mark.parametrize("stem", ["affine_explorer", "sampler_microscope", "pooling_probe", "digit_reader"])
def test_a_packed_module_stands_alone(stem):
    text = _pack.module(stem)
    assert not re.search(r"^\s*import\b", text, re.MULTILINE)
    assert text.count("export ") == 1
    names = re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names)), "two modules use one name"
    assert names.count("gridSample") == 1
    assert "</script" not in text


@pytest.mark.parametrize("path", sorted(_pack.FOLDER.glob("*.js")), ids=lambda path: path.name)
def test_each_import_is_exported_there_and_used_here(path):
    text = path.read_text("utf-8")
    for match in _pack.IMPORT.finditer(text):
        if match["data"]:
            continue
        source = (_pack.FOLDER / match["file"]).read_text("utf-8")
        for name in match["names"].split(", "):
            assert re.search(rf"^export (?:const|function|class) {name}\b", source, re.MULTILINE), name
            assert re.search(rf"\b{name}\b", _pack.IMPORT.sub("", text)), f"{name} is not used"


def test_an_import_of_another_form_is_refused(monkeypatch, tmp_path):
    (tmp_path / "odd.js").write_text('import * as all from "./sampling.js";\n')
    monkeypatch.setattr(_pack, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"odd\.js"):
        _pack.module("odd")
