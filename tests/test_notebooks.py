"""The committed notebooks, and that the rules they are held to can fail."""

import json

import chapter_rules as rules
import nbformat
import notebooks
import pytest
import run_notebooks

pytestmark = pytest.mark.repository

URL = "https://github.com/OWNER/stn-hands-on"
SCRIPTS = notebooks.sources()
SCRIPT = """# %% [markdown]
# # Why?

# %% tags=["hide-input"] mystnb={"image": {"alt": "A line that rises."}}
plt.plot([1, 2])

# %%
x = 1

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

    @pytest.mark.parametrize("rule", [rules.outputs, rules.lengths, rules.widths, rules.alternatives, rules.structure])
    def test_keeps_the_house_style(self, script, rule):
        assert rule(read(script)) == []

    def test_names_the_repository_once(self, script):
        colab = read(script).cells[0]
        assert colab.metadata["tags"] == ["remove-cell"]
        assert f"git+{notebooks.repository_url()}" in colab.source
        assert notebooks.repository_url() not in script.read_text(encoding="utf-8")


def test_no_notebook_is_stale_or_without_source():
    assert notebooks.stale() == []


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

    def test_keeps_tags_and_text_alternatives(self):
        cell = json.loads(notebooks.generate(SCRIPT, URL))["cells"][2]
        alternative = {"image": {"alt": "A line that rises."}}
        assert cell["metadata"] == {"tags": ["hide-input"], "mystnb": alternative}

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
        exec(json_source(notebooks.generate(SCRIPT, URL)), {})


def json_source(text):
    return "".join(json.loads(text)["cells"][0]["source"])


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
            (["x\n" * 8], 0),
            (["x\n" * 9], 1),
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

    def test_alternatives(self):
        figure = "fig, ax = plt.subplots()"
        assert len(rules.alternatives(book_of(figure))) == 1
        assert rules.alternatives(book_of(figure, mystnb={"image": {"alt": "A"}})) == []
        assert rules.alternatives(book_of("def draw():\n    plt.subplots()")) == []
        assert len(rules.alternatives(book_of("report.errors_figure(exams)"))) == 1

    @pytest.mark.parametrize(
        ("text", "count"),
        [
            ("# A\n" + ":::{exercise} B\n:::\n:::{solution-start} b\n:::\n" * 2, 0),
            ("# A\n" + ":::{exercise} B\n:::\n:::{solution-start} b\n:::\n" * 5, 1),
            ("# A\n" + ":::{exercise} B\n:::\n" * 2, 1),
            ("Words\n\n# A\n" + ":::{exercise} B\n:::\n:::{solution} b\n:::\n" * 2, 1),
            ("# A\n\n# B\n" + ":::{exercise} B\n:::\n:::{solution} b\n:::\n" * 2, 1),
        ],
    )
    def test_structure(self, text, count):
        assert len(rules.structure(prose_of(text))) == count

    def test_executed_outputs(self):
        book = book_of("1")
        figure = nbformat.v4.new_output("display_data", data={"image/png": "", "text/plain": "F"})
        book.cells[1].outputs = [figure]
        assert len(run_notebooks.output_problems(book)) == 1
        book.cells[1].metadata["mystnb"] = {"image": {"alt": "A line that rises."}}
        assert run_notebooks.output_problems(book) == []
        warning = nbformat.v4.new_output("stream", name="stderr", text="UserWarning: no")
        book.cells[1].outputs = [warning]
        assert len(run_notebooks.output_problems(book)) == 1
        start_up = "I0000 00:00:1.1 port.cc:153] oneDNN custom operations are on."
        book.cells[1].outputs = [nbformat.v4.new_output("stream", name="stderr", text=start_up)]
        assert run_notebooks.output_problems(book) == []
