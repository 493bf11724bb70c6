"""Sphinx extension: what a page shows of notebooks.

The directive `cells` shows a notebook's code cells, with their outputs, on another page.

```{cells} quickstart
```

They are the notebook's own, so the two pages cannot differ. A button below them opens the notebook in Colab.

The role {chapters}`hours` says how many hours the chapters take to read, as the lines below their titles add up,
{accuracy}`model` what the recorded runs say of one of the article's networks, and {repository}`text` links to the
book's repository, which _config.yml alone names.
"""

from pathlib import Path

import nbformat
import reading
from docutils import nodes
from sphinx.util.docutils import SphinxDirective, SphinxRole


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


class Chapters(SphinxRole):
    """How long all chapters take to read, in hours, to the half: the sum of what they say below their titles."""

    def run(self):
        """Return the hours as text; the page is read again when a chapter changes."""
        paths = sorted(Path(self.env.srcdir, "book").glob("[0-9]*.ipynb"))
        for path in paths:
            self.env.note_dependency(str(path))
        return [nodes.Text(hours(reading.minutes(nbformat.read(path, as_version=4).cells[1:]) for path in paths))], []


class Accuracy(SphinxRole):
    """The accuracy of one of the article's networks on distorted digits, by its recorded runs on all of MNIST."""

    def run(self):
        """Return the accuracy as text; the page is read again when the runs change."""
        from stnlib.experiments import files

        for path in sorted(files.results_folder().glob("article-article-*.json")):
            self.env.note_dependency(str(path))
        return [nodes.Text(accuracy(self.text))], []


class Repository(SphinxRole):
    """A link to the book's repository."""

    def run(self):
        """Return the link, to the address that _config.yml gives the theme."""
        return [nodes.reference("", self.text, refuri=self.config.html_theme_options["repository_url"])], []


def hours(minutes):
    """Hours to the half, as text.

    >>> hours([50, 95]), hours([60, 60])
    ('2.5', '2')
    """
    return f"{round(sum(minutes) / 30) / 2:g}"


def accuracy(model):
    """The mean accuracy of a model's recorded runs, as text.

    >>> float(accuracy("cnn")) < float(accuracy("cnn_wide")) < float(accuracy("stn_cnn")) < 1
    True
    """
    from stnlib.experiments import table

    return f"{1 - table.by_model(table.pick('article', 'article', 'distorted'))[model]['mean'] / 100:.3f}"


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
    """Register the directive and the roles, and see to it that what they show is there."""
    app.add_directive("cells", Cells)
    app.add_role("chapters", Chapters())
    app.add_role("accuracy", Accuracy())
    app.add_role("repository", Repository())
    app.connect("env-before-read-docs", notebooks_first)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
