"""Sphinx extension: the directive `cells` shows a notebook's code cells, with their outputs, on another page.

```{cells} quickstart
```

They are the notebook's own, so the two pages cannot differ. A button below them opens the notebook in Colab.
"""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective


class OtherCells(nodes.General, nodes.Element):
    """Stands where the cells of another page will be."""


class Cells(SphinxDirective):
    """The code cells of a notebook in the same folder."""

    required_arguments = 1

    def run(self):
        """Leave the place open until all pages are read; then this page is read again when the notebook changes."""
        name, _ = self.env.relfn2path(self.arguments[0])
        if name not in self.env.found_docs:
            raise self.error(f"there is no page {self.arguments[0]!r}")
        self.env.note_dependency(self.env.doc2path(name))
        return [OtherCells(docname=name)]


def colab_button(options, docname):
    """A button that opens a notebook in Colab; `options` are the theme's.

    >>> options = {"repository_url": "https://github.com/a/b", "repository_branch": "main"}
    >>> options["launch_buttons"] = {"colab_url": "https://colab.research.google.com"}
    >>> colab_button(options, "book/quickstart")[0]["refuri"]
    'https://colab.research.google.com/github/a/b/blob/main/book/quickstart.ipynb'
    """
    repository = options["repository_url"].removeprefix("https://github.com/").rstrip("/")
    place = f"github/{repository}/blob/{options['repository_branch']}/{docname}.ipynb"
    link = f"{options['launch_buttons']['colab_url']}/{place}"
    classes = ["sd-btn", "sd-btn-outline-primary"]
    return nodes.paragraph("", "", nodes.reference("", "Run it in Colab", refuri=link, classes=classes))


def visible(cell):
    """Whether a node is a code cell that a page shows, wholly or folded."""
    return cell.get("nb_element") == "cell_code" and len(cell) > 0


def fill(app, env):
    """Put the cells into the pages that want them, before the figures are numbered; returns those pages."""
    changed = []
    for docname in env.found_docs:
        doctree = env.get_doctree(docname)
        places = list(doctree.findall(OtherCells))
        for place in places:
            cells = env.get_doctree(place["docname"]).findall(nodes.container)
            button = colab_button(app.config.html_theme_options, place["docname"])
            place.parent.replace(place, [*(cell.deepcopy() for cell in cells if visible(cell)), button])
        if places:
            app.builder.write_doctree(docname, doctree)
            changed.append(docname)
    return changed


def setup(app):
    """Register the directive, and the step that fills its place."""
    app.add_node(OtherCells)
    app.add_directive("cells", Cells)
    app.connect("env-get-updated", fill, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
