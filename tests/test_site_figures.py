"""Figures on pages: colours for dark paper, sizes, captions, code below."""

import base64
import doctest
import io
import re

import numpy as np
import pytest
import site_dark
import site_figures
from docutils import nodes
from PIL import Image

pytestmark = pytest.mark.repository

NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def embedded(mode="RGB", colour="black"):
    file = io.BytesIO()
    Image.new(mode, (4, 4), colour).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def drawing(inside):
    """A figure's SVG, 90 by 60 px."""
    return f'<svg {NAMESPACES} width="67.5pt" height="45pt" viewBox="0 0 67.5 45">{inside}</svg>'


def colours(text, scheme):
    """What each variable of a figure stands for on light or on dark pages."""
    light, dark = re.search(r":root\{(.*?)\}@media \(prefers-color-scheme:dark\)\{:root\{(.*?)\}\}", text).groups()
    return dict(re.findall(r"--(\w+):(#\w+)", {"light": light, "dark": dark}[scheme]))


def contrast(one, other):
    def luminance(colour):
        values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return sum(a * b for a, b in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("module", [site_dark, site_figures])
def test_examples(module):
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0 and outcome.failed == 0


def test_all_colours_of_the_book_can_be_read_on_dark_paper():
    from stnlib import plotting

    for colour in (*plotting.COLORS.values(), plotting.INK):
        least = 4.5 if contrast(colour.lower(), "#ffffff") >= 4.5 else 3 if colour != "#999999" else 2.5
        assert contrast(site_dark.dark(colour.lower()), site_dark.PAPER) >= least, colour


def test_a_figure_has_dark_paper_and_light_ink():
    text = site_dark.themed(drawing('<path d="M 0 0" style="fill: #ffffff"/><g style="fill: #22282e"/>'))
    assert set(colours(text, "light").values()) == {"#000000", "#ffffff", "#22282e"}
    assert set(colours(text, "dark").values()) == {"#ffffff", site_dark.PAPER, site_dark.INK}
    assert re.search(r'style="fill: var\(--c1\)"', text) and "svg{fill:var(--c0)}" in text


@pytest.mark.parametrize(("place", "kept"), [("20 20", True), ("50 20", False), ("10 10", False)])
def test_what_is_drawn_on_a_picture_keeps_its_colour(place, kept):
    """A picture looks the same on dark pages; its frame and what stands beside it do not."""
    picture = f'<image x="10" y="10" width="30" height="30" xlink:href="{embedded()}"/>'
    text = site_dark.themed(drawing(f'{picture}<path d="M {place} L 60 60" style="stroke: #ffffff"/>'))
    assert ("stroke: #ffffff" in text) is kept


def test_a_picture_is_found_where_it_is_drawn():
    at = 'transform="matrix(5 0 0 -5 10 30)" width="4" height="4"'
    picture = f'<image {at} xlink:href="{embedded()}"/>'
    words = '<g transform="translate({}) scale(0.11 -0.11)"><use/></g>'
    text = site_dark.themed(drawing(picture + words.format("20 20") + words.format("50 20")))
    assert text.count("fill: #000000") == 1
    assert re.search(r"translate\(20 20\)[^<]*fill: #000000", text)


def test_beside_a_picture_begins_where_it_is_cut_off():
    """A part of an image, with axis labels below, where the rest of it would be."""
    cut = '<defs><clipPath id="p"><rect x="0" y="0" width="40" height="20"/></clipPath></defs>'
    picture = f'<g clip-path="url(#p)"><image width="40" height="40" xlink:href="{embedded()}"/></g>'
    text = site_dark.themed(drawing(f'{cut}{picture}<g style="fill: #22282e" transform="translate(20 30)"/>'))
    assert "fill: #22282e" not in text


def test_what_is_drawn_on_a_picture_that_paper_shines_through_changes():
    picture = f'<image x="0" y="0" width="40" height="40" xlink:href="{embedded("RGBA", (0, 114, 178, 90))}"/>'
    text = site_dark.themed(drawing(f'{picture}<path d="M 20 20" style="fill: #22282e"/>'))
    assert "fill: #22282e" not in text


@pytest.mark.parametrize(
    ("colour", "opacity", "dark"), [("#0072b2", 1, True), ("#0072b2", 0.3, False), ("#dddddd", 1, False)]
)
def test_letters_on_a_coloured_bar_are_dark_on_dark_pages(colour, opacity, dark):
    """The bar is as light there as colours on dark paper are."""
    bar = f'<path d="M 10 10 L 40 10 L 40 30 L 10 30 z" style="fill: {colour}; opacity: {opacity}"/>'
    text = site_dark.themed(drawing(f'{bar}<g style="fill: #22282e" transform="translate(20 20)"/>'))
    on_bar = colours(text, "dark")[re.search(r'<g style="fill: var\(--(\w+)\)', text)[1]]
    assert on_bar == (site_dark.PAPER if dark else site_dark.INK)


@pytest.mark.parametrize(("colour", "mode"), [((9, 9, 9, 255), "L"), ((9, 0, 9, 255), "RGB"), ((9, 9, 9, 80), "RGBA")])
def test_pictures_hold_no_more_than_they_show(colour, mode):
    """matplotlib writes all of them with colours and transparency."""
    file = io.BytesIO()
    shown = Image.new("RGBA", (40, 40), colour)
    shown.putpixel((3, 4), (70, 70, 70, 255))
    shown.save(file, "PNG", compress_level=0)
    data = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    text = site_dark.themed(drawing(f'<image width="40" height="40" xlink:href="{data}"/>'))
    packed = Image.open(io.BytesIO(base64.b64decode(re.search(r'base64,([^"]+)', text)[1])))
    assert packed.mode == mode
    assert packed.convert("RGBA").tobytes() == shown.tobytes()


def test_a_real_figure_is_drawn_in_variables_only():
    import matplotlib.pyplot as plt

    from stnlib import plotting

    with plt.rc_context():
        plotting.use_style()
        figure, ax = plt.subplots(figsize=(3, 2))
        ax.plot([0, 1], [1, 2], label="one")
        ax.legend()
        plain = plotting.svg(figure)
        plt.close(figure)
    text = site_dark.themed(plain)
    assert re.findall(r"#[0-9a-f]{6}", text.partition("</style>")[2].replace("xlink", "")) == []
    assert "metadata" not in text and len(text) < len(plain)


class TestSizes:
    @pytest.fixture
    def page(self, tmp_path):
        (tmp_path / "_images").mkdir()
        (tmp_path / "book").mkdir()
        letters = '<g transform="translate(1 1) scale(0.05 -0.05)"/><g transform="scale(0.11 -0.11)"/>'
        (tmp_path / "_images" / "a.svg").write_text(drawing(letters).replace("67.5pt", "675pt"))
        (tmp_path / "_images" / "b.svg").write_text(drawing(""))
        Image.new("RGB", (30, 20)).save(tmp_path / "_images" / "c.png")
        page = tmp_path / "book" / "page.html"
        page.write_text("".join(f'<img alt="x" src="../_images/{n}" />' for n in ("b.svg", "a.svg", "c.png")))
        site_figures.finish_page(page, {})
        return page.read_text()

    def test_a_picture_says_how_large_it_is(self, page):
        assert 'width="90" height="60"' in page and 'width="900" height="60"' in page
        assert 'width="30" height="20"' in page

    def test_all_but_the_first_come_when_they_are_needed(self, page):
        assert [tag.count('loading="lazy"') for tag in re.findall("<img[^>]*>", page)] == [0, 1, 1]

    @pytest.mark.parametrize("before", ["stn-pipeline", "stn-widget"])
    def test_one_below_a_drawing_of_the_page_waits_too(self, tmp_path, before):
        (tmp_path / "_images").mkdir()
        Image.new("RGB", (30, 20)).save(tmp_path / "_images" / "c.png")
        page = tmp_path / "page.html"
        page.write_text(f'<div class="{before}"></div><img alt="x" src="_images/c.png" />')
        site_figures.finish_page(page, {})
        assert 'loading="lazy"' in page.read_text()

    def test_a_figure_with_small_letters_is_as_wide_as_they_need(self, page):
        """5 points are 6.67 px, so that 900 px would have to become 1,215."""
        assert re.findall(r'<span class="wide-figure"><img style="--legible: (\d+)px"', page) == ["1215"]


def test_the_first_sentence_of_a_caption_is_set_off():
    for words, point in {"A. B.": "A.", "Only one.": None, "At 0.5 px. Then": "At 0.5 px.", "Why? So": "Why?"}.items():
        caption = nodes.caption("", "", nodes.Text(words))
        site_figures.mark_point(caption)
        marked = [part.astext() for part in caption.findall(nodes.inline)]
        assert marked == ([point] if point else [])
        assert caption.astext() == words


def test_the_captions_of_tables_look_like_those_of_figures():
    title = nodes.title("", "", nodes.Text("The point. The rest."))
    page = nodes.section("", nodes.table("", title))
    site_figures.mark_points(None, page, "page")
    assert [part.astext() for part in page.findall(nodes.inline)] == ["The point."]


@pytest.mark.parametrize(("kind", "kept"), [("photograph", False), ("digit", True), ("see-through", True)])
def test_photographs_cost_little_and_drawings_keep_their_pixels(kind, kept):
    noise = np.random.default_rng(0).integers(0, 25, (60, 120, 3)).astype("uint8")
    smooth = np.add.outer(np.arange(60), np.arange(120))[..., None].astype("uint8")
    picture = Image.fromarray(noise + smooth if kind != "digit" else smooth[..., 0])
    if kind == "see-through":
        picture.putalpha(200)
    file = io.BytesIO()
    picture.save(file, "PNG")
    data = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    text = site_figures.photographs_lighter(drawing(f'<image xlink:href="{data}"/>'))
    assert (data in text) == kept
    if not kept:
        (packed,) = re.findall(r"data:image/webp;base64,([^\"]+)", text)
        again = np.asarray(Image.open(io.BytesIO(base64.b64decode(packed))), "float64")
        assert again.shape == (60, 120, 3) and len(text) < 0.6 * len(data)
        assert np.abs(again.mean(axis=(0, 1)) - np.asarray(picture, "float64").mean(axis=(0, 1))).max() < 3
