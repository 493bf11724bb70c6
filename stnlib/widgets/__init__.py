"""Instruments for the page: alive in a static page with no kernel, in Jupyter, and in Colab."""

from stnlib.widgets.affine_explorer import AffineExplorer
from stnlib.widgets.digit_reader import DigitReader
from stnlib.widgets.pooling_probe import PoolingProbe
from stnlib.widgets.sampler_microscope import SamplerMicroscope

__all__ = ["AffineExplorer", "DigitReader", "PoolingProbe", "SamplerMicroscope"]
