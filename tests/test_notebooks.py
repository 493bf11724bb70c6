"""The committed notebooks, and that the rules they are held to can fail."""

import argparse
import json
import os
import re
import sys
import types

import chapter_rules as rules
import colab_check
import nbformat
import notebooks
import pytest
import reading
import run_notebooks

import stnlib

pytestmark = pytest.mark.repository

URL = "https://github.com/OWNER/stn-hands-on"
SCRIPTS = notebooks.sources()
STYLE = (
    rules.outputs,
    rules.lengths,
    rules.widths,
    rules.reports,
    rules.alternatives,
    rules.captions,
    rules.size,
    rules.structure,
    rules.checks,
)
SCRIPT = """# %% [markdown]
# # Why?

# %% tags=["hide-input"] mystnb={"image": {"alt": "A line that rises."}}
plt.plot([1, 2])

# %%
x = 1

# %% tags=["claim"]
assert x < 2

# %%
x = 1
"""


def read(path):
    return nbformat.read(path.with_suffix(".ipynb"), as_version=4)


def book_of(*sources, **metadata):
    """A notebook: the generated cell, then code cells with some sources."""
    cells = [nbformat.v4.new_code_cell(source, metadata=metadata) for source in sources]
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("first"), *cells])


def prose_of(text):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("first"), nbformat.v4.new_markdown_cell(text)])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
class TestChapters:
    def test_notebook_is_what_its_source_generates(self, script):
        committed = script.with_suffix(".ipynb").read_text(encoding="utf-8")
        url = notebooks.repository_url()
        assert committed == notebooks.generate(script.read_text(encoding="utf-8"), url)

    @pytest.mark.parametrize("rule", STYLE, ids=lambda rule: rule.__name__)
    def test_keeps_the_house_style(self, script, rule):
        assert rule(read(script)) == []

    def test_no_time_is_typed(self, script):
        assert not re.search(r"Reading: |Running: ", script.read_text(encoding="utf-8"))

    def test_a_chapter_has_exercises_and_the_quick_start_has_none(self, script):
        asked = re.findall(r"\{exercise", rules.prose(read(script)))
        most = 4 if script.stem[0].isdigit() else 8  # an appendix may consist of exercises
        problems = asked if script.stem == "quickstart" else rules.exercises(read(script), most)
        assert problems == []

    def test_its_claims_are_beside_what_readers_run(self, script):
        assert rules.claims(run_notebooks.with_claims(script)) == []

    def test_names_the_repository_once(self, script):
        colab = read(script).cells[0]
        assert colab.metadata["tags"] == ["remove-cell"]
        assert f'git+{notebooks.repository_url()}@v{stnlib.__version__}"' in colab.source
        assert notebooks.repository_url() not in script.read_text(encoding="utf-8")


def test_no_notebook_is_stale_or_without_source():
    assert notebooks.stale() == []


def test_the_quick_start_is_one_cell_of_at_most_25_lines():
    (cell,) = rules.code_cells(read(SCRIPTS[0]))
    assert SCRIPTS[0].stem == "quickstart"
    assert len(cell.source.splitlines()) <= 25


def test_appendices_come_after_the_chapters(tmp_path):
    (tmp_path / "book").mkdir()
    for name in ("an_appendix", "13_last", "quickstart", "01_first"):
        (tmp_path / "book" / f"{name}.py").touch()
    assert [path.stem for path in notebooks.sources(tmp_path)] == ["quickstart", "01_first", "13_last", "an_appendix"]


class TestGenerator:
    def test_regenerates_byte_identical_with_distinct_ids(self):
        text = notebooks.generate(SCRIPT, URL)
        assert text == notebooks.generate(SCRIPT, URL)
        ids = [cell["id"] for cell in json.loads(text)["cells"]]
        assert len(set(ids)) == len(ids) == 5

    def test_an_inserted_cell_renames_no_other(self):
        before = json.loads(notebooks.generate(SCRIPT, URL))["cells"]
        longer = SCRIPT.replace("# %%\nx = 1", "# %%\nnew = 2\n\n# %%\nx = 1", 1)
        after = json.loads(notebooks.generate(longer, URL))["cells"]
        assert {cell["id"] for cell in before} < {cell["id"] for cell in after}

    def test_readers_get_no_claims_and_the_same_cells(self):
        shown = json.loads(notebooks.generate(SCRIPT, URL))["cells"]
        tested = json.loads(notebooks.generate(SCRIPT, URL, claims=True))["cells"]
        assert [cell for cell in tested if "claim" not in cell["metadata"].get("tags", [])] == shown
        assert [cell["source"] for cell in tested if cell not in shown] == [["assert x < 2"]]

    def test_a_claim_renames_no_cell_of_the_same_text(self):
        claimed = SCRIPT.replace("# %%\nx = 1", '# %% tags=["claim"]\nx = 1\n\n# %%\nx = 1', 1)
        assert notebooks.generate(claimed, URL) == notebooks.generate(SCRIPT, URL)
        shown = json.loads(notebooks.generate(SCRIPT, URL))["cells"]
        assert all(cell in json.loads(notebooks.generate(claimed, URL, claims=True))["cells"] for cell in shown)

    def test_keeps_tags_and_text_alternatives(self):
        cell = json.loads(notebooks.generate(SCRIPT, URL))["cells"][2]
        alternative = {"image": {"alt": "A line that rises."}}
        assert cell["metadata"] == {"tags": ["hide-input"], "mystnb": alternative}

    def test_the_reading_time_stands_below_the_title(self):
        script = SCRIPT.replace("# # Why?", "# # Why?\n#\n# " + "word " * 999, 1)
        longer = script.replace("# word", "# " + "word " * 1000, 1)
        for text, minutes in ((script, 6), (longer, 12)):
            title = json.loads(notebooks.generate(text, URL))["cells"][1]["source"]
            assert "Why?" in title[0]
            assert title[1:4] == ["\n", f"*Reading: about {minutes} minutes.*\n", "\n"]
        assert "Reading" not in notebooks.generate(SCRIPT, URL)

    def test_the_reading_time_renames_no_cell(self):
        """More code elsewhere changes the time, and no id."""
        script = SCRIPT.replace("# # Why?", "# # Why?\n#\n# " + "word " * 999, 1)
        before, after = (
            json.loads(notebooks.generate(text, URL))["cells"]
            for text in (script, script + "\n# %%\n" + "y = 1\n" * 30)
        )
        assert before[1]["source"] != after[1]["source"]
        assert [cell["id"] for cell in before] == [cell["id"] for cell in after[:-1]]

    def test_a_changed_source_or_address_is_noticed(self, tmp_path):
        (tmp_path / "book").mkdir()
        config = tmp_path / "_config.yml"
        config.write_text(f"repository:\n  url: {URL}\n")
        script, book = tmp_path / "book" / "01_a.py", tmp_path / "book" / "01_a.ipynb"
        script.write_text(SCRIPT)
        assert notebooks.stale(tmp_path) == [book]
        book.write_text(notebooks.generate(SCRIPT, URL))
        assert notebooks.stale(tmp_path) == []
        script.write_text(SCRIPT + "y = 2\n")
        assert notebooks.stale(tmp_path) == [book]
        script.write_text(SCRIPT)
        config.write_text("repository:\n  url: https://github.com/someone/fork\n")
        assert notebooks.stale(tmp_path) == [book]
        script.unlink()
        assert notebooks.stale(tmp_path) == [book]

    def test_the_first_cell_does_nothing_outside_colab(self, monkeypatch):
        monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("installed something"))
        monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
        exec(json_source(notebooks.generate(SCRIPT, URL)), {})
        assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ

    def test_in_colab_tensorflow_starts_quietly(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
        monkeypatch.setattr("subprocess.run", lambda *_, **__: types.SimpleNamespace(returncode=0))
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")  # so that it is put back
        monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
        exec(json_source(notebooks.generate(SCRIPT, URL)), {})
        assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"


def test_the_cards_of_the_introduction_ask_what_the_pages_ask():
    intro = (notebooks.ROOT / "book" / "intro.md").read_text(encoding="utf-8")
    asked = dict(re.findall(r"^:link: (\d\w+)\n:link-type: doc\n\n(.+)$", intro, re.M))
    titles = {path.stem: re.search(r"^# # (.+)$", path.read_text(encoding="utf-8"), re.M)[1] for path in SCRIPTS}
    assert asked == {name: title for name, title in titles.items() if name[0].isdigit()}


class TestReading:
    """What counts as read: the text, the code that is shown, and no solution."""

    solved = """Some words.

:::{exercise} One title
:label: ex-one

A question?
:::

:::{solution-start} ex-one
:class: dropdown
:::"""
    ended = """An answer in many words.

:::{solution-end}
:::

:::{solution} ex-two
:class: dropdown

Another answer.
:::

Last $x + y$ words.

$$
a + b
$$"""

    def cells(self, *parts):
        first = nbformat.v4.new_code_cell("first")
        made = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
        return [first, *(made[kind](text) for kind, text in parts)]

    def test_words(self):
        cells = self.cells(("markdown", self.solved), ("code", "x = 1"), ("markdown", self.ended))
        # Some words. One title A question? Last $x y$ words.
        assert reading.words(cells[1:]) == 10

    def test_lines(self):
        cells = self.cells(("code", "a = 1\n\nb = 2"), ("markdown", self.solved), ("code", "x = 1\ny = 2"))
        assert reading.lines(cells[1:]) == 2
        cells[1].metadata["tags"] = ["hide-input"]
        assert reading.lines(cells[1:]) == 0
        cells += self.cells(("markdown", self.ended), ("code", "x = 1"))[1:]
        assert reading.lines(cells[1:]) == 1

    def test_minutes(self):
        page = self.cells(("markdown", "word " * 1600), ("code", "x = 1\n" * 180))[1:]
        assert reading.minutes(page) == 23  # 8 for the words, 12 for the code, and what is read twice

    @pytest.mark.parametrize(
        ("kind", "source", "figure"),
        [
            ("code", "plotting.strip(images)", {"caption": "A line rises.", "name": "fig-01-line"}),
            ("code", "Markdown(plotting.markdown_table(head, rows))", {}),
            ("code", "from stnlib.widgets import TrainLab\n\nTrainLab()", {}),
            ("markdown", "| a | b |\n|---|--:|\n| 1 | 2 |", {}),
        ],
    )
    def test_figures_tables_and_widgets_take_twenty_seconds_each(self, kind, source, figure):
        cells = self.cells(*[(kind, source)] * 60)[1:]
        for cell in cells:
            cell.metadata |= {"tags": ["hide-input"], "mystnb": {"figure": figure}}
        assert reading.figures(cells) == 60 and 23 <= reading.minutes(cells) <= 24  # captions have words, too
        gate = ":::{solution-start} ex\n:::"
        assert reading.figures([*self.cells(("markdown", gate))[1:], *cells]) == 0

    def test_captions_and_composed_text_are_words(self):
        (cell,) = self.cells(("code", 'x = "no text"\nMarkdown(f"Three words and {x}.")'))[1:]
        assert reading.words([cell]) == 3
        cell.metadata["mystnb"] = {"figure": {"caption": "A line rises."}}
        assert reading.words([cell]) == 6
        cell.metadata["tags"] = ["claim"]
        assert reading.words([cell]) == reading.figures([cell]) == 0

    def test_what_is_counted_stays_as_it_was(self):
        cells = self.cells(("markdown", self.solved), ("code", "x = 1"))
        reading.words(cells)
        assert cells[1].source == self.solved


def json_source(text):
    return "".join(json.loads(text)["cells"][0]["source"])


class TestRunWithClaims:
    """Chapters are run with their claims, and stored as readers get them."""

    @pytest.fixture
    def script(self, tmp_path):
        path = tmp_path / "01_a.py"
        path.write_text("# %%\nSEED = 0\n\n" + SCRIPT)
        return path

    def test_a_failed_claim_is_reported_and_stops_nothing(self, script):
        book = run_notebooks.with_claims(script)
        (claim,) = (cell for cell in book.cells if "claim" in cell.metadata.get("tags", []))
        assert "raises-exception" in claim.metadata["tags"]
        assert run_notebooks.failed_claims(book) == []
        claim.outputs = [nbformat.v4.new_output("error", ename="AssertionError", evalue="", traceback=[])]
        (problem,) = run_notebooks.failed_claims(book)
        assert "AssertionError" in problem and "assert x < 2" in problem

    def test_another_seed_changes_the_constant_alone(self, script):
        sources = [cell.source for cell in run_notebooks.with_claims(script).cells]
        other = [cell.source for cell in run_notebooks.with_claims(script, seed=7).cells]
        assert [after for before, after in zip(sources, other, strict=True) if before != after] == ["SEED = 7"]

    def test_noise_changes_the_first_weights_by_a_millionth(self, script, monkeypatch):
        import keras

        monkeypatch.setattr(keras.Model, "fit", lambda model, *_, **__: None)
        exec(run_notebooks.NOISE, {})
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(3)])
        before = model.get_weights()
        model.fit()
        first, *others = (
            after / start for after, start in zip(model.get_weights(), before, strict=True) if start.any()
        )
        assert (abs(first - 1 - 1e-6) < 5e-7).all() and all((ratio == 1).all() for ratio in others)
        assert run_notebooks.NOISE in run_notebooks.with_claims(script, noise=True).cells[0].source


@pytest.mark.parametrize("tool", [run_notebooks, colab_check], ids=lambda tool: tool.__name__)
def test_a_misspelt_chapter_is_refused_before_anything_is_made(tool, monkeypatch, capsys):
    for start in ("subprocess.run", "shutil.rmtree", "venv.create"):
        monkeypatch.setattr(start, lambda *words, **_: pytest.fail(f"started with {words}"))
    monkeypatch.setattr(sys, "argv", ["tool", SCRIPTS[0].stem, "01_motivatoin"])
    with pytest.raises(SystemExit) as stopped:
        tool.main()
    assert stopped.value.code == 2 and "no chapter is called 01_motivatoin" in capsys.readouterr().err


def test_chapters_are_chosen_by_name_in_the_books_order():
    names = [path.stem for path in SCRIPTS]
    parser = argparse.ArgumentParser()
    assert notebooks.chosen(parser, []) == SCRIPTS
    assert [path.stem for path in notebooks.chosen(parser, [names[3], names[1]])] == [names[1], names[3]]


class TestRulesCanFail:
    def test_outputs(self):
        book = book_of("1")
        assert rules.outputs(book) == []
        book.cells[1].outputs = [nbformat.v4.new_output("stream", text="1")]
        assert len(rules.outputs(book)) == 1
        book.cells[1].outputs, book.cells[1].execution_count = [], 3
        assert len(rules.outputs(book)) == 1

    @pytest.mark.parametrize(
        ("sources", "count"),
        [
            (["x\n" * 8, "x\n" * 8], 0),
            (["x\n" * 9, "x\n" * 9], 1),
            (["x\n" * 30], 0),
            (["x", "x", "x\n" * 30], 0),
            (["x", "x", "x\n" * 31], 1),
            (["x", "x", "class A:\n" + "    x\n" * 39], 0),
            (["x", "x", "class A:\n" + "    x\n" * 40], 1),
        ],
    )
    def test_lengths(self, sources, count):
        assert len(rules.lengths(book_of(*sources))) == count

    def test_widths(self):
        long = "x" * (rules.LINE_WIDTH + 1)
        assert rules.widths(book_of(long[1:])) == []
        assert len(rules.widths(book_of(f"x = 1\n{long}"))) == 1
        assert rules.widths(book_of(long, tags=["hide-input"])) == []
        assert rules.widths(book_of(long, tags=["remove-input"])) == []

    @pytest.mark.parametrize(
        ("printed", "fits"),
        [
            ("training.health(model, images[:2])[0]", False),
            ("str(health(model, images)[0])", False),
            ("health(model, images)[0].verdict", False),
            ("report.verdict", False),
            ("textwrap.fill(str(health(model, images)[0]), 84)", True),
            ("textwrap.fill(report.verdict, 84)", True),
            ("f'outside {health(model, images)[0].outside:.0%}'", True),
            ("report.state", True),
        ],
    )
    def test_reports(self, printed, fits):
        assert (rules.reports(book_of(f"print({printed})")) == []) is fits

    def test_alternatives(self):
        figure = "fig, ax = plt.subplots()"
        assert len(rules.alternatives(book_of(figure))) == 1
        assert rules.alternatives(book_of(figure, mystnb={"image": {"alt": "A"}})) == []
        assert rules.alternatives(book_of("def draw():\n    plt.subplots()")) == []
        assert len(rules.alternatives(book_of("report.errors_figure(records)"))) == 1

    def test_size_in_words(self):
        assert rules.size(prose_of("word " * rules.WORDS)) == []
        assert rules.size(prose_of("word " * (rules.WORDS + 1))) == [f"{rules.WORDS + 1} words, at most {rules.WORDS}"]
        assert rules.size(prose_of(":::{solution} ex\n" + "word " * rules.WORDS + "\n:::"))

    @pytest.mark.parametrize(
        ("source", "counts"),
        [
            ("plotting.strip(images)", True),
            ("Markdown(plotting.markdown_table(head, rows))", True),
            ('Markdown(f"""\n| a | b |\n|---|--:|\n| 1 | {b} |""")', True),
            ('print("a | b")', False),
        ],
    )
    def test_size_in_figures_and_tables(self, source, counts):
        assert rules.size(book_of(*[source] * rules.FIGURES)) == []
        assert len(rules.size(book_of(*[source] * (rules.FIGURES + 1)))) == counts

    def test_size_in_minutes(self):
        lines = int(reading.LINES_A_MINUTE * rules.MINUTES / (1 + reading.TWICE))
        assert rules.size(book_of("x = 1\n" * lines)) == []
        longer = book_of("x = 1\n" * (lines + reading.LINES_A_MINUTE))
        assert rules.size(longer) == [f"{rules.MINUTES + 1} minutes to read, at most {rules.MINUTES}"]

    def test_a_table_in_the_text_counts(self):
        table = "| a | b |\n|---|--:|\n| 1 | 2 |"
        cells = [nbformat.v4.new_markdown_cell(table) for _ in range(rules.FIGURES + 1)]
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("first"), *cells])
        assert rules.size(book) == [f"{rules.FIGURES + 1} figures and tables, at most {rules.FIGURES}"]

    @pytest.mark.parametrize(
        ("figure", "count"),
        [
            ({"caption": "A line rises.", "name": "fig-01-line"}, 0),
            ({"caption": "A line rises.", "name": "fig-quickstart"}, 0),
            ({"caption": "A line rises."}, 1),
            ({"name": "fig-01-line"}, 1),
            ({"caption": "A line rises.", "name": "line"}, 1),
            ({}, 2),
        ],
    )
    def test_captions(self, figure, count):
        assert len(rules.captions(book_of("plt.subplots()", mystnb={"figure": figure}))) == count
        assert rules.captions(book_of("def draw():\n    plt.subplots()")) == []

    def test_captions_of_one_name(self):
        figure = {"caption": "A line rises.", "name": "fig-01-line"}
        assert len(rules.captions(book_of("plt.subplots()", "ax.plot(x)", mystnb={"figure": figure}))) == 1

    @pytest.mark.parametrize(
        ("source", "count"),
        [
            ("assert shape == (3, 3)", 0),
            ("assert np.allclose(a, b)", 0),
            ("np.testing.assert_allclose(a, b, atol=1e-5)", 0),
            ("assert np.abs(a - b).max() < 1e-5", 0),
            ("assert accuracy > 0.8", 1),
            ("assert gain[0] > gain[1]", 1),
            ("for error in errors:\n    assert 1e-6 < error < 0.2", 1),
            ("assert x == 1\n" * rules.CHECKS, 0),
            ("assert x == 1\n" * (rules.CHECKS + 1), 1),
        ],
    )
    def test_checks(self, source, count):
        assert len(rules.checks(book_of(source))) == count

    @pytest.mark.parametrize(
        ("shown", "claim", "count"),
        [
            ("x = 1", "assert x < 2", 0),
            ("x = 1", "y = x\nassert all(k < 2 for k in (x, y))", 0),
            ("k = 1", "assert all(k < 2 for k in (1, 0))", 0),
            ("x = 1", "x < 2", 1),
            ("x = 1", "x = 0\nassert x < 2", 1),
            ("print(y)", "y = 1\nassert y < 2", 1),
            ("print(math.pi)", "import math\nassert math.pi < 4", 1),
            ("print(k)", "for k in (1, 0):\n    assert k < 2", 1),
        ],
    )
    def test_claims(self, shown, claim, count):
        book = book_of(shown, claim)
        book.cells[2].metadata["tags"] = ["claim"]
        assert len(rules.claims(book)) == count

    @pytest.mark.parametrize(
        ("text", "count"),
        [
            ("# A\n" + ":::{exercise} B\n:::\n:::{solution-start} b\n:::\n" * 2, 0),
            ("# A\n" + ":::{exercise} B\n:::\n:::{solution-start} b\n:::\n" * 5, 1),
            ("# A\n" + ":::{exercise} B\n:::\n" * 2, 1),
            ("Words\n\n# A\n" + ":::{exercise} B\n:::\n:::{solution} b\n:::\n" * 2, 1),
            ("# A\n\n# B\n" + ":::{exercise} B\n:::\n:::{solution} b\n:::\n" * 2, 1),
            ("# A\n\n#\n" + ":::{exercise} B\n:::\n:::{solution} b\n:::\n" * 2, 1),
        ],
    )
    def test_structure(self, text, count):
        assert len(rules.structure(prose_of(text)) + rules.exercises(prose_of(text))) == count

    def test_executed_outputs(self):
        book = book_of("1")
        figure = nbformat.v4.new_output("display_data", data={"image/png": "", "text/plain": "F"})
        book.cells[1].outputs = [figure]
        assert len(run_notebooks.output_problems(book)) == 1
        book.cells[1].metadata["mystnb"] = {"image": {"alt": "A line that rises."}}
        assert run_notebooks.output_problems(book) == []
        book.cells[1].outputs = []
        (problem,) = run_notebooks.output_problems(book)
        assert "no figure" in problem
        warning = nbformat.v4.new_output("stream", name="stderr", text="UserWarning: no")
        book.cells[1].outputs = [figure, warning]
        assert len(run_notebooks.output_problems(book)) == 1
        start_up = "I0000 00:00:1.1 port.cc:153] oneDNN custom operations are on."
        book.cells[1].outputs = [figure, nbformat.v4.new_output("stream", name="stderr", text=start_up)]
        assert run_notebooks.output_problems(book) == []

    def test_no_printed_line_is_wider_than_the_page(self):
        def problems(*told):
            book = book_of("1")
            book.cells[1].outputs = [nbformat.v4.new_output(kind, **options) for kind, options in told]
            return run_notebooks.output_problems(book)

        half = "x" * (rules.LINE_WIDTH // 2)
        printed = ("stream", {"name": "stdout", "text": half})
        result = ("execute_result", {"data": {"text/plain": half}})
        assert problems(printed, printed) == problems(printed, printed, result) == []
        assert len(problems(printed, printed, printed)) == 1
        start_up = "I0000 00:00:1.1 port.cc:153] oneDNN custom operations are on." + half
        assert problems(("stream", {"name": "stderr", "text": start_up})) == []
        table = {"text/markdown": f"| {half} | {half} |", "text/plain": "<Markdown object>"}
        assert problems(("execute_result", {"data": table})) == []

    @pytest.mark.parametrize(
        ("kind", "content", "count"),
        [
            ("execute_result", {"text/markdown": "", "text/plain": "<IPython.core.display.Markdown object>"}, 1),
            ("display_data", {"text/plain": "<Figure object at 0x7f2c5c0>"}, 1),
            ("execute_result", {"text/plain": "[<matplotlib.lines.Line2D at 0x7f2c5c0>]"}, 1),
            ("stream", "<function warp at 0x7f2c5c0>\n", 1),
            ("execute_result", {"text/markdown": "A table", "text/plain": "<IPython.core.display.Markdown object>"}, 0),
            ("execute_result", {"text/plain": "array([0.5, 1.2])"}, 0),
            ("stream", "an object at 0 < x and y > 0\n", 0),
        ],
    )
    def test_objects_are_not_shown_as_their_type(self, kind, content, count):
        book = book_of("1")
        told = {"text": content} if kind == "stream" else {"data": content}
        book.cells[1].outputs = [nbformat.v4.new_output(kind, **told)]
        assert len(run_notebooks.output_problems(book)) == count
