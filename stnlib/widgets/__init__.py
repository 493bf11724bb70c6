"""Live figures: they work in a static page with no kernel, in Jupyter, and in Colab."""

from stnlib.widgets.explorer import AffineExplorer
from stnlib.widgets.microscope import SamplerMicroscope
from stnlib.widgets.pose_gradient import PoseGradient
from stnlib.widgets.probe import PoolingProbe
from stnlib.widgets.reader import DigitReader
from stnlib.widgets.spline import SplineExplorer
from stnlib.widgets.train_lab import TrainLab
from stnlib.widgets.training_replay import TrainingReplay

__all__ = [
    "AffineExplorer",
    "DigitReader",
    "PoolingProbe",
    "PoseGradient",
    "SamplerMicroscope",
    "SplineExplorer",
    "TrainLab",
    "TrainingReplay",
]
