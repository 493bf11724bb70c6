"""The sampler against PyTorch: a committed fixture everywhere, and PyTorch itself where it is installed."""

import functools
import itertools
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

import stnlib
from tests.calculus import compile_, gradient, whole

FIXTURE = Path(__file__).parent / "fixtures" / "torch_grid_sample.npz"
SHAPES = 30 if keras.backend.backend() == "jax" else 100  # JAX compiles for every new one
NAMES = ("mode", "padding_mode", "align_corners")
# PyTorch has these.
EVERY = list(itertools.product(("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection"), (False, True)))


@pytest.fixture(scope="module")
def stored():
    return np.load(FIXTURE, allow_pickle=False)


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("options", EVERY)
def test_values_and_gradients_equal_the_fixture_from_torch(stored, options, compiled):
    """At random points, on pixel centres, on the border and outside: where torch stops a gradient, so do we."""
    images, grid, weights = (stored[name] for name in ("images", "grid", "weights"))

    def total(images, grid):
        values = stnlib.grid_sample(images, grid, *options)
        return ops.sum(ops.multiply(ops.convert_to_tensor(weights), values))

    key = "-".join(map(str, options))
    sample = functools.partial(stnlib.grid_sample, **dict(zip(NAMES, options, strict=True)))
    tensors = map(ops.convert_to_tensor, (images, grid))
    values = ops.convert_to_numpy((compile_(sample) if compiled else sample)(*tensors))
    assert np.abs(values - stored[f"{key}-values"]).max() <= 1e-10
    for name, found in zip(("images", "grid"), gradient(total, images, grid, compiled=compiled), strict=True):
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
    sample = whole(lambda images, grid: stnlib.grid_sample(images, grid, *options))
    found = ops.convert_to_numpy(sample(images, grid))
    bound = 2e-4 if mode == "bicubic" else 2e-5
    assert np.abs(found - expected.permute(0, 2, 3, 1).numpy()).max() <= bound


@pytest.mark.parametrize("options", EVERY)
def test_gradients_equal_torch_wherever_the_points_lie(options):
    """At 28 pixels rounding moves some centres to the left; Keras on PyTorch floors in float32 and does not see it."""
    torch = pytest.importorskip("torch", reason="PyTorch is in the backends environment")
    from tests.fixtures.make_torch import points

    rng = np.random.default_rng(7)
    last = (6, 5) if keras.backend.backend() == "torch" else (28, 28)
    for height, width in ((1, 1), (1, 5), (6, 4), last):
        images, grid = rng.normal(size=(5, height, width, 2)), points(rng, height, width)
        leaves = [torch.tensor(array, requires_grad=True) for array in (images, grid)]
        values = torch.nn.functional.grid_sample(leaves[0].permute(0, 3, 1, 2), leaves[1], *options)
        upstream = rng.normal(size=(5, 3, 3, 2))
        total = (values * torch.tensor(upstream).permute(0, 3, 1, 2)).sum()
        expected = torch.autograd.grad(total, leaves)

        def ours(images, grid, upstream=upstream):
            return ops.sum(ops.convert_to_tensor(upstream) * stnlib.grid_sample(images, grid, *options))

        for found, wanted in zip(gradient(ours, images, grid), expected, strict=True):
            assert np.abs(found - wanted.numpy()).max() <= 1e-6
