"""The networks: shapes, sizes, identity start, saving."""

import keras
import numpy as np
import pytest

from stnlib import SpatialTransformer, fitting, models, plates, training


@pytest.mark.parametrize("build", [models.fcn, models.cnn, models.stn], ids=lambda build: build.__name__)
@pytest.mark.parametrize("shape", [(28, 28, 1), (40, 36, 3)])
def test_logits(build, shape):
    model = build(input_shape=shape, classes=7)
    assert model(np.zeros((2, *shape), "float32")).shape == (2, 7)


def test_sizes_follow_from_the_layers():
    assert models.fcn().count_params() == 785 * 128 + 129 * 10
    dense = 400 * 100 + 100 + 100 * 10 + 10
    assert models.cnn().count_params() == (9 * 32 + 32) + (9 * 32 * 16 + 16) + dense
    convolutions = (25 * 6 + 6) + (9 * 6 * 16 + 16)
    assert models.localization().count_params() == convolutions + (400 * 128 + 128) + (128 * 64 + 64)


@pytest.mark.parametrize("head", ["fcn", "cnn"])
@pytest.mark.parametrize("transform", ["affine", "similarity", "projective", "tps"])
def test_transformer_starts_as_the_identity(head, transform):
    model = models.stn(head, transform)
    images = np.random.default_rng(0).uniform(size=(2, 28, 28, 1)).astype("float32")
    output = keras.ops.convert_to_numpy(model.get_layer("transformer")(images))
    np.testing.assert_allclose(output, images, atol=3e-5)


def test_transformer_may_be_smaller_than_its_input():
    model = models.stn("cnn", "attention", (60, 60, 1), output_size=(28, 28))
    assert model.get_layer("transformer").compute_output_shape((None, 60, 60, 1)) == (None, 28, 28, 1)
    assert model(np.zeros((1, 60, 60, 1), "float32")).shape == (1, 10)


def test_saves_without_custom_objects(tmp_path):
    model = models.stn("fcn")
    images = np.random.default_rng(0).uniform(size=(2, 28, 28, 1)).astype("float32")
    model.save(tmp_path / "stn.keras")
    loaded = keras.models.load_model(tmp_path / "stn.keras")
    np.testing.assert_array_equal(*(keras.ops.convert_to_numpy(m(images)) for m in (model, loaded)))


@pytest.mark.parametrize("options", [{"head": "rnn"}, {"transform": "spiral"}])
def test_unknown_names(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        models.stn(**options)


def test_the_reader_gives_logits_for_each_character_of_images_of_any_size():
    for shape in ((24, 94, 3), (47, 31, 1), (8, 8, 3)):
        model = models.reader(shape, length=2, symbols=7)
        assert model(np.zeros((3, *shape), "float32")).shape == (3, 2, 7)


@pytest.mark.tensorflow
def test_the_finders_features_still_differ_between_images_when_it_has_begun_to_learn_poses():
    made = plates.make(64, seed=1)
    for features in ("tanh", "relu"):
        training.set_seed(0)
        layer = SpatialTransformer(models.finder((48, 188, 3), features))
        target = fitting.from_corners(made.corners, transform="affine")
        training.fit_pose(layer, made.images, target, epochs=10, batch_size=16)
        spread = np.asarray(layer.localization(made.images)).std(axis=0)
        assert np.mean(spread > 0.01) > (0.9 if features == "tanh" else 0.3)
