"""Instruments for the page: alive in a static page with no kernel, in Jupyter, and in Colab."""

from stnlib.widgets.affine_explorer import AffineExplorer

__all__ = ["AffineExplorer"]
