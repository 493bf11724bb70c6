"""Sphinx extension: the directive `pipeline` puts stnlib's pipeline figure on a page that is no notebook.

```{pipeline}
:lit: grid
:name: fig-pipeline

The caption.
```
"""

from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective


def numbered_figure(directive, drawing):
    """Return a figure node with a drawing, the directive's content as its caption, and its name."""
    parsed = nodes.container()
    directive.state.nested_parse(directive.content, directive.content_offset, parsed)
    words = parsed.children[0].children if parsed.children else []
    figure = nodes.figure("", drawing, nodes.caption("", "", *words))
    directive.set_source_info(figure)
    directive.add_name(figure)
    return figure


class Pipeline(SphinxDirective):
    """A numbered figure with the pipeline, one part lit up or none; the content is its caption."""

    has_content = True
    option_spec: ClassVar = {"lit": directives.unchanged, "name": directives.unchanged}

    def run(self):
        """Return the figure; the page is read again when the module or its numbers change."""
        from stnlib import pipeline

        for path in (pipeline.__file__, pipeline.FILE):
            self.env.note_dependency(str(path))
        try:
            drawing = pipeline.pipeline(lit=self.options.get("lit"))
        except ValueError as error:
            raise self.error(str(error)) from error
        return [numbered_figure(self, nodes.raw("", drawing.html, format="html"))]


def setup(app):
    """Register the directive."""
    app.add_directive("pipeline", Pipeline)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
