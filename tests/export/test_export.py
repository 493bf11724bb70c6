"""Keras's own `model.export`, without switches, gives models that answer as before in the runtimes people use."""

import os

import keras
import numpy as np
import pytest
from keras import layers

from stnlib import SpatialTransformer, sampling, transforms
from tests.export.runtimes import RUNTIMES

NEEDED = ("ai_edge_litert", "onnx", "onnxruntime", "openvino", "tf2onnx")
if not os.environ.get("STNLIB_EXPORT"):  # `make test-export` sets it: there, a missing runtime is an error
    for package in NEEDED:
        pytest.importorskip(package)

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
BOUND = 2e-5
DIGITS, PLATES = (28, 28, 1), (48, 188, 3)


def transformer(shape, transform="affine", **options):
    """A model whose only work is to warp, by a theta that depends on the image and lies partly outside."""
    keras.utils.set_random_seed(0)
    look = keras.Sequential(
        [keras.Input(shape), layers.AveragePooling2D(4), layers.Flatten(), layers.Dense(8, activation="tanh")]
    )
    layer = SpatialTransformer(look, transform, (24, 94) if shape == PLATES else None, **options)
    model = keras.Sequential([keras.Input(shape), layer])
    random = np.random.default_rng(1)
    for weight, scale in ((layer.head.kernel, 0.02), (layer.head.bias, 0.05)):
        weight.assign(np.asarray(weight) + scale * random.normal(size=weight.shape))
    return model


def pictures(batch, shape):
    """Random images as smooth as those of a camera."""
    images = np.random.default_rng(batch).random((batch, *shape), "float32")
    for _ in range(2):
        images = (images + np.roll(images, 1, axis=1)) / 2
        images = (images + np.roll(images, 1, axis=2)) / 2
    return images


def agrees(runtime, model, shape, folder, batches=(3,)):
    for batch in batches:
        images = pictures(batch, shape)
        expected = np.asarray(model(images))
        found = np.asarray(RUNTIMES[runtime](model, images, folder))
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= BOUND  # NaN is not


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("shape", [DIGITS, PLATES], ids=["digits", "plates"])
@pytest.mark.parametrize("transform", transforms.TRANSFORMS)
def test_every_transform_answers_as_before(transform, shape, runtime, tmp_path):
    agrees(runtime, transformer(shape, transform), shape, tmp_path)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("padding_mode", sampling.PADDINGS)
@pytest.mark.parametrize("mode", sampling.MODES)
def test_every_mode_and_padding_answers_as_before(mode, padding_mode, runtime, tmp_path):
    model = transformer((10, 14, 3), mode=mode, padding_mode=padding_mode)
    agrees(runtime, model, (10, 14, 3), tmp_path)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_any_batch_size_of_a_trained_model_that_was_loaded_and_never_called(runtime, tmp_path):
    model = transformer(DIGITS, "tps")
    model.compile("adam", "mse", jit_compile=False)
    images = np.random.default_rng(0).random((4, *DIGITS), "float32")
    model.fit(images, images, verbose=0)
    model.save(tmp_path / "model.keras")
    for batch in (1, 5):
        agrees(runtime, keras.models.load_model(tmp_path / "model.keras"), DIGITS, tmp_path, (batch,))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_file_that_was_never_called(runtime, tmp_path):
    """Keras refuses to export any model to ONNX that was never called, unless it is told the signature."""
    model = transformer(DIGITS)
    images = np.random.default_rng(0).random((2, *DIGITS), "float32")
    expected = np.asarray(model(images))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    told = {"input_signature": [keras.InputSpec("float32", (None, *DIGITS))]} if runtime == "onnx" else {}
    found = RUNTIMES[runtime](loaded, images, tmp_path, **told)
    assert np.abs(np.asarray(found) - expected).max() <= BOUND
