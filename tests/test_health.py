"""Models brought into each state, and the verdict asked for."""

import dataclasses
import itertools
import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

from stnlib import SpatialTransformer, affine_grid, training, transforms
from stnlib.health import STATES, TransformerHealth, health
from stnlib.layers import TimeDistributed

IMAGES = np.random.default_rng(0).random((24, 8, 8, 1)).astype("float32")


def eye(theta=None, follow=0.0, activation="tanh", transform="affine", name="eye", shape=(8, 8, 1), **options):
    """A transformer whose head has `theta` as bias, and a kernel of the size `follow`."""
    keras.utils.set_random_seed(0)
    body = keras.Sequential([layers.Flatten(), layers.Dense(16, activation=activation)])
    layer = SpatialTransformer(body, transform, name=name, **options)
    layer.build((None, *shape))
    if theta is not None:
        layer.head.bias.assign(np.asarray(theta, "float32"))
    kernel = np.random.default_rng(1).normal(size=layer.head.kernel.shape)
    layer.head.kernel.assign((follow * kernel).astype("float32"))
    return layer


def dead():
    layer = eye(follow=0.1, activation="relu")
    dense = layer.localization.layers[-1]
    dense.bias.assign(np.full(16, -100, "float32"))
    return layer


def saturated():
    """Each tanh so far up that it varies by a thousandth: what large sums before it do."""
    layer = eye(follow=0.05)
    layer.localization.layers[-1].bias.assign(np.full(16, 4, "float32"))
    return layer


BROUGHT = {
    "not a number": lambda: eye([np.nan, 0, 0, 0, 1, 0]),
    "collapsed": lambda: eye([3, 1, 6, 2, 4, -5], follow=0.1),
    "dead features": dead,
    "skewed": lambda: eye([0.3, 0.3, 0, -0.35, -0.25, 0], follow=0.01),
    "flipped": lambda: eye([-0.8, 0, 0, 0, -0.8, 0], follow=0.05),
    "zoomed out": lambda: eye([1.7, 0, 0, 0, 1.7, 0], follow=0.05),
    "asleep": eye,
    "aliased": lambda: eye(follow=0.05, output_size=(2, 2)),
    "working": lambda: eye(follow=0.05),
}


@pytest.mark.parametrize("state", BROUGHT)
def test_each_state_is_recognised_and_names_one_next_step(state):
    (report,) = health(BROUGHT[state](), IMAGES)
    assert report.state == state
    assert report.verdict.startswith(f"eye: {state}. ")
    assert report.verdict.endswith(report.diagnosis.step) and "\n" not in report.verdict
    assert str(report).startswith("eye: theta NaN" if report.undefined else "eye: outside ")
    assert f": {state}" in str(report)


def test_every_state_of_the_table_was_brought_about():
    known_by_truth = {"off target", "not rotating", "transposed", "inverted"}
    assert {state.name for state in STATES} == {*BROUGHT, *known_by_truth, "cut off"}


def test_a_theta_that_is_nan_is_not_reported_as_the_identity():
    (report,) = health(eye([np.nan, 0, 0, 0, 1, 0]), IMAGES)
    assert str(report) == "eye: theta NaN or infinite for 100% of the images: not a number"
    some = IMAGES.copy()
    some[:6] = np.nan
    line = str(health(eye(follow=0.05), some)[0])
    assert line.startswith("eye: theta NaN or infinite for 25% of the images, outside ") and "zoom" in line


def test_saturated_features_are_dead_too():
    layer = saturated()
    features = ops.convert_to_numpy(layer.localization(IMAGES))
    assert np.ptp(features, axis=0).min() > 1e-4
    (report,) = health(layer, IMAGES)
    assert report.state == "dead features" and report.alive < 4
    assert health(eye(follow=0.05), IMAGES)[0].alive == 16


def test_mirrored_is_flipped_too():
    assert health(eye([-1, 0, 0, 0, 1, 0], follow=0.05), IMAGES)[0].state == "flipped"


LONG = [0.15, 0, 0, 0, 0.75, 0]  # a window five times as long as wide
SHEARED = [1, 0.9, 0, 0.9, 1, 0]  # a thin rhombus, whose sides are equally long


@pytest.mark.parametrize(
    ("theta", "truth", "long"),
    [
        (LONG, None, True),
        ([0.75, 0, 0, 0, 0.15, 0], None, True),
        (SHEARED, None, True),
        ([0.3, 0, 0, 0, 0.9, 0], None, False),
        ([0.3, 0, 0, 0, 0.3, 0], None, False),
        (LONG, LONG, False),
        ([0.75, 0, 0, 0, 0.75, 0], LONG, True),
    ],
)
def test_a_skewed_window_is_too_long_for_its_width_or_for_that_of_the_true_one(theta, truth, long):
    layer = eye(theta, follow=0.005)
    predicted = ops.convert_to_numpy(layer.theta(IMAGES))
    true = None if truth is None else predicted - np.float32(theta) + np.float32(truth)
    (report,) = health(layer, IMAGES, truth=true)
    assert (report.state == "skewed") == long
    assert ("too long for their width" in report.verdict) == long


@pytest.mark.parametrize(("theta", "kind"), [(None, "identity"), ([0.7, 0, 0.1, 0, 0.5, 0], "one common map")])
def test_asleep_says_whether_it_is_the_identity(theta, kind):
    (report,) = health(eye(theta), IMAGES)
    assert report.state == "asleep" and str(report).endswith(f"asleep ({kind})")


def test_the_measures_are_what_they_say():
    (report,) = health(eye([0.5, 0, 0.75, 0, 0.25, 0]), IMAGES)
    assert report.zoom == pytest.approx(0.125, abs=1e-5)
    assert report.outside == pytest.approx(0.25, abs=0.01)  # x from 0.25 to 1.25: a quarter lies beyond 1
    assert (report.alive, report.features, report.spread, report.flipped) == (16, 16, 0, 0)
    assert health(dead(), IMAGES)[0].alive == 0


@pytest.mark.parametrize("transform", transforms.NAMES)
@pytest.mark.parametrize("return_theta", [False, True])
def test_every_transform_sleeps_at_first_and_works_when_theta_follows(transform, return_theta):
    options = {"transform": transform, "return_theta": return_theta}
    assert health(eye(**options), IMAGES)[0].state == "asleep"
    (report,) = health(eye(follow=0.05, **options), IMAGES)
    assert report.state == "working" and report.zoom == pytest.approx(1, abs=0.4)


@pytest.mark.parametrize("align_corners", [False, True])
def test_the_stride_is_the_distance_between_samples_in_pixels(align_corners):
    """Four rows and eight columns of samples over a window of half the height of 8 x 8 pixels, and of all its width."""
    layer = eye([1, 0, 0, 0, 0.5, 0], output_size=(4, 8), align_corners=align_corners)
    grid = ops.convert_to_numpy(affine_grid([[1, 0, 0, 0, 0.5, 0]], (4, 8), align_corners))[0]
    steps = np.stack([np.diff(grid[0, :, 0])[0], np.diff(grid[:, 0, 1])[0]]) * (7 if align_corners else 8) / 2
    assert health(layer, IMAGES)[0].stride == pytest.approx(steps.max(), rel=1e-4)
    far = eye(output_size=(8, 2), align_corners=align_corners)
    assert health(far, IMAGES)[0].stride == pytest.approx(7 if align_corners else 4, rel=1e-4)
    assert f"stride {health(far, IMAGES)[0].stride:.2g}" in str(health(far, IMAGES)[0])


def test_several_transformers_nested_and_in_a_film():
    inner = keras.Sequential([keras.Input((8, 8, 1)), eye([2, 0, 0, 0, 2, 0], 0.05, name="first")], name="inner")
    model = keras.Sequential([keras.Input((8, 8, 1)), inner, eye(name="second"), layers.Flatten()])
    assert [(report.name, report.state) for report in health(model, IMAGES)] == [
        ("first", "zoomed out"),
        ("second", "asleep"),
    ]
    before = ops.convert_to_numpy(model(IMAGES))
    np.testing.assert_array_equal(ops.convert_to_numpy(model(IMAGES)), before)
    for wrapper in (keras.layers.TimeDistributed, TimeDistributed):
        (report,) = health(wrapper(eye(follow=0.05)), IMAGES.reshape(8, 3, 8, 8, 1))
        assert report.state == "working"


@pytest.mark.parametrize(
    ("theta", "state"),
    [
        ([0.6, 0, 0, 0, 0.6, 0], "working"),
        ([0.6, 0, 9, 0, 0.6, 0], "collapsed"),
        ([-0.6, 0, 0, 0, -0.6, 0], "flipped"),
        ([1.7, 0, 0, 0, 1.7, 0], "zoomed out"),
        ([1, 0, 0, 0, 1, np.nan], "not a number"),
    ],
)
def test_colour_images_that_are_not_square_two_models_deep_beside_a_sleeper(theta, state):
    images = np.random.default_rng(0).random((24, 6, 20, 3)).astype("float32")
    first = eye(theta, 0.05, shape=(6, 20, 3), name="first", return_theta=True)
    model = keras.Model(inputs := keras.Input((6, 20, 3)), first(inputs)[0])
    for _ in range(2):
        model = keras.Model(inputs := keras.Input((6, 20, 3)), model(inputs))
    second = eye(shape=(6, 20, 3), name="second")(inputs)
    model = keras.Model(inputs, layers.Concatenate()([model(inputs), second]))
    assert {report.name: report.state for report in health(model, images)} == {"first": state, "second": "asleep"}


def test_the_truth_tells_followers_from_wanderers():
    layer = eye(follow=0.05)
    theta = ops.convert_to_numpy(layer.theta(IMAGES))
    assert health(layer, IMAGES, truth=theta)[0].correlation == pytest.approx(1, abs=1e-4)
    homographies = np.concatenate([theta, np.zeros((24, 2))], axis=1)
    assert health(layer, IMAGES, truth=homographies)[0].correlation == pytest.approx(1, abs=1e-4)
    (report,) = health(layer, IMAGES, truth=np.roll(theta, 1, axis=0))
    assert report.state == "off target" and "correlation" in str(report)


@pytest.mark.parametrize("wrapper", [keras.layers.TimeDistributed, TimeDistributed])
def test_the_truth_of_a_film_belongs_to_its_frames(wrapper):
    layer = eye(follow=0.05)
    theta, films = ops.convert_to_numpy(layer.theta(IMAGES)), IMAGES.reshape(8, 3, 8, 8, 1)
    for truth in (theta, theta.reshape(8, 3, 6)):
        assert health(wrapper(layer), films, truth=truth)[0].correlation == pytest.approx(1, abs=1e-4)


def test_a_transformer_that_two_images_share_is_one_with_the_truth_of_both():
    layer = eye(follow=0.05)

    class Pair(keras.Model):
        def call(self, pairs):
            return self.eye(pairs[:, 0]) - self.eye(pairs[:, 1])

    pair = Pair()
    pair.eye = layer
    theta = ops.convert_to_numpy(layer.theta(IMAGES)).reshape(12, 2, 6)
    (report,) = health(pair, IMAGES.reshape(12, 2, 8, 8, 1), truth=theta)
    assert report.correlation == pytest.approx(1, abs=1e-4)


def test_x_and_y_exchanged_are_told_from_poor_training():
    layer = eye(follow=0.05)
    theta = ops.convert_to_numpy(layer.theta(IMAGES))
    rows_first = np.concatenate([theta[:, [4, 3, 5]], theta[:, [1, 0, 2]]], axis=1)
    (report,) = health(layer, IMAGES, truth=rows_first)
    assert report.state == "transposed" and report.correlation < 0.5


def test_a_theta_from_input_to_output_is_told_from_poor_training():
    layer = eye(follow=0.05)
    (report,) = health(layer, IMAGES, truth=transforms.invert(layer.theta(IMAGES)))
    assert report.state == "inverted" and "invert" in report.verdict


@pytest.mark.parametrize("upright", [0, np.pi])
@pytest.mark.parametrize(("share", "state"), [(0.9, "working"), (0.02, "not rotating")])
def test_the_share_of_the_rotation_that_theta_follows(share, state, upright):
    """Shifts are followed fully, so that the correlation alone would not show it; upside down it is the same share."""
    angle, shift = np.random.default_rng(2).uniform(-0.8, 0.8, (2, 24))
    theta, truth = (
        np.stack([np.cos(a), -np.sin(a), shift, np.sin(a), np.cos(a), shift], axis=1)
        for a in (upright + share * angle, upright + angle)
    )
    layer = SpatialTransformer(layers.Flatten(), name="eye")
    layer.build((None, 6, 1, 1))
    layer.head.kernel.assign(np.eye(6))
    layer.head.bias.assign(np.zeros(6))
    (report,) = health(layer, theta.reshape(24, 6, 1, 1), truth=truth)
    assert report.rotation == pytest.approx(share, abs=0.01) and report.correlation > 0.5
    assert report.state == state and f"rotation {100 * share:.0f}%" in str(report)


def test_images_that_are_upside_down_are_not_called_flipped_when_the_truth_is_known():
    layer = eye([-0.8, 0, 0, 0, -0.8, 0], follow=0.05)
    theta = ops.convert_to_numpy(layer.theta(IMAGES))
    assert health(layer, IMAGES, truth=theta)[0].state == "working"
    (report,) = health(layer, IMAGES, truth=-theta)
    assert report.flipped == 1


class Unwired(keras.Model):
    """The mistake of a classifier that takes the images, not what the transformer makes of them."""

    def __init__(self):
        super().__init__(name="unwired")
        self.transformer = eye(follow=0.05)
        self.classify = keras.Sequential([layers.Flatten(), layers.Dense(2)])

    def call(self, x):
        self.transformer(x)
        return self.classify(x)


def test_a_classifier_that_reads_the_images_themselves_cuts_theta_off():
    model = training.compile(Unwired())
    (report,) = health(model, IMAGES, labels=np.arange(24) % 2)
    assert report.state == "cut off" and report.gradient == 0


def test_a_frozen_transformer_is_not_cut_off():
    model = training.compile(keras.Sequential([keras.Input((8, 8, 1)), eye(follow=0.05), layers.Flatten()]))
    model.layers[0].trainable = False
    assert health(model, IMAGES, labels=np.arange(24) % 2)[0].state == "working"


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.transformer = eye(follow=0.05, return_theta=True)
        self.classify = keras.Sequential([layers.Flatten(), layers.Dense(2)])

    def call(self, x):
        return self.classify(self.transformer(x)[0])


def test_the_callback_prints_a_line_an_epoch_and_ends_with_the_verdict(capsys):
    model = training.compile(Subclassed(), 1e-4)
    labels = np.arange(24) % 2
    watch = TransformerHealth(IMAGES, labels=labels)
    model.fit(IMAGES, labels, epochs=2, verbose=0, callbacks=[watch])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0].strip() for line in lines[:2]] == ["epoch 1", "epoch 2"]
    assert lines[2].startswith("eye: working. ")
    assert [report.state for (report,) in watch.reports] == ["working"] * 2
    assert all(report.gradient > 1e-6 and "head's gradient" in str(report) for (report,) in watch.reports)


@pytest.mark.parametrize("scale", [1 / 255, [1 / 255]])
def test_images_from_0_to_1_are_no_pixels(scale):
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Rescaling(scale), eye(follow=0.05), layers.Flatten()])
    with pytest.warns(UserWarning, match="images: none above 1, and the model divides by 255"):
        health(model, IMAGES)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        health(model, 255 * IMAGES)


def test_nothing_is_minus_nothing():
    report = dataclasses.replace(health(eye(follow=0.05), IMAGES)[0], correlation=-0.001, rotation=-0.001)
    assert "correlation 0.00, rotation 0%" in str(report)


def test_without_truth_working_says_that_nothing_was_compared():
    layer = eye(follow=0.05)
    (unknown,), (known,) = health(layer, IMAGES), health(layer, IMAGES, truth=layer.theta(IMAGES))
    assert (unknown.state, known.state) == ("working", "working")
    assert str(unknown).endswith(": working (truth unknown)") and str(known).endswith(": working")
    assert "shows only in pictures" in unknown.verdict
    assert "theta follows the images" in known.verdict


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(("transform", "return_theta"), [*zip(transforms.NAMES, itertools.cycle([False, True]))])
def test_the_callback_watches_two_transformers_one_of_them_nested(transform, return_theta, capsys):
    images = keras.Input((8, 8, 1))
    inner = keras.Sequential([keras.Input((8, 8, 1)), eye(follow=0.02, transform=transform, name="first")])
    second = eye(follow=0.02, transform=transform, name="second", return_theta=return_theta)(inner(images))
    outputs = layers.Dense(2)(layers.Flatten()(second[0] if return_theta else second))
    model = keras.Model(images, outputs)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    watch = TransformerHealth(IMAGES, labels=np.arange(24) % 2)
    model.fit(IMAGES, np.arange(24) % 2, epochs=1, verbose=0, callbacks=[watch])
    assert [report.name for report in watch.reports[0]] == ["first", "second"]
    assert all(report.gradient > 0 for report in watch.reports[0])
    assert capsys.readouterr().out.count("\n") == 4


def test_the_callback_watches_films():
    films = IMAGES.reshape(8, 3, 8, 8, 1)
    body = [keras.Input((3, 8, 8, 1)), TimeDistributed(eye(follow=0.02)), layers.Flatten(), layers.Dense(2)]
    model = training.compile(keras.Sequential(body), 1e-4)
    watch = TransformerHealth(films, labels=np.arange(8) % 2)
    model.fit(films, np.arange(8) % 2, epochs=1, verbose=0, callbacks=[watch])
    assert watch.reports[0][0].gradient > 0 and watch.reports[0][0].features == 16


def test_the_gradient_is_that_of_the_loss_in_the_head():
    """By central differences along the gradient's own direction."""
    layer = eye(follow=0.02)
    model = training.compile(keras.Sequential([keras.Input((8, 8, 1)), layer, layers.Flatten(), layers.Dense(2)]))
    labels = np.arange(24) % 2
    (report,) = health(model, IMAGES, labels=labels)
    start, slopes = ops.convert_to_numpy(layer.head.bias.value), []
    for column in range(6):
        losses = []
        for step in (1e-3, -1e-3):
            layer.head.bias.assign(start + step * np.eye(6, dtype="float32")[column])
            losses.append(float(ops.convert_to_numpy(model.compute_loss(y=labels, y_pred=model(IMAGES)))))
        slopes.append((losses[0] - losses[1]) / 2e-3)
    assert report.gradient > 0.9 * np.linalg.norm(slopes)


class Idle(keras.Model):
    """Has a transformer and does not call it."""

    def __init__(self):
        super().__init__(name="idle")
        self.transformer, self.flatten = eye(), layers.Flatten()

    def call(self, x):
        return self.flatten(x)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: health(keras.Sequential([layers.Flatten()], name="plain"), IMAGES), "model: .*SpatialTransformer"),
        (lambda: health(Idle(), IMAGES), "model: .* got 'idle', which never calls 'eye'"),
        (lambda: health(eye(), IMAGES, labels=np.zeros(24)), "labels: .* got 'eye' not compiled"),
        (lambda: health(eye(), IMAGES[:1]), "images: expected at least 2"),
        (lambda: health(eye(), {"image": IMAGES}), r"images: expected an array \(N, H, W, C\).*, got a dict"),
        (lambda: health(eye(), IMAGES, truth=np.zeros((24, 5))), r"truth: expected \(24, 6 or 8\)"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
