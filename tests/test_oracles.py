"""The sampler against PyTorch: a committed fixture everywhere, and PyTorch itself where it is installed."""

import itertools
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

import stnlib
from tests.calculus import gradient

FIXTURE = Path(__file__).parent / "fixtures" / "torch_grid_sample.npz"
SHAPES = 30 if keras.backend.backend() == "jax" else 100  # JAX compiles for every new one
EVERY = list(itertools.product(("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (False, True)))


@pytest.fixture(scope="module")
def stored():
    return np.load(FIXTURE, allow_pickle=False)


@pytest.mark.parametrize("options", EVERY)
def test_values_and_gradients_equal_the_fixture_from_torch(stored, options):
    images, grid, weights = (stored[name] for name in ("images", "grid", "weights"))

    def total(images, grid):
        values = stnlib.grid_sample(images, grid, *options)
        return ops.sum(ops.multiply(ops.convert_to_tensor(weights), values))

    key = "-".join(map(str, options))
    values = ops.convert_to_numpy(stnlib.grid_sample(images, grid, *options))
    assert np.abs(values - stored[f"{key}-values"]).max() <= 1e-10
    for name, found in zip(("images", "grid"), gradient(total, images, grid), strict=True):
        assert np.abs(found - stored[f"{key}-{name}"]).max() <= 1e-9


@given(st.integers(0, 9999), st.sampled_from(EVERY))
@settings(max_examples=SHAPES, derandomize=True)
def test_float32_values_equal_torch(seed, options):
    """Unit-variance images up to 16 pixels: 2e-5 for bilinear and nearest, 2e-4 for bicubic."""
    torch = pytest.importorskip("torch", reason="PyTorch is in the backends environment")
    rng = np.random.default_rng(seed)
    height, width, rows, columns = rng.integers(1, 17, 4)
    images = rng.normal(size=(2, height, width, 3)).astype("float32")
    grid = rng.uniform(-2.5, 2.5, (2, rows, columns, 2)).astype("float32")
    mode, padding, align_corners = options
    channels_first = torch.tensor(images).permute(0, 3, 1, 2)
    expected = torch.nn.functional.grid_sample(
        channels_first, torch.tensor(grid), mode=mode, padding_mode=padding, align_corners=align_corners
    )
    found = ops.convert_to_numpy(stnlib.grid_sample(images, grid, *options))
    bound = 2e-4 if mode == "bicubic" else 2e-5
    assert np.abs(found - expected.permute(0, 2, 3, 1).numpy()).max() <= bound
