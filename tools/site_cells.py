"""Sphinx extension: the directive `cells` shows a notebook's code cells, with their outputs, on another page.

```{cells} quickstart
```

They are the notebook's own, so the two pages cannot differ. A button below them opens the notebook in Colab.
"""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective


class Cells(SphinxDirective):
    """The code cells of a notebook in the same folder."""

    required_arguments = 1

    def run(self):
        """Return copies of the cells and a button; this page is read again when the notebook changes."""
        name, _ = self.env.relfn2path(self.arguments[0])
        if name not in self.env.found_docs:
            raise self.error(f"there is no page {self.arguments[0]!r}")
        self.env.note_dependency(self.env.doc2path(name))
        containers = self.env.get_doctree(name).findall(nodes.container)
        cells = [cell.deepcopy() for cell in containers if cell.get("nb_element") == "cell_code" and len(cell)]
        for image in (image for cell in cells for image in cell.findall(nodes.image)):
            image["uri"] = f"/{image['uri']}"  # it is below the book's folder, wherever this page is
        return [*cells, colab_button(self.config.html_theme_options, name)]


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


def notebooks_first(app, env, docnames):
    """Let notebooks be read before the pages that may show their cells."""
    docnames.sort(key=lambda name: (not str(env.doc2path(name)).endswith(".ipynb"), name))


def setup(app):
    """Register the directive, and see to it that what it shows is there."""
    app.add_directive("cells", Cells)
    app.connect("env-before-read-docs", notebooks_first)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
