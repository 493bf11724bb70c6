"""DigitReader in the page: its networks are Keras's, its poses stnlib's, and it does what the hand asks."""

import base64
import json

import keras
import numpy as np
import pytest
import site_widgets

from stnlib import distortions, models
from stnlib.experiments import page as recipes
from stnlib.widgets import DigitReader
from stnlib.widgets.core import images
from stnlib.widgets.reader import networks
from tests.js.acts import centre, get, mouse_drag, picture, put, settle, text
from tests.packed import unpack
from tests.tabs import listen

NAMES = ["FCN", "CNN", "STN+FCN", "STN+CNN"]
AT_ONCE = "STN+CNN at once"
POSES = [(0, 1, (0, 0)), (40, 1, (0, 0)), (-75, 0.7, (3, -2)), (130, 1.4, (-4.5, 1))]
INSTRUMENT = "document.querySelector('.stn-widget').instrument"
CENTRE, CORNER = "[data-ref=centre]", "[data-ref=corner]"


def posed(image, angle, size, shift):
    """The picture by stnlib: a digit turned anticlockwise, enlarged and moved."""
    linear = distortions.affine_theta(np.radians(angle), (1 / size, 1 / size)).astype("float64").reshape(2, 3)
    linear[:, 2] = -linear[:, :2] @ (2 * np.array(shift) / 28)
    return distortions.warp(image[None], linear.reshape(1, 6))


def with_networks(open_widget, *arguments):
    """Open a reader, and wait until its networks are there and its curves are drawn."""
    page = open_widget(DigitReader(*arguments))
    finished(page)
    return page


def finished(page):
    """Wait until the curves of the present picture and pose are whole: they begin anew with the next frame."""
    settle(page)
    page.wait_for_function(f"{INSTRUMENT}.curves?.done === 49")
    settle(page)


@pytest.fixture(scope="module")
def digit():
    return (images.digits()["digit 4"] / 255).astype("float32")


@pytest.mark.parametrize("name", [*NAMES, AT_ONCE])
def test_the_page_computes_what_keras_computes(open_widget, digit, name):
    network = unpack(networks.packaged()[name], recipes.build(name))
    page = with_networks(open_widget, digit, [name])
    for angle, size, shift in POSES:
        image = posed(digit, angle, size, shift)
        answers = page.evaluate(f"(pose) => {INSTRUMENT}.read(pose)", {"angle": angle, "size": size, "shift": shift})
        answer = next(found for found in answers if found["name"] == name)
        expected = keras.ops.convert_to_numpy(keras.ops.softmax(network(image)))[0]
        np.testing.assert_allclose(answer["shares"], expected, atol=1e-4)
        assert answer["digit"] == expected.argmax()
        if name.startswith("STN"):
            transformer = network.get_layer("transformer")
            theta, view = (
                keras.ops.convert_to_numpy(part)[0] for part in (transformer.theta(image), transformer(image))
            )
            np.testing.assert_allclose(answer["theta"], theta, atol=1e-4)
            np.testing.assert_allclose(answer["view"]["data"], view.ravel(), atol=1e-3)


@pytest.mark.parametrize(("angle", "size", "shift"), POSES)
def test_the_pose_is_that_of_stnlib(open_widget, digit, angle, size, shift):
    page = open_widget(DigitReader(digit, angle=angle, size=size, shift=shift))
    shown = page.evaluate(f"Array.from({INSTRUMENT}.shown.data)")
    np.testing.assert_allclose(shown, posed(digit, angle, size, shift).ravel(), atol=2e-5)


def test_networks_of_ones_own_are_read_and_named(open_widget, digit):
    keras.utils.set_random_seed(3)
    own = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    page = open_widget(DigitReader(digit, {"linear": own}, angle=0))
    finished(page)
    (answer,) = page.evaluate(f"{INSTRUMENT}.answers")
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(own(digit[None])))[0]
    np.testing.assert_allclose(answer["shares"], expected, atol=1e-3)
    assert "linear" in text(page, "answers") and f"{100 * expected.max():.0f}" in text(page, "answers")
    assert page.locator("[data-ref=view]").is_hidden() and "rotates it" not in text(page, "verdict")


def test_of_ones_own_networks_those_with_a_transformer_can_be_shown(open_widget):
    own = {name: models.stn("cnn") for name in ("mine <b>", "other")} | {"CNN": models.cnn()}
    page = open_widget(DigitReader(networks=own))
    finished(page)
    assert page.locator("[data-ref=view] label").all_inner_texts() == ["mine <b>", "other"]
    assert "other rotates it by 0°" in text(page, "verdict")
    page.get_by_label("mine <b>", exact=True).check()
    settle(page)
    assert get(page, "view") == "mine <b>" and "mine <b> rotates it" in text(page, "verdict")


def test_the_sentence_has_all_that_theta_does_shear_and_shift_included(open_widget):
    window, place = np.array([[0.7, -0.1], [0.5, 0.9]]), np.array([0.3, -0.4])
    own = models.stn("fcn")
    own.get_layer("transformer").head.bias.assign(np.c_[window, place].ravel())
    page = open_widget(DigitReader(networks={"own": own}))
    finished(page)
    left, _, right = np.linalg.svd(window)
    rotation = np.degrees(np.arctan2(*(left @ right)[[1, 0], 0]))
    across, down = np.linalg.norm(window, axis=0)
    shear = abs(90 - np.degrees(np.arccos(window[:, 0] @ window[:, 1] / (across * down))))
    assert text(page, "verdict").endswith(
        f" own rotates it by {rotation:.0f}° counter-clockwise, scales it by {1 / across:.2f} across "
        f"and {1 / down:.2f} down, shears it by {shear:.0f}° and shifts it by {14 * np.linalg.norm(place):.1f} pixels."
    )


def test_the_answers_say_who_is_right(open_widget):
    page = with_networks(open_widget, None, None, 0)
    assert text(page, "answers").count("✓") == 4 and "All networks predict 2" in text(page, "verdict")
    put(page, "angle", 180)
    finished(page)
    right = sum(found["digit"] == 2 for found in page.evaluate(f"{INSTRUMENT}.answers"))
    assert text(page, "answers").count("✓") == right
    assert text(page, "verdict").startswith("No network predicts" if right == 0 else f"{right} of 4")


def test_the_curves_are_the_shares_at_each_turn(open_widget):
    page = with_networks(open_widget)
    put(page, "shift", [2, 0])
    finished(page)
    lines = page.evaluate(f"{INSTRUMENT}.curves.lines")
    for place, turn in ((0, -180), (16, -60), (24, 0), (40, 120)):
        answers = page.evaluate(f"(angle) => {INSTRUMENT}.read({{ angle, size: 1, shift: [2, 0] }})", turn)
        assert [line[place] for line in lines] == pytest.approx([found["shares"][2] for found in answers])


def test_the_digit_is_shifted_and_rotated_by_mouse_and_keys(open_widget):
    page = with_networks(open_widget, None, None, 0)
    side = page.evaluate(f"{INSTRUMENT}.view.width")
    before = [picture(page, name) for name in ("inputCanvas", "viewCanvas", "chart")]
    mouse_drag(page, CENTRE, 3 * side / 28, -2 * side / 28)
    np.testing.assert_allclose(get(page, "shift"), [3, -2], atol=0.02)
    finished(page)
    assert all(
        old != picture(page, name) for old, name in zip(before, ("inputCanvas", "viewCanvas", "chart"), strict=True)
    )
    put(page, "shift", [0, 0])
    mouse_drag(page, CORNER, -20 * side / 28, 0)  # the upper right corner goes to the upper left
    assert get(page, "angle") == pytest.approx(90, abs=0.5) and get(page, "size") == pytest.approx(1, abs=0.02)
    page.locator(CORNER).press("ArrowRight")
    page.locator(CORNER).press("Shift+ArrowUp")
    page.locator(CENTRE).press("ArrowDown")
    page.locator(CENTRE).press("Shift+ArrowLeft")
    assert get(page, "angle") == pytest.approx(85, abs=0.6) and get(page, "size") == pytest.approx(1.01, abs=0.02)
    assert get(page, "shift") == [-0.25, 1]


def test_numbers_chart_and_buttons_set_the_pose(open_widget):
    page = with_networks(open_widget)
    page.locator("[data-ref=angle]").fill("-30")
    page.locator("[data-ref=right]").fill("20")
    assert (get(page, "angle"), get(page, "shift")) == (-30, [14, 0])
    box = page.locator("[data-ref=chart]").bounding_box()
    page.mouse.click(box["x"] + box["width"] - 16, box["y"] + 40)
    assert get(page, "angle") == pytest.approx(180, abs=1)
    page.get_by_role("button", name="upright").click()
    assert (get(page, "angle"), get(page, "size"), get(page, "shift")) == (0, 1, [0, 0])
    rolled = set()
    for _ in range(12):
        page.get_by_role("button", name="random").click()
        pose = get(page, "angle"), get(page, "size"), *get(page, "shift")
        rolled.add(pose)
        assert abs(pose[0]) <= 75 and 0.5 <= pose[1] <= 1.3 and max(map(abs, pose[2:])) <= 8.4
    assert len(rolled) > 3


def test_the_transformer_shown_can_be_chosen(open_widget):
    page = with_networks(open_widget)
    before = picture(page, "viewCanvas"), picture(page, "inputCanvas")
    page.get_by_label("STN+CNN", exact=True).check()
    settle(page)
    assert get(page, "view") == "STN+CNN" and text(page, "verdict").split(". ")[1].startswith("STN+CNN rotates it")
    assert picture(page, "viewCanvas") != before[0] and picture(page, "inputCanvas") != before[1]


def test_a_drawing_is_framed_like_mnist_and_read(open_widget):
    page = with_networks(open_widget, None, None, 0)
    page.get_by_label("draw", exact=True).check()
    pad = page.locator("[data-ref=padCanvas]")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.15 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.6 * box["height"], steps=9)
    page.mouse.up()
    finished(page)
    framed = np.array(page.evaluate(f"Array.from({INSTRUMENT}.shown.data)")).reshape(28, 28)
    rows, columns = np.nonzero(framed > 0.02)
    assert 19 <= np.ptp(rows) + 1 <= 21 and np.ptp(columns) < 9
    y, x = np.mgrid[0:28, 0:28]
    assert [(framed * axis).sum() / framed.sum() for axis in (x, y)] == pytest.approx([13.5, 13.5], abs=0.1)
    assert page.evaluate(f"{INSTRUMENT}.answers.map(({{ digit }}) => digit)").count(1) >= 3
    assert get(page, "drawing")["shape"] == [28, 28, 1]
    page.locator("[data-ref=angle]").fill("20")  # a turn alone does not begin the curves anew
    assert page.evaluate(f"{INSTRUMENT}.curves.done") == 49
    settle(page)
    assert page.evaluate(f"{INSTRUMENT}.curves.done") == 49


def test_an_empty_pad_has_no_predictions_and_a_new_drawing_starts_upright(open_widget):
    page = with_networks(open_widget)
    put(page, "shift", [3, 0])
    page.get_by_label("draw", exact=True).check()
    settle(page)
    assert (get(page, "angle"), get(page, "size"), get(page, "shift")) == (0, 1, [0, 0])
    assert text(page, "verdict") == "Nothing is drawn yet."
    assert page.locator("[data-ref=answers] td:nth-child(2)").all_inner_texts() == ["\u2013"] * 4
    assert "%" not in text(page, "answers")
    mouse_drag(page, "[data-ref=padCanvas]", 10, 60)
    finished(page)
    assert "%" in text(page, "answers")
    put(page, "angle", 80)
    page.locator("[data-ref=wipe]").click()
    settle(page)
    assert "%" not in text(page, "answers") and get(page, "angle") == 0


def test_the_window_lies_on_a_margin(open_widget):
    """A window as large as the picture is a frame around it, with room on every side."""
    page = with_networks(open_widget)
    stage = page.locator("[data-ref=inputCanvas]").bounding_box()
    view = page.evaluate(f"(({{ left, top, width, height }}) => [left, top, width, height])({INSTRUMENT}.view)")
    assert min(view[:2]) > 20 and max(view[2:]) < 0.75 * stage["width"]


def test_at_first_the_rule_is_shown(open_widget):
    """The rotated digit that the reader meets: both transformers' networks are right, the dense one alone is not."""
    page = with_networks(open_widget)
    right = {found["name"]: found["digit"] == 2 for found in page.evaluate(f"{INSTRUMENT}.answers")}
    assert right["STN+FCN"] and right["STN+CNN"] and not right["FCN"]


def test_far_beyond_the_rotations_of_the_training_data_only_the_cnn_is_right(open_widget):
    """Chapter 6 says so of the 2 at 100 degrees."""
    page = with_networks(open_widget)
    put(page, "angle", 100)
    finished(page)
    right = [found["name"] for found in page.evaluate(f"{INSTRUMENT}.answers") if found["digit"] == 2]
    assert right == ["CNN"]


@pytest.mark.parametrize("name", images.digits("reader/digits.json"))
def test_every_digit_on_offer_is_read_by_all_when_upright(open_widget, name):
    page = with_networks(open_widget, None, None, 0)
    put(page, "picture", name)
    finished(page)
    assert text(page, "verdict").startswith(f"All networks predict {name[-1]}.")


def test_the_networks_come_when_the_widget_comes_near(open_page):
    tall = '<p style="height: 9000px">Text above</p>'
    page = open_page(tall + DigitReader().to_page())
    asked = requests_of(page)
    settle(page)
    assert get(page, "networks") == [*NAMES, AT_ONCE] and asked == []
    page.locator(".stn-widget").scroll_into_view_if_needed()
    page.wait_for_function(f"{INSTRUMENT}.answers")
    assert files_of(asked) == sorted(map(networks.page_file, [*NAMES, AT_ONCE]))


def test_chosen_networks_alone_are_asked_for_and_shown(open_page):
    page = open_page(DigitReader(networks=["FCN", "CNN"], angle=0).to_page())
    asked = requests_of(page)
    rows, room = page.locator("[data-ref=answers] tr"), ".stn-app"
    before = rows.count(), page.locator(room).bounding_box()["height"]
    page.locator(".stn-widget").scroll_into_view_if_needed()
    page.wait_for_function(f"{INSTRUMENT}.answers")
    finished(page)
    assert set(files_of(asked)) <= {"network-cnn", "network-fcn"}
    assert page.locator("[data-ref=answers] th").all_inner_texts() == ["FCN", "CNN"]
    assert text(page, "verdict") == "All networks predict 2."
    assert (rows.count(), page.locator(room).bounding_box()["height"]) == before
    for hidden in ("viewCanvas", "view", "relieved", "lesson"):
        assert page.locator(f"[data-ref={hidden}]").is_hidden()
    assert "window" not in page.locator(".stn-title").first.inner_text()


def files_of(asked):
    """The names of the style sheets among addresses, less their ending."""
    return sorted(url.rpartition("/")[2].removesuffix(".css") for url in asked)


def requests_of(page):
    """The addresses that a page asks for from now on, blobs aside."""
    asked = []
    listen(page, "request", lambda request: request.url.startswith("blob:") or asked.append(request.url))
    return asked


def alone(open_tab, folder, html, head=""):
    """A page that is none of the book's, without the book's files beside it."""
    (folder / "alone.html").write_text(f"<!doctype html><head>{head}</head><body>{html}</body>", "utf-8")
    page = open_tab()
    page.asked = requests_of(page)
    page.goto((folder / "alone.html").as_uri())
    return page


def test_what_to_html_gives_needs_no_other_file(open_tab, tmp_path):
    page = alone(open_tab, tmp_path, DigitReader(angle=0).to_html())
    page.wait_for_function(f"{INSTRUMENT}.answers")
    assert "All networks predict 2" in text(page, "verdict") and len(page.asked) == 1


def test_a_page_that_is_not_the_book_s_says_what_is_missing_and_runs_no_script(open_tab, tmp_path):
    """An exported notebook, in a folder where somebody else's script has the name of our file."""
    (tmp_path / "_static").mkdir()
    for name in ("network-fcn.js", "network-fcn.css"):
        (tmp_path / "_static" / name).write_text("globalThis.foreign = true;", "utf-8")
    page = alone(open_tab, tmp_path, DigitReader().to_page())
    page.wait_for_function("document.querySelector('[data-ref=verdict]').textContent.includes('not part of this page')")
    assert page.get_by_role("button", name="try again").is_hidden()
    assert page.evaluate("globalThis.foreign") is None and len(page.asked) == 1


def test_a_request_that_failed_is_made_again(open_tab, tmp_path):
    head = '<meta name="stn-data" content="">'
    page = alone(open_tab, tmp_path, DigitReader(angle=0).to_page(), head)
    page.wait_for_function("document.querySelector('[data-ref=verdict]').textContent.includes('could not be loaded')")
    page.get_by_role("button", name="try again").click()
    page.wait_for_function("document.querySelector('[data-ref=verdict]').textContent.includes('could not be loaded')")
    site_widgets.write_files(tmp_path)
    page.get_by_role("button", name="try again").click()
    page.wait_for_function(f"{INSTRUMENT}.answers")
    assert "All networks predict 2" in text(page, "verdict")
    assert page.get_by_role("button", name="try again").is_hidden()


def test_a_request_that_failed_is_made_again_when_the_network_is_back(open_tab, tmp_path):
    head = '<meta name="stn-data" content="">'
    page = alone(open_tab, tmp_path, DigitReader().to_page(), head)
    page.wait_for_function("document.querySelector('[data-ref=verdict]').textContent.includes('could not be loaded')")
    site_widgets.write_files(tmp_path)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    page.wait_for_function(f"{INSTRUMENT}.answers")


def corrections(page, angle):
    """By how many degrees each network's transformer corrects the rotation of each digit on offer, by network."""
    found = {}
    for name in images.digits("reader/digits.json"):
        put(page, "picture", name)
        windows = []
        for rotation in (0, angle):
            answers = page.evaluate(f"(angle) => {INSTRUMENT}.read({{ angle, size: 1, shift: [0, 0] }})", rotation)
            thetas = {one["name"]: one["theta"] for one in answers if one.get("theta")}
            windows.append({key: np.degrees(np.arctan2(t[3] - t[1], t[0] + t[4])) for key, t in thetas.items()})
        for key in windows[0]:
            found.setdefault(key, []).append((windows[0][key] - windows[1][key] + 180) % 360 - 180)
    return found


@pytest.mark.parametrize("angle", [-60, 60])
def test_the_transformers_take_back_most_of_a_rotation_and_the_relieved_one_little(open_widget, angle):
    page = with_networks(open_widget)
    found = corrections(page, angle)
    assert set(found) == {"STN+FCN", "STN+CNN"}
    assert all(np.median(each) / angle >= 0.6 for each in found.values())
    page.get_by_label("all at once", exact=True).check()
    assert abs(np.median(corrections(page, angle)["STN+CNN"]) / angle) < 0.5


def test_the_switch_shows_a_classifier_that_relieves_its_transformer_and_says_why(open_widget):
    page = with_networks(open_widget)
    measured = networks.measured(60)
    before = text(page, "lesson"), picture(page, "viewCanvas"), page.evaluate(f"{INSTRUMENT}.curves.lines[3]")
    page.get_by_label("all at once", exact=True).check()
    finished(page)
    assert get(page, "relieved") is True and get(page, "view") == "STN+CNN"
    assert page.locator("[data-ref=answers] th").all_inner_texts() == NAMES
    after = text(page, "lesson"), picture(page, "viewCanvas"), page.evaluate(f"{INSTRUMENT}.curves.lines[3]")
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert "leaves its transformer less to correct" in after[0]
    for words, name in ((before[0], "STN+CNN"), (after[0], AT_ONCE)):
        words = words.replace("\u00a0", " ")
        assert "rotated by 60°" in words
        assert f"corrects {max(100 * measured[name]['corrected'], 0):.0f}% of the rotation" in words
        assert f"{100 * measured[name]['accuracy']:.1f}% accurate" in words
        assert f"CNN alone {100 * measured['CNN']['accuracy']:.1f}%" in words
    page.get_by_label("pose first", exact=True).check()
    finished(page)
    assert (text(page, "lesson"), page.evaluate(f"{INSTRUMENT}.curves.lines[3]")) == (before[0], before[2])


# ---- the packed form


@pytest.mark.parametrize("name", NAMES)
def test_packing_and_unpacking_give_the_weights_back(name):
    keras.utils.set_random_seed(1)
    model = recipes.build(name)
    packed = json.loads(json.dumps(networks.pack(model)))
    back = unpack(packed, recipes.build(name)).get_weights()
    for old, new in zip(model.get_weights(), back, strict=True):
        np.testing.assert_array_equal(old.astype("float16"), new)
    assert len(base64.b64decode(packed["weights"])) == 2 * model.count_params()


def small(*layers, shape=(28, 28, 1)):
    return keras.Sequential([keras.Input(shape), *layers, keras.layers.Flatten(), keras.layers.Dense(10)])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: small(shape=(20, 20, 1)), r"networks: .*got Sequential from \(None, 20, 20, 1\)"),
        (lambda: "net.keras", "networks: .*got str"),
        (lambda: small(keras.layers.Conv2D(2, 3, padding="same")), "networks: .*got the layer"),
        (lambda: small(keras.layers.Conv2D(2, 3, activation="tanh")), "networks: .*got the layer"),
        (lambda: small(keras.layers.Conv2D(2, 3, use_bias=False)), "networks: .*got the layer"),
        (lambda: small(keras.layers.MaxPooling2D(3)), "networks: .*got the layer"),
        (lambda: small(keras.layers.AveragePooling2D(2, padding="same")), "networks: .*got the layer"),
        (lambda: small(keras.layers.BatchNormalization()), "networks: .*got the layer"),
        (lambda: models.stn(transform="tps"), "networks: .*got a transformer"),
    ],
)
def test_what_the_page_cannot_run_is_refused_on_one_line(build, message):
    with pytest.raises(ValueError, match=message) as caught:
        DigitReader(networks={"mine": build()})
    assert "\n" not in str(caught.value) and "expected" in str(caught.value)


def test_a_line_ties_the_square_handle_to_the_digit(open_widget):
    """Half-way between the two handles the canvas has the handles' colour, whatever the pose."""
    page = with_networks(open_widget)
    put(page, "angle", 45)
    finished(page)
    (x0, y0), (x1, y1) = (centre(page, handle) for handle in (CENTRE, CORNER))
    stroke = page.evaluate(
        """([x, y]) => {
          const canvas = document.querySelector("[data-ref=inputCanvas]");
          const box = canvas.getBoundingClientRect();
          const place = [x - box.left, y - box.top].map((v) => Math.round((v * canvas.width) / box.width));
          return [...canvas.getContext("2d").getImageData(...place, 1, 1).data];
        }""",
        [x0 + 0.5 * (x1 - x0), y0 + 0.5 * (y1 - y0)],
    )
    red, green, blue, _ = stroke
    assert red > green > blue + 40
