"""The tables and figures of results: what is drawn is what the rows say, and what is missing says so."""

import inspect
import re
from pathlib import Path
from typing import get_type_hints

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from stnlib import plotting
from stnlib.experiments import compare, files, listing, published, report, runs, table
from stnlib.experiments.catalog import EXPERIMENTS


@pytest.fixture(autouse=True)
def close_all():
    yield
    plt.close("all")


def measured(cell, mean, spread=None, curves=((3.0, 2.0),)):
    """A row of the table with a result put in."""
    result = {"mean": mean, "spread": spread, "seeds": len(curves), "epochs": 2, "other_budget": False}
    return cell | result | {"error_per_epoch": [list(curve) for curve in curves]}


@pytest.fixture
def rows(tmp_path):
    """The paper's clutter test set: FCN with two seeds, ST-FCN with one, the others not run."""
    fcn, cnn, st_fcn, st_cnn = table.pick("clutter", "clutter", folder=tmp_path)
    two_seeds = [(9.0, 5.0), (7.0, 3.0)]
    return [measured(fcn, 4.0, 1.5, two_seeds), cnn, measured(st_fcn, 2.0), st_cnn]


def test_pick_keeps_the_papers_order_and_one_test(tmp_path):
    picked = table.pick("article", "article", "original", folder=tmp_path)
    assert [row["model"] for row in picked] == [model.name for model in EXPERIMENTS["article"].models]
    assert {(row["distortion"], row["test"]) for row in picked} == {("article", "original")}


def test_a_folder_is_a_path_or_its_name_everywhere(tmp_path):
    put(tmp_path, "fcn", None, "R", 389)
    assert table.rows(str(tmp_path)) == table.rows(tmp_path)
    functions = [
        f for module in (files, listing, report, table) for _, f in inspect.getmembers(module, inspect.isfunction)
    ]
    hints = {f.__qualname__: get_type_hints(f) for f in functions if f.__module__.startswith("stnlib.experiments")}
    optional = {name: one["folder"] for name, one in hints.items() if "folder" in one and one["folder"] is not Path}
    assert len(optional) > 5 and set(optional.values()) == {Path | str | None}, optional


def test_by_model_leaves_out_what_was_not_run(rows):
    assert list(table.by_model(rows)) == ["fcn", "st_fcn"]


def test_errors_table_says_what_was_not_run(rows):
    lines = report.errors_table(rows, "Paper").splitlines()
    assert lines[2:4] == ["| FCN | 4.00 ± 1.50 | 2 | 13.2 |", "| CNN | not run | – | 3.5 |"]


def test_errors_table_has_a_dash_where_nothing_is_published(rows):
    assert report.errors_table([rows[0] | {"published": None}], "Paper").endswith("| – |")


def test_table_of_test_sets_marks_another_length_and_explains_the_mark(rows):
    short = [rows[0] | {"other_budget": True, "epochs": 20}, *rows[1:]]
    assert report.test_sets_table({"planned": rows, "short": short}).splitlines()[2:] == [
        "| FCN | 4.00 ± 1.50, *13.2* | 4.00 ± 1.50\\*, *13.2* |",
        "| CNN | not run, *3.5* | not run, *3.5* |",
        "| ST-FCN | 2.00, *2.0* | 2.00, *2.0* |",
        "| ST-CNN | not run, *1.7* | not run, *1.7* |",
        "",
        "\\* after 20 epochs",
    ]
    assert "\\*" not in report.test_sets_table({"planned": rows})


def test_table_of_test_sets_has_a_dash_where_nothing_is_published(rows):
    lines = report.test_sets_table({"ours alone": [rows[0] | {"published": None}]}).splitlines()
    assert lines[2] == "| FCN | 4.00 ± 1.50, – |"


def test_table_of_verdicts_marks_below_above_or_not_distinguishable(rows):
    ran = [row | {"test_images": 10_000} for row in rows]
    above = [row | {"published": 1.0} for row in ran]
    first, second, third, _ = report.verdicts_table({"clutter": ran, "other": above}).splitlines()[2:]
    assert first == "| FCN | 4.00 ± 1.50, *13.2* ▼ | 4.00 ± 1.50, *1.0* ▲ |"
    assert second == "| CNN | not run, *3.5* | not run, *1.0* |"
    assert third == "| ST-FCN | 2.00, *2.0* ○ | 2.00, *1.0* ▲ |"


def test_table_of_verdicts_has_every_error_with_an_asterisk_after_another_length(rows):
    short = [row | {"test_images": 10_000, "other_budget": True, "epochs": 20} for row in rows]
    first, second, *_, note = report.verdicts_table({"clutter": short}).splitlines()[2:]
    assert first == "| FCN | 4.00 ± 1.50\\*, *13.2* ▼ |" and second.startswith("| CNN | not run")
    assert note == "\\* after 20 epochs"


def test_table_of_visible_differences_has_the_gap_from_which_each_mark_would_change(rows):
    ran = [row | {"test_images": 10_000} for row in rows]
    first, second, third, _ = report.visible_table({"clutter": ran}).splitlines()[2:]
    gaps = [compare.clear_from(row, compare.as_published(row)) for row in (ran[0], ran[2])]
    assert first == f"| FCN | {gaps[0]:.2f} |" and gaps[0] > 2.1
    assert second == "| CNN | – |"
    assert third == f"| ST-FCN | {gaps[1]:.2f} |"


def put(folder, model, transform, distortion, wrong, experiment="protocol", epochs=640):
    """Write the record of a run that got the first `wrong` of 10,000 images wrong."""
    (run,) = runs.select(experiment, model, transform, distortion, epochs=epochs)
    marks, share = np.arange(10_000) < wrong, {"distorted": wrong / 10_000}
    record = {**vars(run), "name": run.name, "command": run.command, "error": share, "error_per_epoch": [share]}
    record |= {"parameters": 5, "train_images": 60_000, "test_images": 10_000, "test_set_sha256": "a"}
    record |= {"seconds": 1.0, "cpu_seconds": 1.0, "wrong": {"distorted": files.packed(marks)}}
    files.write_json(folder / f"{run.name}.json", record)


def test_of_the_papers_protocol_only_what_was_run_is_shown_and_the_rest_is_named(tmp_path):
    put(tmp_path, "fcn", None, "R", 389)
    put(tmp_path, "fcn", None, "R", 173, "paper", 80)
    _, _, *lines, none, said = report.protocol_text(tmp_path).splitlines()
    assert lines == ["| R | FCN | 3.89 ▲ | *2.1* | 1.73 (80 epochs) |"] and none == ""
    assert said == (
        "The error is clearly above the paper's for the FCN on R. We did not run the ST-FCN on R, the FCN on RTS, the "
        "ST-FCN on RTS, the FCN on P stretch, the ST-FCN on P stretch, the FCN on E and the ST-FCN on E."
    )


def test_of_the_papers_protocol_one_result_of_all_runs_is_said_once(tmp_path):
    for network in (("fcn", None), ("st_fcn", "affine")):
        put(tmp_path, *network, "R", 389)
    assert " All are clearly above the paper's. " in report.protocol_text(tmp_path).replace("\n", " ")


def test_more_runs_of_the_papers_protocol_appear_as_they_arrive_and_are_compared(tmp_path):
    put(tmp_path, "fcn", None, "R", 389), put(tmp_path, "st_fcn", "affine", "R", 125)
    put(tmp_path, "fcn", None, "RTS", 300), put(tmp_path, "st_fcn", "affine", "RTS", 300)
    _, _, *lines, _, said = report.protocol_text(tmp_path).splitlines()
    assert [line.split(" | ")[:3] for line in lines] == [
        ["| R", "FCN", "3.89 ▲"], ["| R", "ST-FCN", "1.25 ○"],
        ["| RTS", "FCN", "3.00 ▼"], ["| RTS", "ST-FCN", "3.00 ▲"],
    ]  # fmt: skip
    assert said == (
        "The error is clearly above the paper's for the FCN on R and the "
        "ST-FCN on RTS, clearly below the paper's for the FCN on RTS and not distinguishable from the paper's for the "
        "ST-FCN on R. On R the error with a transformer is clearly lower than the one without. On RTS the error with a "
        "transformer is not clearly different from the one without. We did not run the FCN on P stretch, the ST-FCN on "
        "P stretch, the FCN on E and the ST-FCN on E."
    )


def test_the_whole_protocol_leaves_no_count_of_what_is_missing_and_test_sets_share_a_sentence(tmp_path):
    for _, model, transform, distortion in EXPERIMENTS["protocol"].cells():
        put(tmp_path, model, transform, distortion, 100 if transform else 200)
    said = report.protocol_text(tmp_path)
    assert "did not run" not in said
    assert said.endswith(
        " On R, RTS, P stretch and E the error with a transformer is clearly lower than the one without."
    )


def test_table_of_layers_has_the_recorded_widths_in_the_order_of_the_models():
    lines = report.layers_table(["R"], 20).splitlines()[2:]
    assert [line.split(" | ")[1] for line in lines] == ["FCN", "CNN", "ST-FCN", "ST-CNN"]
    (record,) = [r for r in files.read_results() if r["name"] == "paper-R-st_cnn-affine-20-epochs-seed-0"]
    assert [int(part) for part in re.findall(r" (\d+)[,| ]", lines[3])][: len(record["widths"])] == record["widths"]
    assert lines[3].endswith(f"| {record['parameters']:,} |")


def test_table_of_test_sets_refuses_other_networks(rows):
    for others in (rows[:1], rows[::-1]):
        with pytest.raises(ValueError, match="test_sets: expected the same networks in each, in the same order"):
            report.test_sets_table({"one": rows, "two": others})


def test_panels_names_what_has_no_result(rows, capsys):
    _, parts = report.panels({"there": rows, "missing": rows[1:2]})
    assert [title for _, _, title in parts] == ["there"] and capsys.readouterr().out == "not run: missing\n"


def test_dots_stand_at_our_errors_and_diamonds_at_the_published(rows):
    figure = report.errors_figure({"clutter": rows})
    (ax,) = figure.axes
    places = {
        marker: [(x, y) for line in ax.lines if line.get_marker() == marker for x, y in line.get_xydata()]
        for marker in "oD"
    }
    assert places["o"] == [(4.0, 0), (2.0, 2)]
    bars = [container.lines[2] for container in ax.containers]
    assert [segment.tolist() for segment in bars[0][0].get_segments()] == [[[2.5, 0], [5.5, 0]]] and bars[1] == ()
    assert places["D"] == [(row["published"], height) for height, row in enumerate(rows)]
    assert [text.get_text() for text in ax.texts] == ["not run", "not run"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ours", "published"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["FCN", "CNN", "ST-FCN", "ST-CNN"]


def test_a_dot_of_another_length_is_hollow(rows):
    figure = report.errors_figure({"clutter": [rows[0] | {"other_budget": True}, *rows[1:]]})
    fills = [line.get_markerfacecolor() for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert fills == ["white", report.OURS["color"]]
    assert "ours, other length" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_curves_are_means_in_a_band_from_best_to_worst(rows):
    figure = report.curves_figure({"clutter": rows})
    (ax,) = figure.axes
    first, second = ax.lines
    assert first.get_xydata().tolist() == [[1, 8], [2, 4]] and second.get_ydata().tolist() == [3, 2]
    assert (first.get_marker(), second.get_marker()) == ("s", "o")
    assert (first.get_color(), second.get_color()) == tuple(plotting.COLORS[key] for key in ("fcn", "stn_fcn"))
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (3, 9) and ax.get_yscale() == "log"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["FCN", "ST-FCN"]


def test_long_curves_are_shown_from_the_fourth_epoch_on(rows):
    short, long = [(90.0, 2.0)], [(90.0, 80.0, 70.0, *[5.0] * 9)]
    tops = [report.curves_figure({"": [measured(rows[0], 1.0, None, c)]}).axes[0].get_ylim()[1] for c in (short, long)]
    assert tops[0] > 90 and 5 < tops[1] < 10


def test_markers_of_other_maps_than_the_affine_are_hollow(tmp_path):
    cells = [row for row in table.pick("paper", "E", folder=tmp_path) if row["model"] == "st_cnn"]
    figure = report.curves_figure({"E": [measured(cell, 2.0) for cell in cells]})
    found = {cell["transform"]: line for cell, line in zip(cells, figure.axes[0].lines, strict=True)}
    assert [found[name].get_linestyle() for name in ("affine", "projective", "tps")] == ["-", "--", ":"]
    filled = {name for name, line in found.items() if line.get_markerfacecolor() != "white"}
    assert filled == {"affine"}


def test_every_network_has_a_look_of_its_own():
    for plan in EXPERIMENTS.values():
        networks = {(model, transform) for _, model, transform, _ in plan.cells()}
        records = [(plan.model(model), transform) for model, transform in networks]
        looks = [(record.marker, report.STYLES[transform], record.color) for record, transform in records]
        assert len(looks) == len(set(looks))
        assert {color for _, _, color in looks} <= set(plotting.COLORS)


def test_the_additions_published_figures_are_those_of_the_same_transform():
    for model, (transform, best) in published.ADDITION_BEST.items():
        assert transform != "affine" and EXPERIMENTS["addition"].published_error(model, "affine", "addition") > best
