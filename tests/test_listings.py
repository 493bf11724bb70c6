"""The chapters' listings are the library's own source, and nothing redefines them later."""

import inspect

import chapter_rules as rules
import nbformat
import notebooks
import pytest

from stnlib import sampling

pytestmark = pytest.mark.repository

# What the book builds in front of its reader, and where.
CORES = {
    "04_grid_generator": {"axis_coordinates", "affine_points"},
    "05_sampler": {"bilinear", "nearest"},
    "06_training": {"SpatialTransformer"},
}


@pytest.fixture(scope="module")
def chapters():
    return {script.stem: nbformat.read(script.with_suffix(".ipynb"), as_version=4) for script in notebooks.sources()}


def listing_of(source, name="bilinear", following="assert bilinear"):
    """A notebook with one listing of stnlib.sampling and the cell after it."""
    cells = [nbformat.v4.new_code_cell(text) for text in ("first", source, following)]
    cells[1].metadata["tags"] = [f"listing:stnlib.sampling.{name}"]
    return nbformat.v4.new_notebook(cells=cells)


def test_listings_are_the_library(chapters):
    problems = {chapter: rules.listing_problems(book) for chapter, book in chapters.items()}
    assert not any(problems.values()), problems


def test_the_cores_are_listed(chapters):
    for chapter, names in CORES.items():
        listed = {name for _, name, _ in rules.listings(chapters[chapter])}
        assert names <= listed, f"{chapter} lacks {sorted(names - listed)}"


def test_listed_names_are_not_redefined(chapters):
    assert rules.redefinitions(chapters) == []


class TestRulesCanFail:
    source = inspect.getsource(sampling.bilinear)

    def test_the_source_itself_passes_with_or_without_docstring(self):
        assert rules.listing_problems(listing_of(self.source)) == []
        before, _, after = self.source.split('"""')
        bare = before.rstrip(" ") + after.lstrip("\n")
        assert '"""' not in bare and bare.startswith("def ")
        assert rules.listing_problems(listing_of(bare)) == []

    def test_a_changed_operator_fails(self):
        changed = self.source.replace("return ", "return 2 * ", 1)
        assert len(rules.listing_problems(listing_of(changed))) == 1

    def test_something_beside_the_listing_fails(self):
        assert len(rules.listing_problems(listing_of(self.source + "\nextra = 1\n"))) == 1

    def test_an_unchecked_listing_fails(self):
        assert len(rules.listing_problems(listing_of(self.source, following="other()"))) == 1

    def test_an_unknown_name_fails(self):
        with pytest.raises(AttributeError):
            rules.listing_problems(listing_of(self.source, name="absent"))

    @pytest.mark.parametrize(
        "later", ["def bilinear(): pass", "class bilinear: pass", "a, bilinear = 1, 2", "bilinear += 1"]
    )
    def test_a_redefinition_fails(self, later):
        other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in ("first", later)])
        chapters = {"05": listing_of(self.source), "06": other}
        assert rules.redefinitions({"05": chapters["05"]}) == []
        assert rules.redefinitions(chapters) == ["06 redefines bilinear, which 05 lists"]
