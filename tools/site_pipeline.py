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
        figure = nodes.figure("", nodes.raw("", drawing.html, format="html"))
        caption = nodes.caption()
        self.state.nested_parse(self.content, self.content_offset, caption)
        words = caption.children[0].children if caption.children else []
        figure += nodes.caption("", "", *words)
        self.set_source_info(figure)
        self.add_name(figure)
        return [figure]


def setup(app):
    """Register the directive."""
    app.add_directive("pipeline", Pipeline)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
