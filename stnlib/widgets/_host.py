"""One widget, three hosts: Jupyter and Colab through anywidget, and the static page with no kernel."""

import html
import json
import sys

import anywidget
import traitlets

from stnlib.widgets import _pack


class Instrument(anywidget.AnyWidget):
    """An anywidget that also yields text/html: markup, state and the same module, alive without a kernel.

    A subclass sets `stem`, the name of its .js, .html and (optional) .css files, and `fallback()`.
    """

    stem = None
    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)

    @traitlets.default("_esm")
    def _default_esm(self):
        return _pack.module(self.stem)

    @traitlets.default("_css")
    def _default_css(self):
        return _pack.style(self.stem)

    def state(self):
        """The synced traits of the subclass as plain JSON values."""
        names = set(self.traits(sync=True)) - set(Instrument.class_trait_names(sync=True)) - {"_anywidget_id"}
        return dict(sorted(self.get_state(list(names)).items()))

    def fallback(self):
        """The picture (SVG) and the sentence (plain text) for a page without JavaScript."""
        raise NotImplementedError

    def to_html(self):
        """The widget as one piece of HTML that needs no kernel, no server and no other file."""
        picture, sentence = self.fallback()
        payload = json.dumps({"state": self.state(), "module": _pack.module(self.stem)})
        return PAGE.format(
            stem=self.stem,
            style=_pack.style(self.stem),
            template=_pack.template(self.stem),
            picture=picture,
            sentence=html.escape(sentence),
            payload=payload.replace("<", "\\u003c"),
            host=(_pack.FOLDER / "host.js").read_text("utf-8"),
        )

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None or "google.colab" in sys.modules:
            return bundle
        data, metadata = bundle
        return {**data, "text/html": self.to_html()}, metadata


PAGE = """<div class="stn-widget" data-widget="{stem}">
<script>document.currentScript.parentElement.classList.add("stn-live");</script>
<style>
{style}
</style>
{template}
<figure class="stn-fallback">
{picture}
<figcaption>{sentence}</figcaption>
</figure>
<script type="application/json">{payload}</script>
<script>
{host}
</script>
</div>"""
