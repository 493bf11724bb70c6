"""The pipeline figure: real numbers, every part can stand out, legible on a phone, readable in light and dark."""

import base64
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from stnlib import datasets, distortions, grid, pipeline, sampling
from stnlib.experiments import page
from stnlib.widgets.reader import networks
from tests.packed import unpack

ROOT = Path(__file__).resolve().parent.parent
SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)


def drawings(figure):
    """The arrangements of a figure, parsed: the wide one and the tall one."""
    return [ET.fromstring(text) for text in SVG.findall(figure.html)]


def part(drawing, name):
    return drawing.find(f".//g[@data-part='{name}']")


def pixels(node):
    """The picture in a part, as floats."""
    from PIL import Image

    data = node.find(".//image").get("href").split(",")[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) / 255


def numbers(node, style):
    """The numbers that a part shows in one style, in order."""
    return [
        float(text.text.replace("−", "-")) for text in node.findall(".//text") if text.get("class").strip() == style
    ]


@pytest.fixture(scope="module")
def plain():
    return drawings(pipeline.pipeline())


class TestNumbers:
    def test_the_digit_is_a_real_one_that_the_recorded_theta_distorts(self, plain):
        record = json.loads(pipeline.FILE.read_text(encoding="utf-8"))
        digits = datasets.load("uci")
        expected = distortions.warp(digits.x_test[record["digit"]][None], [record["distortion"]])[0, ..., 0]
        assert digits.y_test[record["digit"]] == record["label"]
        for drawing in plain:
            np.testing.assert_allclose(pixels(part(drawing, "input")), expected.clip(0, 1), atol=1 / 254)

    def test_the_result_is_what_the_sampler_reads_at_the_grid(self, plain):
        run = pipeline.recorded()
        points = grid.affine_grid(run.theta[None], (28, 28))
        read = np.asarray(sampling.grid_sample(run.image[None, ..., None], points))[0, ..., 0]
        np.testing.assert_allclose(run.grid, np.asarray(points)[0], atol=1e-6)
        for drawing in plain:
            np.testing.assert_allclose(pixels(part(drawing, "sampler")), read.clip(0, 1), atol=1 / 254)

    def test_the_grid_lies_where_theta_puts_it(self, plain):
        run = pipeline.recorded()
        for drawing in plain:
            node = part(drawing, "grid")
            image = node.find(".//image")
            left, top, side = (float(image.get(name)) for name in ("x", "y", "width"))
            corner = [(float(node.find(".//circle[@class='grid-first']").get(name))) for name in ("cx", "cy")]
            expected = (run.grid[0, 0] + 1) / 2 * side + (left, top)
            np.testing.assert_allclose(corner, expected, atol=0.06)

    def test_theta_its_gradient_and_the_loss_are_the_recorded_ones(self, plain):
        run = pipeline.recorded()
        for drawing in [*plain, *drawings(pipeline.pipeline(lit="training"))]:
            np.testing.assert_allclose(numbers(part(drawing, "theta"), "number"), run.theta, atol=0.0051)
            slopes = numbers(part(drawing, "theta"), "number slope")
            if slopes:
                np.testing.assert_allclose(slopes, run.gradient, atol=0.0051)
            assert numbers(part(drawing, "loss"), "big") == [round(run.loss, 2)]
        assert run.loss == pytest.approx(-np.log(run.probabilities[run.label]), abs=1e-3)

    def test_the_digit_is_classified_correctly(self):
        run = pipeline.recorded()
        assert run.probabilities.argmax() == run.label

    def test_the_loss_says_which_one_it_is(self, plain):
        assert all("Cross-entropy loss" in part(drawing, "loss").itertext() for drawing in plain)


@pytest.mark.parametrize("lit", [None, *pipeline.PARTS])
class TestParts:
    def test_it_is_well_formed_and_said_in_words(self, lit):
        both = drawings(pipeline.pipeline(lit=lit))
        assert len(both) == 2
        highest = f"{pipeline.recorded().probabilities.max():.2f}"
        for drawing in both:
            assert drawing.get("role") == "img" and highest in drawing.get("aria-label")

    def test_the_gradient_of_theta_has_numbers_where_training_is_the_subject(self, lit):
        for drawing in drawings(pipeline.pipeline(lit=lit)):
            assert bool(numbers(part(drawing, "theta"), "number slope")) == (lit == "training")

    def test_exactly_the_asked_part_stands_out(self, lit):
        for drawing in drawings(pipeline.pipeline(lit=lit)):
            states = {
                node.get("data-part"): node.get("class").split()[1:] for node in drawing.iterfind(".//g[@data-part]")
            }
            assert {name for name, state in states.items() if state == ["lit"]} == set(pipeline.PARTS.get(lit, ()))
            assert any(state == ["dim"] for state in states.values()) == (lit is not None)


@pytest.mark.repository
@pytest.mark.tensorflow
class TestPass:
    """What `make pipeline` computes, on eight test digits; the first is a 7."""

    @pytest.fixture
    def images(self):
        return distortions.distort(datasets.load("uci").x_test[:8], seed=1).images

    def test_the_network_is_the_one_that_the_page_runs(self, images):
        import pipeline_pass

        name = pipeline_pass.NETWORK
        expected = unpack(networks.packaged()[name], page.build(name))
        np.testing.assert_allclose(pipeline_pass.unpacked(name)(images), expected(images), atol=1e-4)

    def test_the_figure_shows_what_the_command_writes_today(self):
        import pipeline_pass

        record = json.loads(pipeline.FILE.read_text(encoding="utf-8"))
        distorted = distortions.distort(datasets.load("uci").x_test, seed=pipeline_pass.SEED)
        image = distorted.images[record["digit"]][None]
        for name, value in pipeline_pass.forward_and_back(image, record["label"]).items():
            assert record[name] == (value if isinstance(value, str) else pytest.approx(value, abs=1e-3))

    def test_its_loss_and_gradient_are_those_of_the_theta_it_gives(self, images):
        import pipeline_pass

        found = pipeline_pass.forward_and_back(images[:1], 7)
        network = unpack(networks.packaged()["STN+FCN"], page.build("STN+FCN"))
        theta, slope = (np.float32([found[name]]) for name in ("theta", "gradient"))
        np.testing.assert_allclose(theta, network.get_layer("transformer").theta(images[:1]), atol=1e-6)
        assert found["loss"] == pytest.approx(-np.log(found["probabilities"][7]), abs=1e-4)

        def loss(step):
            moved = theta + step * slope / np.linalg.norm(slope)
            logits = np.asarray(network.layers[-1](pipeline.sampled(images[:1], moved)))[0]
            return np.log(np.exp(logits - logits[7]).sum())

        rise = (loss(1e-3) - loss(-1e-3)) / 2e-3
        assert rise == pytest.approx(np.linalg.norm(slope), rel=0.05)
        assert json.loads(json.dumps(found)) == found


def test_another_part_is_refused():
    with pytest.raises(ValueError, match=r"lit: got 'head', expected one of localization, grid, sampler, training"):
        pipeline.pipeline(lit="head")
