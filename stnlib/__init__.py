"""stnlib: spatial transformer networks in Keras, small, exact and tested."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import stnlib.optimizers  # noqa: F401 (saved models that were compiled with SlowAdam need it to load)
from stnlib.grid import affine_grid, projective_grid, tps_grid
from stnlib.layers import SpatialTransformer
from stnlib.sampling import grid_sample

__version__ = "0.1.0"
__all__ = ["SpatialTransformer", "affine_grid", "grid_sample", "projective_grid", "tps_grid"]
