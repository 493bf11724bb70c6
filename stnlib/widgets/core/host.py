"""One widget, three hosts: Jupyter and Colab through anywidget, and the static page with no kernel."""

import html
import inspect
import json
import sys

import anywidget
import traitlets

from stnlib import _checks
from stnlib.widgets.core import images, pack, traits


class Instrument(anywidget.AnyWidget):
    """An anywidget that also yields text/html: markup, state and the same module, alive without a kernel.

    A subclass sets `folder`, the name of its folder and of the .js, .html and (optional) .css files in it, and
    defines `fallback()`. Its traits with `sync=True` are its state.

    :Convention: the markup is one element of class `stn-app`; those that the script needs have a `data-ref`, one of
        them is `live`, the status that screen readers announce. The script ends in `export default { render };`, and
        its `render` starts a subclass of shared/instrument.js. The fallback's picture has an `aria-label`, its sentence
        tells what JavaScript would add.
    """

    folder = None
    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)

    def __init__(self, **options):
        """Set the traits; ValueError for an unknown name, which traitlets would only warn of."""
        settable = {name for name, trait in self.class_traits().items() if not trait.read_only}
        for name in options:
            if name not in settable | {"model_id"}:
                own = ", ".join(sorted(self._named() | settable - set(Instrument.class_trait_names())))
                _checks.fail(name, "an unknown name", f"an argument of {type(self).__name__} ({own})")
        super().__init__(**options)

    @classmethod
    def _named(cls):
        """The arguments that the constructor names."""
        parameters = inspect.signature(cls.__init__).parameters.values()
        return {each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD} - {"self"}

    @traitlets.default("_esm")
    def _default_esm(self):
        return pack.module(f"{self.folder}/{self.folder}.js")

    @traitlets.default("_css")
    def _default_css(self):
        return pack.style(self.folder)

    def state(self):
        """The synced traits of the subclass as plain JSON values."""
        names = set(self.traits(sync=True)) - set(Instrument.class_trait_names(sync=True)) - {"_anywidget_id"}
        return dict(sorted(self.get_state(list(names)).items()))

    def whole_state(self):
        """The state with all data that a page would otherwise have to ask for."""
        return self.state()

    @classmethod
    def page_files(cls):
        """The data that pages of the book have in files of their own, by the files' names; plain JSON values."""
        return {}

    def fallback(self):
        """The picture (SVG) and the sentence (plain text) for a page without JavaScript."""
        raise NotImplementedError

    def template(self):
        """The markup that stands in the page before the module runs."""
        return pack.template(self.folder)

    def to_html(self):
        """The widget as one piece of HTML that needs no kernel, no server and no other file."""
        return self._page(self.whole_state())

    def to_page(self):
        """The widget as HTML for a page of the book, where large data are files of their own."""
        return self._page(self.state())

    def _page(self, state):
        picture, sentence = self.fallback()
        return PAGE.format(
            folder=self.folder,
            style=self._css,
            template=self.template(),
            picture=picture,
            sentence=html.escape(sentence),
            payload=json.dumps({"state": state, "module": self._esm}).replace("<", "\\u003c"),
            host=(pack.FOLDER / "core" / "host.js").read_text("utf-8"),
        )

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None or "google.colab" in sys.modules:
            return bundle
        data, metadata = bundle
        return {**data, "text/html": self.to_page()}, metadata


class Pictured(Instrument):
    """An instrument that shows the user's own image or one of the embedded pictures.

    A subclass defines the traits `image` and `picture` with its own checks; `name` is what the page calls the image.
    A new image is shown at once, unless the constructor was given a `picture` beside it.
    """

    digits = "shared/digits.json"
    name = traits.Checked(traits.text("name"), default_value="own image")

    def __init__(self, **options):
        """Set the traits, at first with the first embedded picture."""
        super().__init__(**({"picture": next(iter(images.digits(self.digits)))} | options))
        if "picture" in options:
            self.picture = options["picture"]  # again, for an image beside it has called for "own"

    @traitlets.observe("image")
    def _show_own(self, change):
        if change["new"] is not None:
            self.picture = "own"

    def shown(self):
        """The image to show without JavaScript; a picture that only JavaScript has gives way to the first digit."""
        embedded = images.digits(self.digits)
        own = self.image if self.picture == "own" else embedded.get(self.picture)
        return next(iter(embedded.values())) if own is None else own


PAGE = """<div class="stn-widget" data-widget="{folder}">
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
