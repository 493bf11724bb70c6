"""Keras's own `model.export`, without switches, gives models that answer as before in the runtimes people use."""

import importlib
import itertools
import os
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import stnlib
from stnlib import SpatialTransformer, models, plates, sampling, transforms
from stnlib.experiments import recipes
from tests.export.runtimes import RUNTIMES

NEEDED = ("ai_edge_litert", "onnx", "onnxruntime", "openvino", "tf2onnx")
if not os.environ.get("STNLIB_EXPORT"):  # `make test-export` sets it: there, a missing runtime is an error
    for package in NEEDED:
        pytest.importorskip(package)

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
BOUND = 2e-5
ROUNDING = 3e-7  # of a position in float32, in units of the image's width; it shows where an image meets the zeros
DIGITS, PLATES = (28, 28, 1), (48, 188, 3)
everywhere = pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda one: one.__name__)


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


def moved(transformer, seed=0):
    """Give a transformer a theta that depends on the image and lies partly outside."""
    random = np.random.default_rng(seed)
    for weight, scale in ((transformer.head.kernel, 0.02), (transformer.head.bias, 0.05)):
        weight.assign(np.asarray(weight) + scale * random.normal(size=weight.shape))


def look():
    """A small localization network."""
    return keras.Sequential([layers.AveragePooling2D(4), layers.Flatten(), layers.Dense(8, activation="tanh")])


def side_by_side(variants, shape):
    """One model with a transformer for each variant; each output has a height of its own, by which it is known."""
    image = keras.Input(shape)
    heights = range(shape[0] // 2, shape[0] // 2 + len(variants))
    every = [
        SpatialTransformer(look(), output_size=(height, shape[1] // 2), **options)
        for height, options in zip(heights, variants, strict=True)
    ]
    model = keras.Model(image, [transformer(image) for transformer in every])
    for seed, transformer in enumerate(every):
        moved(transformer, seed)
    return model


def pictures(batch, shape):
    """Random images as smooth as those of a camera."""
    images = np.random.default_rng(batch).random((batch, *shape), "float32")
    for _ in range(2):
        images = (images + np.roll(images, 1, axis=1)) / 2
        images = (images + np.roll(images, 1, axis=2)) / 2
    return images


def agrees(model, run, batches=(3, 1, 4)):
    """What runs gives what Keras gives, on several sizes of the batch."""
    for batch in batches:
        images = pictures(batch, model.input_shape[1:])
        found = {np.shape(one): np.asarray(one) for one in keras.tree.flatten(run(images))}
        for expected in map(np.asarray, keras.tree.flatten(model(images))):
            assert np.abs(expected).max() > 100 * BOUND
            bound = max(BOUND, ROUNDING * model.input_shape[2]) if expected.ndim == 4 else BOUND
            assert np.abs(found[expected.shape] - expected).max() <= bound  # NaN is not


@everywhere
@pytest.mark.parametrize("shape", [DIGITS, PLATES], ids=["digits", "plates"])
def test_every_transform(shape, runtime, tmp_path):
    model = side_by_side([{"transform": name} for name in transforms.TRANSFORMS], shape)
    agrees(model, runtime(model, tmp_path))


@everywhere
def test_every_mode_padding_and_alignment(runtime, tmp_path):
    names = ("mode", "padding_mode", "align_corners")
    options = itertools.product(sampling.MODES, sampling.PADDINGS, (False, True))
    model = side_by_side([dict(zip(names, values, strict=True)) for values in options], (10, 14, 3))
    agrees(model, runtime(model, tmp_path))


@everywhere
def test_a_classifier_of_colour_pictures(runtime, tmp_path):
    transformer = SpatialTransformer(look(), "tps", output_size=(24, 94))
    read = [layers.Conv2D(4, 3, strides=2, activation="relu"), layers.GlobalAveragePooling2D(), layers.Dense(7)]
    model = keras.Sequential([keras.Input(PLATES), transformer, *read])
    moved(transformer)
    agrees(model, runtime(model, tmp_path))


@everywhere
def test_a_trained_model_from_a_file_that_was_never_called(runtime, tmp_path):
    model = models.stn("cnn")
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    model.fit(np.ones((8, *DIGITS), "float32"), np.zeros(8, "int32"), verbose=0)
    moved(model.get_layer("transformer"))
    model.save(tmp_path / "model.keras")
    agrees(model, runtime(keras.models.load_model(tmp_path / "model.keras"), tmp_path))


def test_eight_bits_around_the_sampler(tmp_path, monkeypatch):
    """Features and classifier in int8, head, grid and sampler in float32: near; all of it in int8: not."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    bench = importlib.import_module("export")
    recipe = recipes.Recipe(features="tanh", padding_mode="border")
    model = recipes.network(recipes.TASKS["plates"], recipe, PLATES, "affine")
    transformer = model.get_layer("transformer")
    moved(transformer)
    images = plates.make(4, seed=0).images
    parts = bench.split(model)
    straight = keras.Sequential([keras.Input(PLATES), transformer])
    _, whole = bench.int8(straight, tmp_path)
    _, features = bench.litert(parts[0], tmp_path, **bench.quantised(images))
    _, sampler = bench.litert(parts[1], tmp_path)
    expected = np.asarray(transformer(images))
    apart = np.concatenate([sampler(image[None], features(image[None])) for image in images])
    together = np.concatenate([whole(image[None]) for image in images])
    assert np.abs(apart - expected).mean() <= 0.02
    assert np.abs(together - expected).mean() >= 0.1


@everywhere
def test_theta_as_an_output_and_the_functions_in_a_functional_model(runtime, tmp_path):
    image = keras.Input(
        (6, 7, 2)
    )  # an index clipped at 6 looks like a ReLU6 to LiteRT's converter, which has none for indices
    transformer = SpatialTransformer(layers.Flatten(), return_theta=True)
    view, theta = transformer(image)
    model = keras.Model(image, [view, theta, stnlib.grid_sample(image, stnlib.affine_grid(theta, (4, 5)))])
    moved(transformer)
    agrees(model, runtime(model, tmp_path))
