"""Training: repeatable, learns, records theta."""

import random

import keras
import numpy as np
import pytest

from stnlib import SpatialTransformer, distortions, fitting, models, plates, training
from stnlib.datasets import load
from stnlib.optimizers import SlowAdam


@pytest.fixture(scope="module")
def digits():
    data = load("uci")
    return data.x_train[:320], data.y_train[:320], data.x_test, data.y_test


def trained(digits, build=models.fcn, seed=0, **options):
    training.set_seed(seed)
    model = training.compile(build())
    history = training.fit(model, *digits[:2], epochs=2, seed=seed, **options)
    return model, history


def test_fit_learns_and_prints_one_line(digits, capsys):
    model, history = trained(digits)
    line = capsys.readouterr().out
    assert line.count("\n") == 1 and line.startswith("fcn: epoch 1 2, training accuracy 0.")
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert training.accuracy(model, *digits[2:]) > 0.5


@pytest.mark.parametrize(("epochs", "shown"), [(15, "1 2 3"), (16, "2 4 6"), (45, "3 6 9"), (47, "4 8 12")])
def test_the_line_names_at_most_sixteen_epochs(capsys, epochs, shown):
    line = training.ProgressLine()
    line.set_model(keras.Sequential(name="net"))
    line.set_params({"epochs": epochs})
    line.on_train_begin()
    for epoch in range(epochs):
        line.on_epoch_end(epoch, {"accuracy": 0.5})
    line.on_train_end()
    numbers = capsys.readouterr().out.split("epoch ")[1].split(",")[0]
    assert numbers.startswith(shown + " ") and numbers.endswith(f" {epochs}")
    assert len(numbers.split()) <= 16


def test_the_seed_decides(digits):
    weights = [np.concatenate([w.ravel() for w in trained(digits, seed=s)[0].get_weights()]) for s in (0, 0, 1)]
    np.testing.assert_allclose(weights[0], weights[1], atol=1e-5)
    assert np.abs(weights[0] - weights[2]).max() > 0.01


def test_probabilities_and_accuracy(digits):
    model, _ = trained(digits)
    p = training.probabilities(model, digits[2])
    assert p.shape == (360, 10) and p.min() >= 0
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    assert training.accuracy(model, digits[2], p.argmax(axis=1)) == 1
    assert training.accuracy(model, digits[2], (p.argmax(axis=1) + 1) % 10) == 0


def test_labels_may_stand_in_a_column_but_not_in_a_table(digits):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Identity()])
    assert training.accuracy(model, np.eye(3), [[0], [1], [2]]) == 1
    with pytest.raises(ValueError, match="y: expected one label for each of 3 images"):
        training.accuracy(model, np.eye(3), np.eye(3))


def test_an_image_may_have_several_labels():
    """Number plates: five characters an image, one softmax each."""
    keras.utils.set_random_seed(0)
    body = [keras.layers.Flatten(), keras.layers.Dense(15), keras.layers.Reshape((5, 3))]
    model = training.compile(keras.Sequential([keras.Input((4, 4, 1)), *body]), keras.optimizers.Adam(0.05))
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, (20, 5))
    x = np.pad(np.eye(3)[y].reshape(20, 15), ((0, 0), (0, 1))).reshape(20, 4, 4, 1).astype("float32")
    training.fit(model, x, y, epochs=60)
    assert training.accuracy(model, x, y) == training.accuracy(model, x, y, whole=True) == 1
    wrong = y.copy()
    wrong[0, 0] = (wrong[0, 0] + 1) % 3
    assert training.accuracy(model, x, wrong) == pytest.approx(0.99)
    assert training.accuracy(model, x, wrong, whole=True) == pytest.approx(0.95)
    with pytest.raises(ValueError, match=r"y: expected labels of shape \(5,\) for each of 20 images"):
        training.accuracy(model, x, y[:, 0])


def test_fit_leaves_random_numbers_alone_unless_it_gets_a_seed(digits):
    model = training.compile(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]))
    after = []
    for seed in (None, 3):
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002 (the state that others share)
        training.fit(model, np.ones((4, 2), "float32"), np.zeros(4), epochs=1, seed=seed)
        after.append((random.random(), np.random.random()))  # noqa: NPY002
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    untouched = random.random(), np.random.random()  # noqa: NPY002
    assert after[0][0] == untouched[0] and after[1] != untouched
    if keras.backend.backend() == "tensorflow":  # elsewhere Keras itself shuffles by NumPy's
        assert after[0] == untouched


def test_fit_takes_a_dataset_of_batches_without_labels_beside_it(digits, capsys):
    images, labels = digits[:2]
    data = training.Curriculum(lambda strength, rng: (images, labels), ramp=1, batch_size=16)
    training.fit(training.compile(models.fcn()), data, None, epochs=2)
    assert "epoch 1 2, training accuracy" in capsys.readouterr().out


@pytest.mark.tensorflow
def test_a_tf_dataset_is_not_blamed_for_an_order_that_nobody_asked_for(digits, recwarn):
    tf = pytest.importorskip("tensorflow")
    data = tf.data.Dataset.from_tensor_slices(tuple(map(np.asarray, digits[:2]))).batch(16)
    training.fit(training.compile(models.fcn()), data, None, epochs=1)
    assert not [warning for warning in recwarn if "shuffle" in str(warning.message)]


@pytest.mark.parametrize("epochs", [0, 1.5, True])
def test_epochs_are_counted(digits, epochs):
    with pytest.raises(ValueError, match="epochs: expected a whole number"):
        training.fit(training.compile(models.fcn()), *digits[:2], epochs=epochs)


@pytest.mark.parametrize("wrong", [10, -1])
def test_labels_that_the_model_has_no_output_for_are_refused(digits, wrong):
    images, labels = digits[0], np.array(digits[1])
    labels[3] = wrong
    with pytest.raises(ValueError, match=rf"y: expected integers from 0 to 9.*{wrong}"):
        training.fit(training.compile(models.fcn()), images, labels, epochs=1)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch draws dropout from the global seed")
def test_dropout_follows_the_seed_of_the_making_not_of_the_fit(digits):
    """As the docstring of `fit` says: without dropout a second fit from the same weights ends alike."""
    ends = []
    for rate in (0.0, 0.5):
        layers = [keras.layers.Flatten(), keras.layers.Dropout(rate), keras.layers.Dense(10)]
        model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
        start = model.get_weights()
        for _ in range(2):
            model.set_weights(start)
            training.fit(training.compile(model), *digits[:2], epochs=1, seed=0)
            ends.append(model.get_weights()[0])
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-6)
    assert np.abs(ends[2] - ends[3]).max() > 1e-4


def eye(features=8, **options):
    body = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(features, activation="tanh")])
    return SpatialTransformer(body, name="transformer", **options)


def blobs(count, seed=0, size=8):
    """Smooth pictures with one bright spot each, and its place, normalised."""
    place = np.random.default_rng(seed).uniform(-0.5, 0.5, (count, 2))
    axis = (2 * np.arange(size) + 1) / size - 1
    y, x = axis[:, None], axis
    distance = (x - place[:, 0, None, None]) ** 2 + (y - place[:, 1, None, None]) ** 2
    return np.exp(-8 * distance)[..., None].astype("float32"), place


def test_theta_history_begins_at_the_identity_also_inside_another_model():
    inner = keras.Sequential([keras.Input((8, 8, 1)), eye(), keras.layers.Flatten()], name="inner")
    model = training.compile(keras.Sequential([keras.Input((8, 8, 1)), inner, keras.layers.Dense(3)]))
    x, place = blobs(20)
    watch = training.ThetaHistory(x[:5], inner.get_layer("transformer"))
    training.fit(model, x, (place[:, 0] > 0).astype("int32"), epochs=2, callbacks=[watch])
    assert [theta.shape for theta in watch.thetas] == [(5, 6)] * 3
    np.testing.assert_array_equal(watch.thetas[0], np.tile([1, 0, 0, 0, 1, 0], (5, 1)))
    assert np.abs(watch.thetas[-1] - watch.thetas[0]).max() > 1e-4


def test_quads_are_convex_however_strong_the_perspective():
    corners = fitting.project(
        training.random_quads(np.random.default_rng(0), 300, (48, 188), perspective=0.2), fitting.CORNERS
    )
    assert fitting.convex(corners).all()


def test_theta_history_finds_a_transformer_by_its_name():
    model = training.compile(keras.Sequential([keras.Input((8, 8, 1)), eye(), keras.layers.Flatten()]))
    watch = training.ThetaHistory(blobs(4)[0])
    training.fit(model, blobs(4)[0], np.zeros(4), epochs=1, callbacks=[watch])
    assert len(watch.thetas) == 2


def test_known_poses_are_learnt_and_the_transformer_then_centres():
    keras.utils.set_random_seed(0)
    layer = eye(32)
    model = keras.Sequential([keras.Input((8, 8, 1)), layer, keras.layers.Flatten(), keras.layers.Dense(2)])
    x, place = blobs(256)
    thetas = np.tile([1, 0, 0, 0, 1, 0], (256, 1)).astype("float32")
    thetas[:, [2, 5]] = place
    history = training.fit_pose(layer, x, thetas, epochs=40, batch_size=32, learning_rate=0.01)
    assert history.history["loss"][-1] < 0.1 * history.history["loss"][0]
    fresh, where = blobs(100, seed=1)
    found = keras.ops.convert_to_numpy(layer.theta(fresh))
    assert min(np.corrcoef(found[:, column], where[:, axis])[0, 1] for axis, column in ((0, 2), (1, 5))) > 0.95
    training.compile(model).fit(x, (place[:, 0] > 0).astype("int32"), verbose=0)


@pytest.mark.parametrize("transform", ["affine", "projective", "tps"])
def test_warped_images_come_with_the_theta_that_undoes_the_warp(transform):
    smooth = np.cos(np.linspace(-3, 3, 60)) * np.cos(np.linspace(-2, 2, 24))[:, None]
    images = np.repeat(smooth[None, ..., None], 6, axis=0)
    pairs = training.PosePairs(images, transform, batch_size=4, seed=1)
    warped, theta = pairs[0]
    back = distortions.warp(warped, theta, transform=transform, padding_mode="border")
    inner = np.s_[:, 4:-4, 6:-6]
    assert np.abs(warped - images[:4])[inner].mean() > 0.2
    assert np.abs(back - images[:4])[inner].mean() < 0.06
    assert len(pairs) == 2 and len(pairs[1][0]) == 2
    np.testing.assert_array_equal(pairs[0][0], warped)
    pairs.on_epoch_end()
    assert np.abs(pairs[0][0] - warped).max() > 0.1


@pytest.mark.parametrize("transform", ["affine", "projective"])
def test_an_object_moves_to_the_corners_of_another_and_its_surroundings_with_it(transform):
    made = plates.make(2, seed=3)
    one, its, other = made.images[:1], made.corners[:1], made.theta[1:]
    warped, theta = training.PosePairs(one, transform, lambda rng, count: other, corners=its)[0]
    upright = distortions.warp(one, made.theta[:1], None, "projective", "border")
    back = distortions.warp(warped, theta, transform=transform, padding_mode="border")
    inner = np.s_[:, 8:-8, 24:-24]
    assert np.abs(back - upright)[inner].mean() < (0.03 if transform == "projective" else 0.15)
    still, _ = training.PosePairs(one, transform, lambda rng, count: made.theta[:1], corners=its)[0]
    np.testing.assert_allclose(still, one, atol=0.01)  # to its own corners: nothing moves
    assert np.abs(warped - one).mean() > 0.05


def test_corners_belong_to_the_images():
    with pytest.raises(ValueError, match=r"corners: expected \(3, 4, 2\), got shape \(2, 4, 2\)"):
        training.PosePairs(np.ones((3, 8, 8, 1)), corners=np.ones((2, 4, 2)))


def test_moved_quads_stay_near_those_given():
    corners = plates.make(5, seed=0).corners
    drawn = fitting.project(training.moved_quads(np.random.default_rng(0), 40, corners), fitting.CORNERS)
    away = np.abs(drawn[:, None] - corners).max(axis=(2, 3)).min(axis=1)
    assert away.min() > 0.01 and away.max() < 0.25


def test_poses_that_nobody_has_labelled_are_learnt_from_pairs():
    keras.utils.set_random_seed(0)
    layer = eye(32, transform="attention")
    draw = lambda rng, count: np.stack(  # noqa: E731
        [np.array([1, 0, x, 0, 1, y, 0, 0]) for x, y in rng.uniform(-0.5, 0.5, (count, 2))]
    )
    upright = np.repeat(blobs(1)[0] * 0 + blobs(1, seed=3)[0], 64, axis=0)
    pairs = training.PosePairs(upright, "attention", draw, padding_mode="zeros", batch_size=32)
    history = training.fit_pose(layer, pairs, epochs=30, learning_rate=0.01)
    assert history.history["loss"][-1] < 0.2 * history.history["loss"][0]


def test_quads_lie_in_the_frame():
    theta = training.random_quads(np.random.default_rng(0), 50, (48, 188))
    corners = fitting.project(theta, fitting.CORNERS)
    assert np.abs(corners).max() <= 1 + 1e-5
    assert np.ptp(corners, axis=1).min() > 0.3


def test_the_distortion_grows_from_epoch_to_epoch():
    seen = []

    def make(strength, rng):
        seen.append(strength)
        return rng.normal(size=(6, 2)) * strength, np.zeros(6)

    model = training.compile(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)]))
    model.fit(training.Curriculum(make, ramp=2, batch_size=4), epochs=4, verbose=0)
    assert seen[:4] == [0, 0.5, 1, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: training.fit_pose(keras.layers.Flatten(), blobs(2)[0], np.zeros((2, 6))), "layer: expected a Spatial"),
        (lambda: training.fit_pose(eye(trainable=False), blobs(2)[0], np.zeros((2, 6))), "layer: .*trainable = True"),
        (lambda: training.fit_pose(eye(), blobs(2)[0], np.zeros((2, 8))), r"thetas: expected \(2, 6\)"),
        (lambda: training.fit_pose(eye(), blobs(2)[0], np.full((2, 6), np.nan)), "thetas: expected finite"),
        (lambda: training.fit_pose(eye(), blobs(2)[0] * np.nan, np.zeros((2, 6))), "images: expected finite"),
        (lambda: training.fit_pose(eye(), np.zeros((2, 12, 12, 1), "uint8"), np.zeros((2, 6))), "images: .*floating"),
        (lambda: training.fit_pose(eye(), blobs(2)[0]), "thetas: expected one theta for each image, or a PyDataset"),
        (lambda: training.fit_pose(eye(), blobs(2)[0], np.zeros((2, 6)), epochs=0), "epochs: expected a whole number"),
        (lambda: training.PosePairs(np.zeros((2, 12, 12, 1), "uint8")), "images: .*floating"),
        (lambda: training.PosePairs(blobs(2)[0], batch_size=0), "batch_size: expected a whole number"),
        (lambda: training.Curriculum(lambda *_: (np.zeros(3), np.zeros(2)), 1), "make: .* got 3 images and 2 labels"),
        (lambda: training.random_quads(np.random.default_rng(0), 3, (16, 40), (2, 3)), "scale: .*fit into the image"),
        (lambda: training.random_quads(np.random.default_rng(0), 3, (16, 40), (0.9, 0.5)), "scale: .*low <= high"),
    ],
)
def test_what_cannot_be_taught_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_learning_rate_is_an_option():
    model = training.compile(models.fcn(), 0.5)
    assert float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)) == 0.5


def test_a_whole_optimizer_may_stand_for_the_rate():
    layer = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    assert isinstance(training.compile(layer, SlowAdam(layer)).optimizer, SlowAdam)


def moments_of(steps, steps_per_execution=1, epochs=2):
    model = models.stn("fcn")
    model.compile("sgd", training.compile(models.fcn()).loss, steps_per_execution=steps_per_execution)
    images, labels = np.random.default_rng(0).random((40, 28, 28, 1), dtype="float32"), np.arange(40) % 10
    snapshots = training.Snapshots(images[:20], labels[:20], steps)
    model.fit(images, labels, batch_size=4, epochs=epochs, verbose=0, callbacks=[snapshots])
    return model, snapshots


def test_snapshots_keep_the_steps_asked_for_and_the_last():
    model, snapshots = moments_of((0, 3, 12))
    assert [moment["step"] for moment in snapshots.moments] == [0, 3, 12, 20]
    first, last = snapshots.moments[0], snapshots.moments[-1]
    np.testing.assert_allclose(first["theta"], np.tile([1, 0, 0, 0, 1, 0], (20, 1)))
    np.testing.assert_allclose(first["outputs"], snapshots.images, atol=3e-5)
    np.testing.assert_allclose(last["logits"], keras.ops.convert_to_numpy(model(snapshots.images)), atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="several steps at a time are slow elsewhere")
def test_snapshots_take_the_first_step_that_is_reported():
    _, snapshots = moments_of((0, 3, 12), steps_per_execution=5)
    assert [moment["step"] for moment in snapshots.moments] == [0, 5, 15, 20]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="several steps at a time are slow elsewhere")
def test_snapshots_count_no_more_steps_than_an_epoch_has():
    _, snapshots = moments_of((0, 3, 12), steps_per_execution=4)
    assert [moment["step"] for moment in snapshots.moments] == [0, 4, 14, 20]


def test_snapshots_want_a_label_for_each_image():
    with pytest.raises(ValueError, match=r"^labels: expected one for each of 2 images, got shape \(3,\)"):
        training.Snapshots(np.zeros((2, 28, 28, 1)), [1, 2, 3])


@pytest.mark.tensorflow
def test_inside_a_strategy_one_step_runs_at_a_time():
    import tensorflow as tf

    def steps():
        return training.compile(models.fcn()).steps_per_execution

    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        inside = steps()
    assert (inside, steps()) == (1, 16)
