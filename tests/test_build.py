"""Building the book: which chapters run again after a change, what is kept, how long the stages took."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import build_book
import chapter_keys
import execution
import nbformat
import notebooks
import pytest
import run_notebooks

pytestmark = pytest.mark.repository

ROOT = Path(__file__).resolve().parent.parent

# A small library with what stnlib has: a light package, re-exported names, widgets in folders, results.
LIBRARY = {
    "requirements.txt": "numpy==2.1.0\n",
    "stnlib/__init__.py": "def __getattr__(name):\n    return {'sample': 'stnlib.sampling'}[name]\n",
    "stnlib/_checks.py": "def check():\n    pass\n",
    "stnlib/sampling.py": "from stnlib import _checks\n\n\ndef sample():\n    return _checks.check()\n",
    "stnlib/plotting.py": "def strip():\n    from stnlib import sampling\n",
    "stnlib/plotting.json": "{}",
    "stnlib/unused.py": "x = 1\n",
    "stnlib/tables/__init__.py": '"""Tables."""\n',
    "stnlib/tables/files.py": "from pathlib import Path\n\nFOLDER = Path('results')\n",
    "stnlib/tables/rows.py": "from . import files\n",
    "stnlib/widgets/__init__.py": "from .explorer import Explorer\nfrom .probe import Probe\n",
    "stnlib/widgets/core/__init__.py": "",
    "stnlib/widgets/core/host.py": "class Widget:\n    pass\n",
    "stnlib/widgets/core/widget.css": "",
    "stnlib/widgets/shared/draw.js": "",
    "stnlib/widgets/explorer/__init__.py": "from ..core.host import Widget\n\n\nclass Explorer(Widget):\n    x = 1\n",
    "stnlib/widgets/explorer/explorer.js": "import { line } from '../shared/draw.js';\n",
    "stnlib/widgets/probe/__init__.py": "from ..core.host import Widget\n\n\nclass Probe(Widget):\n    pass\n",
    "stnlib/widgets/probe/probe.css": "",
    "results/README.md": "",
    "results/a.json": "{}",
}
CHAPTERS = {
    "sampler": "from stnlib import sample",
    "figures": "import stnlib.plotting as plots",
    "explorer": "from stnlib.widgets import Explorer\nExplorer()",
    "probe": "from stnlib import widgets\nwidgets.Probe()",
    "tables": "from stnlib.tables.rows import *",
}


@pytest.fixture
def tree(tmp_path):
    """The small library in a folder."""
    for name, text in LIBRARY.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def notebook(code, prose="Words"):
    cells = [nbformat.v4.new_markdown_cell(prose), nbformat.v4.new_code_cell(code)]
    return nbformat.v4.new_notebook(cells=cells)


def keys(root, dataset="uci", chapters=CHAPTERS):
    chapter_keys.content.cache_clear()
    library = chapter_keys.Library(root)
    return {name: chapter_keys.key(notebook(code), dataset, library) for name, code in chapters.items()}


class TestWhatRunsAgain:
    @pytest.mark.parametrize(
        ("changed", "again"),
        [
            ("results/README.md", ""),
            ("stnlib/unused.py", ""),
            ("requirements.txt", "sampler figures explorer probe tables"),
            ("stnlib/__init__.py", "sampler figures explorer probe tables"),
            ("stnlib/_checks.py", "sampler figures"),  # through another module, and through a function
            ("stnlib/plotting.py", "figures"),
            ("stnlib/plotting.json", "figures"),
            ("stnlib/digits.json", "sampler figures"),  # of no module in particular: of all that lie beside it
            ("results/a.json", "tables"),
            ("results/new.json", "tables"),
            ("stnlib/widgets/core/widget.css", "explorer probe"),
            ("stnlib/widgets/core/host.py", "explorer probe"),
            ("stnlib/widgets/explorer/explorer.js", "explorer"),
            ("stnlib/widgets/explorer/new.html", "explorer"),
            ("stnlib/widgets/probe/probe.css", "probe"),
            ("stnlib/widgets/probe/__init__.py", "probe"),
        ],
    )
    def test_after_a_change(self, tree, changed, again):
        before = keys(tree)
        with (tree / changed).open("a") as file:
            file.write("\n")
        after = keys(tree)
        assert {name for name in CHAPTERS if before[name] != after[name]} == set(again.split())

    def test_a_script_that_another_folders_script_imports(self, tree):
        (tree / "stnlib/widgets/shared/__init__.py").write_text("")  # a package of its own that no module imports
        before = keys(tree)
        (tree / "stnlib/widgets/shared/draw.js").write_text("export const line = 1;\n")
        after = keys(tree)
        assert {name for name in CHAPTERS if before[name] != after[name]} == {"explorer"}

    def test_another_data_set_and_other_code_but_not_other_prose(self, tree):
        before = keys(tree)
        assert not set(before.values()) & set(keys(tree, "mnist").values())
        library = chapter_keys.Library(tree)
        same, other = notebook(CHAPTERS["sampler"], "Other words"), notebook(CHAPTERS["sampler"] + "\nx = 1")
        assert chapter_keys.key(same, "uci", library) == before["sampler"]
        assert chapter_keys.key(other, "uci", library) != before["sampler"]

    def test_a_name_that_no_module_defines_means_all_of_the_package(self, tree):
        code = {"unknown": "import stnlib\nstnlib.anything"}
        before = keys(tree, chapters=code)
        (tree / "stnlib/unused.py").write_text("x = 2\n")
        assert keys(tree, chapters=code) != before

    def test_the_books_own_chapters(self):
        """Each chapter needs what it imports, and only those with a widget need the widgets' style."""
        library = chapter_keys.Library()
        for script in notebooks.sources():
            text = script.read_text(encoding="utf-8")
            book = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
            files = {path.relative_to(ROOT).as_posix() for path in library.files(chapter_keys.code(book))}
            assert {"requirements.txt", "stnlib/__init__.py"} <= files
            assert any(file.endswith(".css") for file in files) == ("stnlib.widgets" in text), script
            assert "results/README.md" not in files


class TestKeptOutputs:
    def test_a_tested_chapter_becomes_the_readers(self, tmp_path):
        """It ran with a claim, which readers do not get, and its prose has changed since."""
        script = tmp_path / "01_a.py"
        script.write_text('# %%\n1\n\n# %% tags=["claim"]\nassert True\n\n# %%\n2\n')
        tested = run_notebooks.with_claims(script)
        for number, cell in enumerate(tested.cells):
            cell.outputs = [nbformat.v4.new_output("stream", text=str(number))]
        executed = tmp_path / "01_a-key.ipynb"
        nbformat.write(tested, executed)
        chapter = script.with_suffix(".ipynb")
        text = "# %% [markdown]\n# New words\n\n" + script.read_text()
        chapter.write_text(notebooks.generate(text, notebooks.repository_url()))
        book = execution.with_outputs(chapter, executed)
        shown = [(cell.source, cell.get("outputs", [{}])[0].get("text")) for cell in book.cells[1:]]
        assert shown == [("New words", None), ("1", "1"), ("2", "3")]

    def test_old_ones_go(self, tmp_path):
        copy = tmp_path / "01_a.ipynb"
        copy.write_text("{}")
        for number in range(6):
            target = tmp_path / "outputs" / f"01_a-{number}.ipynb"
            execution.keep(copy, target)
            os.utime(target, (number, number))
        execution.keep(copy, tmp_path / "outputs" / "02_b-0.ipynb")
        execution.keep(copy, tmp_path / "outputs" / "01_a-6.ipynb")
        left = {path.name for path in (tmp_path / "outputs").iterdir()}
        assert left == {f"01_a-{number}.ipynb" for number in (3, 4, 5, 6)} | {"02_b-0.ipynb"}


def test_start_up_lines_are_not_shown(capfd):
    lines = [*execution.START_UP, "a warning", "W0000 something is slow"]
    script = "import sys; print('page', flush=True); sys.stderr.write(sys.argv[1])"
    assert build_book.quietly([sys.executable, "-c", script, "\n".join(lines)], dict(os.environ)) == 0
    assert sorted(capfd.readouterr().out.splitlines()) == ["W0000 something is slow", "a warning", "page"]


MAKEFILE = """\
test:
\t@+$(PYTHON) {stages} lint unit
lint:
\t@true
unit:
\t@test -z "$(FAIL)"
colab:
\t@true
"""


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
class TestStages:
    def made(self, folder, **more):
        script = ROOT / "tools" / "stages.py"
        (folder / "Makefile").write_text(MAKEFILE.format(stages=script))
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "STAGES"))}
        done = subprocess.run(
            [sys.executable, script, "test", "colab"],
            cwd=folder,
            env=environment | {"PYTHON": sys.executable} | more,
            capture_output=True,
            text=True,
        )
        return done.returncode, [line.split("s  ")[1] for line in done.stdout.splitlines() if "min" in line]

    def test_each_stage_has_its_line_in_one_table(self, tmp_path):
        assert self.made(tmp_path) == (0, ["test", "  lint", "  unit", "colab"])

    def test_the_first_failure_is_the_end_and_is_told(self, tmp_path):
        status, lines = self.made(tmp_path, FAIL="1")
        assert status != 0
        assert lines == ["test", "  lint", "  unit"]
