"""Figures: right pixels, right places, legible."""

import base64
import io
import re

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from stnlib import plotting
from stnlib.grid import affine_grid


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_style_is_opaque():
    with mpl.rc_context():
        plotting.use_style()
        assert plt.rcParams["savefig.facecolor"] == "white" and not plt.rcParams["savefig.transparent"]


def test_show_draws_exact_pixels_on_a_fixed_scale(ax):
    image = np.array([[0.2, 0.4], [0.6, 0.3]])
    plotting.show(ax, image[..., None], "four")
    np.testing.assert_array_equal(ax.images[0].get_array(), image)
    assert ax.images[0].get_clim() == (0, 1) and ax.get_title() == "four" and list(ax.get_xticks()) == []


def test_show_takes_colour(ax):
    plotting.show(ax, np.full((2, 2, 3), 1.5))
    assert ax.images[0].get_array().shape == (2, 2, 3) and ax.images[0].get_array().max() == 1


def test_strip_fills_rows():
    figure = plotting.strip(np.zeros((5, 4, 4, 1)), titles="abcde", columns=3)
    assert len(figure.axes) == 6 and [ax.get_title() for ax in figure.axes] == ["a", "b", "c", "d", "e", ""]
    assert [bool(ax.images) for ax in figure.axes] == [True] * 5 + [False]
    plt.close(figure)


def test_strip_refuses_no_images_and_too_few_titles():
    with pytest.raises(ValueError, match="images: expected at least one, got none"):
        plotting.strip(np.zeros((0, 4, 4, 1)))
    with pytest.raises(ValueError, match="titles: expected 3, one for each image, got 2"):
        plotting.strip(np.zeros((3, 4, 4, 1)), titles="ab")


def test_strip_names_its_rows():
    figure = plotting.strip(np.zeros((6, 4, 4, 1)), rows=["above", "below"], columns=3)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["above", "", "", "below", "", ""]
    plt.close(figure)
    with pytest.raises(ValueError, match="rows: expected 2 names"):
        plotting.strip(np.zeros((6, 4, 4, 1)), rows=["one name for two rows"], columns=3)


def test_a_long_name_of_a_row_moves_no_picture():
    figures = [plotting.strip(np.zeros((3, 4, 4, 1)), rows=[name]) for name in ("a", "a" * 99)]
    short, long = ([ax.get_position().bounds for ax in figure.axes] for figure in figures)
    plt.close("all")
    np.testing.assert_allclose(short, long)


@pytest.mark.parametrize("columns", [3, 7, 10, 12])
def test_names_of_rows_stay_legible_where_the_figure_is_shrunk_to_a_phone(columns):
    figure = plotting.strip(np.zeros((columns, 4, 4, 1)), rows=["name"])
    shrink = min(1, 365 / (72 * figure.get_figwidth()))
    assert figure.axes[0].get_title(loc="left") == "name"
    assert figure.axes[0]._left_title.get_fontsize() * shrink > 7.9


def test_strip_has_rows_or_titles_not_both():
    with pytest.raises(ValueError, match="rows: expected None beside titles"):
        plotting.strip(np.zeros((2, 4, 4, 1)), titles="ab", rows=["both"])


def test_strip_keeps_the_shape_of_pictures_of_a_size():
    figure = plotting.strip([np.zeros((2, 4))] * 3, size=1.5)
    np.testing.assert_allclose(figure.get_size_inches(), [4.5, 0.75])
    plt.close(figure)


def test_wide_pictures_are_not_tiny_and_fit_a_page():
    """A number plate of 48 x 188 pixels was a quarter of an inch high."""
    plates = np.zeros((6, 48, 188, 3))
    for columns, height in ((2, 0.94), (3, 0.8), (6, 0.4)):
        figure = plotting.strip(plates, columns=columns)
        width, _ = figure.get_size_inches()
        assert width <= 10.01 and width / columns * 48 / 188 > height
    plt.close("all")
    figure = plotting.strip(np.zeros((3, 4, 4, 1)))
    np.testing.assert_allclose(figure.get_size_inches(), [2.85, 0.95])


@pytest.mark.parametrize("frame", [False, True])
def test_strip_draws_frames_only_when_asked(frame):
    figure = plotting.strip(np.zeros((2, 3, 3)), frame=frame)
    assert all(spine.get_visible() is frame for ax in figure.axes for spine in ax.spines.values())
    plt.close(figure)


@pytest.mark.parametrize("align_corners", [False, True])
def test_identity_grid_falls_on_the_pixel_centres(ax, align_corners):
    grid = np.asarray(affine_grid(np.array([[1.0, 0, 0, 0, 1, 0]], "float32"), (3, 4), align_corners))[0]
    plotting.draw_grid(ax, grid, (3, 4), align_corners)
    rows = [line.get_xydata() for line in ax.lines[:3]]
    np.testing.assert_allclose(rows[2], [[0, 2], [1, 2], [2, 2], [3, 2]], atol=1e-6)


def test_every_thins_the_lines(ax):
    plotting.draw_grid(ax, np.zeros((9, 9, 2)), (9, 9), every=3)
    assert len(ax.lines) == 3 + 3 + 4


@pytest.mark.parametrize("points", [True, False])
def test_a_grid_is_drawn_with_or_without_its_points(ax, points):
    plotting.draw_grid(ax, np.zeros((3, 3, 2)), (3, 3), points=points)
    assert {line.get_marker() for line in ax.lines[:6]} == {"." if points else "None"}


def test_curve(ax):
    plotting.curve(ax, [0, 1], [2, 3], "line", "red")
    assert ax.get_legend_handles_labels()[1] == ["line"]


def test_markdown_table_puts_words_left_and_numbers_right():
    rows = iter([("x", "y", 1), ("z", "w", 2)])
    text = plotting.markdown_table(("a", "b", "c"), rows, words=2)
    assert text.splitlines() == ["| a | b | c |", "|---|---|--:|", "| x | y | 1 |", "| z | w | 2 |"]


def test_markdown_table_refuses_a_row_of_another_length():
    with pytest.raises(ValueError, match=r"rows: expected 2 cells in each, as in the head, got 1 in \('x',\)"):
        plotting.markdown_table(("a", "b"), [("x",)])


def test_the_same_figure_gives_the_same_svg(ax):
    with mpl.rc_context():
        plotting.use_style()
        ax.plot([0, 1], [2, 3], marker="o")
        assert plotting.svg(ax.figure) == plotting.svg(ax.figure)


def test_an_svg_holds_no_more_pixels_than_an_image_has():
    with mpl.rc_context():
        plotting.use_style()
        figure = plotting.strip(np.random.default_rng(0).random((3, 5, 5)))
        text = plotting.svg(figure)
        plt.close(figure)
    pictures = re.findall(r"data:image/png;base64,\s*([^\"]+)", text)
    assert [Image.open(io.BytesIO(base64.b64decode(data))).size for data in pictures] == [(5, 5)] * 3


def test_many_points_do_not_make_an_svg_heavy(ax):
    x = np.random.default_rng(0).random((2, 5000))
    ax.scatter(*x)
    ax.plot(*x, ".")
    text = plotting.svg(ax.figure)
    assert text.count("<use ") < 200 and "<image " in text


def test_a_notebook_shows_a_figure_as_svg(ax):
    from IPython.core.interactiveshell import InteractiveShell

    try:
        shell = InteractiveShell.instance()
        with mpl.rc_context():
            plotting.use_style()
            shown, _ = shell.display_formatter.format(ax.figure)
            assert shown["image/svg+xml"] == plotting.svg(ax.figure)
    finally:
        InteractiveShell.clear_instance()
    assert "image/png" not in shown
