"""Sphinx extension: the directive `install-command` shows how to install stnlib from the book's repository.

The repository is named in _config.yml alone, so a page cannot spell the command out.
"""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective


class InstallCommand(SphinxDirective):
    """The pip command as a code block."""

    def run(self):
        """Return the block, with the address that _config.yml gives the theme."""
        url = self.config.html_theme_options["repository_url"]
        command = f'pip install "stnlib[tensorflow,data,plots] @ git+{url}"'
        return [nodes.literal_block(command, command, language="bash")]


def setup(app):
    """Register the directive."""
    app.add_directive("install-command", InstallCommand)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
