"""TrainLab in the page: it trains in a worker, shows what becomes of the digits, and obeys hand, keys and Python."""

import pytest

from stnlib.widgets import TrainLab
from tests.js.acts import get, picture, put, settle, text

LAB = "document.querySelector('.stn-widget').instrument"
STEP = f"{LAB}.moments.at(-1)?.step"
PICTURES = ("meansCanvas", "digitsCanvas", "accuracyCanvas", "lossCanvas")


@pytest.fixture
def open_lab(open_widget):
    """Open a laboratory, and wait until its first moment is shown."""

    def open_it(options=None, **context):
        page = open_widget(TrainLab(**(options or {})), **context)
        page.wait_for_function(f"{STEP} === 0")
        settle(page)
        return page

    return open_it


def reach(page, step):
    """Wait until the run has come to a step, and the page shows it."""
    page.wait_for_function(f"{STEP} >= {step}", timeout=120_000)
    settle(page)


def test_the_first_pictures_are_there_before_anything_is_trained(open_lab):
    page = open_lab()
    assert text(page, "status").startswith("Step 0 of 3,000: 0 digits seen")
    assert [text(page, f"theta{i}") for i in range(6)] == ["1.00", "0.00", "0.00", "0.00", "1.00", "0.00"]
    blank = (
        "(name) => new Set(new Uint32Array(document.querySelector(`[data-ref=${name}]`).getContext('2d')"
        ".getImageData(0, 0, 200, 60).data.buffer)).size"
    )
    for name in ("meansCanvas", "digitsCanvas"):
        assert page.evaluate(blank, name) > 20
    assert get(page, "playing") is False


def test_nothing_is_computed_before_the_laboratory_is_near_the_screen(open_page):
    page = open_page(f'<div style="height: 4000px"></div>{TrainLab().to_html()}')
    page.wait_for_function(LAB)
    settle(page)
    assert page.evaluate(f"[{LAB}.worker === undefined, {LAB}.moments.length]") == [True, 0]
    page.locator("[data-ref=play]").scroll_into_view_if_needed()
    page.wait_for_function(f"{STEP} === 0")


def test_it_plays_pauses_steps_and_restarts(open_lab):
    page = open_lab()
    before = [picture(page, name) for name in PICTURES]
    page.locator("[data-ref=play]").click()
    assert text(page, "play") == "pause" and get(page, "playing") is True
    reach(page, 40)
    page.locator("[data-ref=play]").click()
    page.wait_for_function(f"{LAB}.moments.at(-1).playing === false")
    settle(page)
    assert all(picture(page, name) != old for name, old in zip(PICTURES, before, strict=True))
    step = page.evaluate(STEP)
    page.locator("[data-ref=step]").click()
    page.wait_for_function(f"{STEP} === {step + 1}")
    settle(page)
    assert text(page, "status").startswith(f"Step {step + 1} of") and text(page, "momentStep") == f"step {step + 1}"
    page.locator("[data-ref=restart]").click()
    page.wait_for_function(f"{STEP} === 0")
    settle(page)
    assert get(page, "seed") == 2
    assert text(page, "status").startswith("Step 0 of")


def written(page, name):
    """What one frame writes on a canvas: texts, with the height at which each is centred and that of the canvas."""
    page.evaluate(
        """(name) => {
          const context = document.querySelector(`[data-ref=${name}]`).getContext("2d");
          context.texts = [];
          context.fillText = function (text, x, y) { this.texts.push([String(text), y]); };
        }""",
        name,
    )
    page.evaluate(f"{LAB}.request()")
    settle(page)
    return page.evaluate(
        """(name) => {
          const canvas = document.querySelector(`[data-ref=${name}]`);
          return [canvas.getContext("2d").texts, canvas.clientWidth / 6];
        }""",
        name,
    )


@pytest.mark.parametrize("name", ["accuracyCanvas", "lossCanvas"])
def test_the_axis_says_of_how_many_steps_it_shows_the_first(open_lab, name):
    page = open_lab()
    texts, _ = written(page, name)
    assert "200 of 3,000 steps" in [text for text, _ in texts]
    page.evaluate(f"{LAB}.moments.push({{ ...{LAB}.moments[0], step: 3000 }})")
    texts, _ = written(page, name)
    assert [text for text, _ in texts if "steps" in text] == ["3000 steps"]


@pytest.mark.parametrize("width", [1280, 390])
def test_the_predictions_stand_below_the_pictures_and_the_page_says_what_the_marks_mean(open_lab, width):
    page = open_lab(viewport={"width": width, "height": 900})
    texts, side = written(page, "digitsCanvas")
    right = page.evaluate(f"{LAB}.moments[0].predictions.map((one, i) => one === {LAB}.scene.labels[i])")
    assert [text[-1] for text, _ in texts] == ["✓" if one else "✗" for one in right]
    assert all(y > 2 * side for _, y in texts)
    page.get_by_text("predicted class, ✓ right or ✗ wrong").wait_for()
    assert page.evaluate("[...document.querySelectorAll('.stn-six p')].every((p) => p.scrollWidth <= p.clientWidth)")


def test_the_keyboard_does_it_all(open_lab):
    page = open_lab()
    page.locator("[data-ref=play]").press("Enter")
    reach(page, 30)
    page.locator("[data-ref=play]").press("Space")
    page.wait_for_function(f"{LAB}.moments.at(-1).playing === false")
    step = page.evaluate(STEP)
    page.locator("[data-ref=step]").press("Enter")
    page.wait_for_function(f"{STEP} === {step + 1}")
    page.locator("[data-ref=moment]").press("Home")
    settle(page)
    assert text(page, "momentStep") == "step 0" and text(page, "status").startswith("Step 0 of")
    page.locator("[data-ref=sampler] input:checked").press("ArrowRight")
    page.wait_for_function(f"{STEP} === 0 && {LAB}.scene.settings.sampler === 'nearest'")
    assert get(page, "sampler") == "nearest"


EXPERIMENTS = [
    ("nearest", "sampler", "nearest", "no gradient"),
    ("× 3", "head_rate", 3, "30 times"),
    ("at random", "start", "random", "pieces of digits"),
    ("tilted 30°", "lean", 30, "doesn't ask for upright digits"),
    ("rotate, shift", "transform", "rigid", "three numbers"),
    ("+ scale", "transform", "similarity", "four numbers"),
    ("90°", "rotation", 90, "quarter"),
    ("grows from 0", "growing", True, "first half"),
    ("dense network", "rival", "dense", "dense network"),
    ("convolution", "rival", "convolution", "convolutional"),
]


def test_each_switch_begins_a_run_of_its_own_and_says_what_to_look_for(open_lab):
    page = open_lab()
    notes = {text(page, "note")}
    for label, trait, value, words in EXPERIMENTS:
        page.get_by_label(label, exact=True).check()
        page.wait_for_function(f"{STEP} === 0 && {LAB}.asked === {LAB}.key({LAB}.scene.settings, {LAB}.scene.seed)")
        settle(page)
        assert get(page, trait) == value
        assert words in text(page, "note")
        notes.add(text(page, "note"))
    assert len(notes) == 1 + len(EXPERIMENTS)


def test_switches_move_by_python_too(open_lab):
    page = open_lab({"rotation": 30})
    assert page.get_by_label("30°", exact=True).is_checked()
    put(page, "rotation", 90)
    page.wait_for_function(f"{LAB}.scene.settings.rotation === 90 && {STEP} === 0")
    assert page.get_by_label("90°", exact=True).is_checked()
    put(page, "playing", True)
    reach(page, 20)
    assert text(page, "play") == "pause"


def test_a_head_that_learns_too_fast_makes_it_black_and_the_page_says_why(open_lab):
    page = open_lab({"head_rate": 3, "speed": "full"})
    page.locator("[data-ref=play]").click()
    page.wait_for_function(f"{LAB}.collapse", timeout=60_000)
    settle(page)
    assert text(page, "note").startswith("Collapsed at step") and "theta gets no gradient" in text(page, "note")
    assert text(page, "status").startswith("Collapsed, nearly every output is")
    page.get_by_label("× 0.1", exact=True).check()
    page.wait_for_function(f"{LAB}.scene.settings.headRate === 0.1 && !{LAB}.collapse && {LAB}.moments.length")
    settle(page)
    assert "Collapsed" not in text(page, "note") + text(page, "status")


def test_a_run_that_began_anew_by_itself_is_announced(open_lab):
    page = open_lab()
    page.evaluate(f"{LAB}.begin({{ ...{LAB}.scene, reason: 'collapsed', seed: 2 }}); {LAB}.order('step')")
    page.wait_for_function(f"{STEP} === 1")
    settle(page)
    assert "started again by itself with seed 2" in text(page, "note") and get(page, "seed") == 2


@pytest.mark.parametrize(("guess", "answer"), [("a readable 3", "a readable 3"), ("black", "black")])
def test_the_guess_is_answered_after_ten_seconds_of_watching(open_lab, guess, answer):
    page = open_lab()
    page.get_by_role("button", name=guess).click()
    page.evaluate(f"{LAB}.watchedFor = -1000")
    page.locator("[data-ref=play]").click()
    reach(page, 800)
    assert text(page, "question").startswith("Your guess first")
    page.evaluate(f"{LAB}.watchedFor = 10")
    page.wait_for_function(f"{LAB}.answered")
    settle(page)
    found = text(page, "question")
    assert found.startswith("After 10 seconds the average 3 is a readable 3")
    assert ("You guessed it." if answer == "a readable 3" else f"You guessed {answer}.") in found


def test_a_run_that_ends_sooner_answers_the_guess_at_its_end(open_lab):
    page = open_lab({"speed": "full"})
    page.get_by_role("button", name="a readable 3").click()
    page.evaluate(f"{LAB}.watchedFor = -1000")
    page.locator("[data-ref=play]").click()
    page.wait_for_function(f"{LAB}.answered", timeout=120_000)
    settle(page)
    assert text(page, "question").startswith("At the end the average 3 is")


def test_every_recorded_moment_can_be_seen_again(open_lab):
    page = open_lab()
    first = picture(page, "meansCanvas")
    page.locator("[data-ref=play]").click()
    reach(page, 300)
    page.locator("[data-ref=play]").click()
    page.wait_for_function(f"{LAB}.moments.at(-1).playing === false")
    settle(page)
    latest = picture(page, "meansCanvas")
    page.locator("[data-ref=moment]").fill("0")
    settle(page)
    assert picture(page, "meansCanvas") == first
    page.locator("[data-ref=moment]").press("End")
    settle(page)
    assert picture(page, "meansCanvas") == latest != first


def test_with_reduced_motion_the_pictures_wait_for_the_reader(open_lab):
    page = open_lab(reduced_motion="reduce")
    first = picture(page, "meansCanvas")
    page.locator("[data-ref=play]").click()
    reach(page, 100)
    assert picture(page, "meansCanvas") == first
    page.locator("[data-ref=moment]").press("End")
    settle(page)
    assert picture(page, "meansCanvas") != first
    shown = text(page, "momentStep")
    reach(page, page.evaluate(STEP) + 30)
    assert text(page, "momentStep") == shown
    page.locator("[data-ref=play]").click()
    page.wait_for_function(f"{LAB}.moments.at(-1).playing === false")
    settle(page)
    assert text(page, "momentStep") == f"step {page.evaluate(STEP)}"


def test_the_digit_whose_theta_is_shown_is_chosen_by_click_or_button(open_lab):
    page = open_lab()
    page.locator("[data-ref=play]").click()
    reach(page, 200)
    page.locator("[data-ref=play]").click()
    page.wait_for_function(f"{LAB}.moments.at(-1).playing === false")
    settle(page)

    def shown():
        return [text(page, f"theta{i}") for i in range(6)]

    first = shown()
    box = page.locator("[data-ref=digitsCanvas]").bounding_box()
    page.locator("[data-ref=digitsCanvas]").click(position={"x": 0.9 * box["width"], "y": box["height"] / 4})
    settle(page)
    last = shown()
    assert last != first and page.locator("[data-ref=watch] input").nth(5).is_checked()
    assert "rotates the digit by" in text(page, "thetaWords")
    page.locator("[data-ref=watch] input").first.check()
    settle(page)
    assert shown() == first


def test_out_of_sight_it_rests_and_back_in_sight_it_goes_on(open_lab):
    page = open_lab(viewport={"width": 1280, "height": 500})
    page.evaluate("document.body.style.paddingBottom = '4000px'")
    page.locator("[data-ref=play]").click()
    reach(page, 20)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.wait_for_function(f"{LAB}.running === false && {LAB}.moments.at(-1).playing === false")
    step = page.evaluate(STEP)
    settle(page)
    assert page.evaluate(STEP) == step and get(page, "playing") is True
    page.evaluate("scrollTo(0, 0)")
    reach(page, step + 20)


def test_the_small_form_shows_the_means_and_the_accuracy(open_lab):
    page = open_lab({"small": True})
    for name in ("meansCanvas", "accuracyCanvas", "play", "status", "guess"):
        assert page.locator(f"[data-ref={name}]").is_visible()
    for name in ("digitsCanvas", "lossCanvas", "sampler", "rival", "note"):
        assert page.locator(f"[data-ref={name}]").is_hidden()
    page.locator("[data-ref=play]").click()
    reach(page, 20)


def test_where_no_worker_can_start_the_page_says_so(open_page):
    page = open_page(f"<script>window.Worker = function () {{ throw new Error('no') }};</script>{TrainLab().to_html()}")
    page.wait_for_function(LAB)
    page.wait_for_function("document.querySelector('[data-ref=status]').textContent.includes('worker')")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"transform": "tps"}, "transform: .*'tps'"),
        ({"rotation": 45}, "rotation: .*45"),
        ({"speed": "fast"}, "speed: "),
    ],
)
def test_a_value_that_is_no_choice_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        TrainLab(**options)
