"""Instruments that show the user's own image or one of the embedded pictures."""

import traitlets

from stnlib.widgets import _images
from stnlib.widgets._host import Instrument


class Pictured(Instrument):
    """An instrument with the traits `image` and `picture`, which a subclass defines with its own checks.

    Convention: a new image is shown at once, unless the constructor was given a `picture` beside it.
    """

    def __init__(self, **traits):
        """Set the traits, at first with the first embedded picture."""
        super().__init__(**({"picture": next(iter(_images.digits()))} | traits))
        if "picture" in traits:
            self.picture = traits["picture"]  # again, for an image beside it has called for "own"

    @traitlets.observe("image")
    def _show_own(self, change):
        if change["new"] is not None:
            self.picture = "own"

    def shown(self):
        """The image to show without JavaScript; a picture that only JavaScript has gives way to the first digit."""
        embedded = _images.digits()
        first = next(iter(embedded.values()))
        own = self.image if self.picture == "own" else embedded.get(self.picture)
        return first if own is None else own
