"""The recipes: each trains and says what it did, an eased image is what it claims, and the state has the right name."""

import dataclasses

import keras
import numpy as np
import pytest

from stnlib import distortions, fitting, plates, poses
from stnlib.experiments import data, files, measure, recipes, report, runs, table
from stnlib.experiments.catalog import EXPERIMENTS
from stnlib.health import STATES

PLAN = EXPERIMENTS["recipes"]
MODELS = {model.name: model for model in PLAN.models}
HARD = "\N{NO-BREAK SPACE}"


@pytest.fixture(scope="module")
def objects():
    """A task of 64 + 20 digits."""
    task = recipes.digits_task("RTS", "uci")
    train = ("x_train", "y_train", "corners_train")
    return task._replace(**{name: getattr(task, name)[: 64 if name in train else 20] for name in task._fields[:-1]})


def tiny(model, transform="affine", epochs=3, **options):
    transform = transform if MODELS[model].transformer else None
    return runs.select("recipes", model, transform, "RTS", epochs=epochs, dataset="uci", **options)[0]


@pytest.mark.tensorflow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("model", ["cnn", "head_01", "curriculum_pooled", "bounded", "batch", "pairs"])
def test_a_recipe_leaves_a_record_like_any_other(objects, tmp_path, model):
    run = tiny(model)
    record = measure.measure(run, objects, tmp_path, progress=False)
    assert record == files.read_results(tmp_path)[0]
    assert record["recipe"] == dataclasses.asdict(MODELS[model].recipe)
    assert len(record["error_per_epoch"]) == 3 and set(record["error"]) == {"distorted"}
    assert ("found" in record) == MODELS[model].transformer
    if "found" in record:
        assert record["found"]["state"] in [state.name for state in STATES]
        assert len(record["found"]["correlations"]) == 6


@pytest.mark.tensorflow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("model", ["reader", "pose_augmented"])
def test_a_stopped_recipe_ends_with_the_same_bits(objects, tmp_path, monkeypatch, model):
    """What is frozen and thawed, taught first and drawn anew, each behind a stop."""
    run, whole = tiny(model), measure.measure(tiny(model), objects, tmp_path / "whole", progress=False)
    one_epoch = measure.one_epoch
    for stop in (1, 2):

        def stopping(*arguments, stop=stop):
            if arguments[4] == stop:
                raise KeyboardInterrupt
            return one_epoch(*arguments)

        monkeypatch.setattr(measure, "one_epoch", stopping)
        with pytest.raises(KeyboardInterrupt):
            measure.measure(run, objects, tmp_path / "broken", progress=False)
    monkeypatch.setattr(measure, "one_epoch", one_epoch)
    resumed = measure.measure(run, objects, tmp_path / "broken", progress=False)
    different = {name for name in whole if resumed[name] != whole[name]}
    assert different <= {"seconds", "cpu_seconds", "commit"}


@pytest.mark.tensorflow
def test_a_frozen_transformer_stays_the_identity_and_then_moves(objects, monkeypatch):
    procedure = recipes.Recipes(tiny("warm"), objects)
    model = measure.compiled(procedure.run, objects)
    transformer = model.get_layer("transformer")
    seen = []
    for epoch in range(2):
        procedure.begin_epoch(model, epoch)
        x, y = procedure.training_set(epoch)
        model.fit(x, y, batch_size=16, epochs=3, verbose=0)
        seen.append(float(np.abs(np.asarray(transformer.theta(x)) - [1, 0, 0, 0, 1, 0]).max()))
    assert seen[0] == 0 and seen[1] > 0


@pytest.mark.parametrize(
    ("schedule", "share"), [("constant", 1), ("cosine", (1 + np.cos(3 / 8 * np.pi)) / 2), ("steps", 0.1)]
)
@pytest.mark.parametrize("model", ["warm", "slow_01"])
def test_an_optimizer_that_comes_later_goes_on_with_the_schedule_of_the_record(
    objects, monkeypatch, model, schedule, share
):
    """The 75,000th of 200,000 steps, the first of this optimizer."""
    monkeypatch.setitem(EXPERIMENTS, "recipes", dataclasses.replace(PLAN, schedule=schedule))
    procedure = recipes.Recipes(tiny(model, epochs=200_000), objects)
    optimizer = procedure.compile(procedure.model(), epoch=75_000).optimizer
    assert float(keras.ops.convert_to_numpy(optimizer.learning_rate)) == pytest.approx(1e-3 * share, rel=1e-5)


def differ(before, after):
    return any((old != new).any() for old, new in zip(before, after, strict=True))


@pytest.mark.tensorflow
def test_the_reader_learns_upright_images_first_and_then_waits_for_the_transformer(objects):
    procedure = recipes.Recipes(tiny("reader", epochs=8), objects)
    model, full = measure.compiled(procedure.run, objects), recipes.Recipes(tiny("border", epochs=8), objects)
    learns, upright = [], []
    for epoch in range(6):
        procedure.begin_epoch(model, epoch)
        x, y = procedure.training_set(epoch)
        before = {part.name: part.get_weights() for part in model.layers}
        model.fit(x, y, batch_size=PLAN.batch_size, verbose=0)
        changed = {part.name for part in model.layers if differ(before[part.name], part.get_weights())}
        learns.append(changed)
        upright.append(bool(np.abs(x - full.training_set(epoch)[0]).mean() > 0.1))
    assert upright == [True, True, False, False, False, False]
    assert learns[:2] == [{"classifier"}] * 2 and learns[2:4] == [{"transformer"}] * 2
    assert learns[4:] == [{"transformer", "classifier"}] * 2


@pytest.mark.tensorflow
def test_theta_is_held_near_the_identity_by_a_penalty_or_within_a_bound(objects):
    def trained(**held):
        keras.utils.set_random_seed(0)
        recipe = recipes.Recipe(**held)
        transformer = recipes.network(recipes.TASKS["RTS"], recipe, (42, 42, 1), "affine").get_layer("transformer")
        model = keras.Sequential([keras.Input((42, 42, 1)), transformer, keras.layers.Flatten(), keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.03), "mse", jit_compile=False)
        model.fit(objects.x_train, 9.0 * np.ones(64), epochs=8, verbose=0)
        again = keras.Sequential.from_config(model.get_config())
        again.set_weights(model.get_weights())
        found = [np.asarray(one.layers[0].theta(objects.x_test)) for one in (model, again)]
        np.testing.assert_allclose(*found, atol=1e-6)
        return np.abs(found[0] - [1, 0, 0, 0, 1, 0]).max()

    free = trained()
    assert free > 0.2 and trained(penalty=100.0) < 0.3 * free and trained(bound=0.1) <= 0.1 + 1e-6


@pytest.mark.parametrize("used", [None, 16])
def test_fewer_images_are_taught_the_pose_in_as_many_steps(objects, monkeypatch, used):
    taught = []
    monkeypatch.setattr(recipes.training, "fit_pose", lambda layer, x, theta, epochs: taught.append(epochs * len(x)))
    procedure = recipes.Recipes(tiny("pose", train_size=used), objects)
    procedure.teach_pose(procedure.model())
    assert taught == [10 * len(objects.x_train)]


def test_corners_move_with_the_images(objects):
    images, corners = recipes.moved(np.random.default_rng(0), objects.x_train, objects.corners_train)
    assert np.abs(images - objects.x_train).mean() > 0.02
    upright = [
        distortions.warp(one, fitting.from_corners(there, transform="affine"), (28, 28))
        for one, there in ((images, corners), (objects.x_train, objects.corners_train))
    ]
    assert np.abs(upright[0] - upright[1]).mean() < 0.02


@pytest.mark.tensorflow
@pytest.mark.parametrize("transform", PLAN.transforms)
def test_the_pose_that_was_taught_is_found(objects, transform):
    """With enough epochs the transformer shows its own training images upright, by any transform."""
    procedure = recipes.Recipes(tiny("pose_border", transform), objects)
    model = measure.compiled(procedure.run, objects)
    recipe = dataclasses.replace(procedure.recipe, pose_epochs=150)
    procedure = type("Longer", (recipes.Recipes,), {"recipe": recipe})(procedure.run, objects)
    procedure.teach_pose(model)
    theta = np.asarray(model.get_layer("transformer").theta(objects.x_train))
    found = recipes.tracking(transform, theta, objects.corners_train)
    assert found["corrected"] > 0.3


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", recipes.TASKS)
@pytest.mark.parametrize("model", ["cnn", "curriculum"])
def test_all_networks_of_a_task_have_the_same_classifier(name, model):
    shape = {"plates": (48, 188, 3), "RTS": (42, 42, 1), "clutter": (60, 60, 1)}[name]
    task = recipes.TASKS[name]
    built = [recipes.network(task, MODELS[m].recipe, shape, "affine").get_layer("classifier") for m in (model, "adam")]
    assert built[0].count_params() == built[1].count_params() and built[0].input_shape == built[1].input_shape
    assert built[0].output_shape[1:] == ((5, 33) if name == "plates" else (10,))


def test_the_curriculum_grows_from_nothing_to_the_whole_distortion(objects):
    procedure = recipes.Recipes(tiny("curriculum", epochs=10), objects)
    full = recipes.Recipes(tiny("border", epochs=10), objects)
    gaps = []
    for epoch in range(4):
        eased, whole = procedure.training_set(epoch), full.training_set(epoch)
        np.testing.assert_array_equal(eased[1], whole[1])
        gaps.append(float(np.abs(eased[0] - whole[0]).mean()))
    assert gaps == sorted(gaps, reverse=True) and gaps[0] > 0.1 and gaps[3] == 0


def test_an_eased_plate_is_upright_and_fills_the_image():
    made = plates.make(4, seed=0)
    eased = distortions.ease(made.images, made.corners, 0.0)
    direct = distortions.warp(made.images, made.theta, (48, 188), "projective")
    inner = np.s_[:, 6:-6, 24:-24]
    assert np.abs(eased[inner] - direct[inner]).mean() < 0.06
    whole = distortions.ease(made.images, made.corners, 1.0)
    np.testing.assert_allclose(whole, made.images, atol=1e-3)


@pytest.mark.parametrize(("corners", "got"), [(None, "None"), (np.full((4, 4, 2), np.nan), "NaN for some images")])
def test_what_has_no_corners_cannot_be_eased(corners, got):
    with pytest.raises(ValueError, match=rf"corners: expected \(N, 4, 2\), .+, got {got}"):
        distortions.ease(plates.make(4, seed=0).images, corners, 0.5)


def test_corners_of_a_distorted_digit_enclose_it(objects):
    rectified = distortions.warp(
        objects.x_test, fitting.from_corners(objects.corners_test, transform="affine"), (28, 28)
    )
    clean = recipes.datasets.load("uci").x_test[:20]
    assert np.abs(rectified - clean).mean() < 0.03


def described(theta):
    corners = recipes.corners_of(poses.rotated_scaled_translated(np.random.default_rng(0), 50))
    truth = fitting.from_corners(corners, transform="affine")
    return recipes.tracking("affine", theta(truth), corners)


def test_what_is_corrected():
    assert described(lambda truth: truth)["corrected"] == pytest.approx(1, abs=1e-5)
    assert described(lambda truth: truth * 0 + [0.7, 0, 0, 0, 0.7, 0])["corrected"] == pytest.approx(0, abs=1e-6)
    assert described(lambda truth: truth[::-1])["corrected"] < 0
    assert described(lambda truth: truth * np.nan)["corrected"] is None


def test_a_common_offset_costs_nothing_and_half_the_rotation_is_half():
    found = described(lambda truth: truth + np.array([0, 0, 0.1, 0, 0, 0.1]))
    assert found["corrected"] == pytest.approx(1, abs=1e-5)
    angles, still = np.radians(np.linspace(-40, 40, 9)), np.zeros((9, 2))
    whole, half = (poses.affine(part, still + 0.5, still[:, 0], still) for part in (angles, angles / 2))
    corners = poses.CORNERS @ whole[:, :, :2].transpose(0, 2, 1)
    found = recipes.tracking("affine", half.reshape(9, 6), corners)
    assert found["rotation_corrected"] == pytest.approx(0.5, abs=1e-4)


def test_the_test_sets_are_fixed(objects):
    procedure = recipes.Recipes(tiny("adam"), objects)
    assert procedure.checksum() == recipes.Recipes(tiny("cnn", seed=3), objects).checksum()
    moved = objects._replace(corners_test=objects.corners_test + 0.01)
    assert procedure.checksum() != recipes.Recipes(tiny("adam"), moved).checksum()


def test_the_table_shows_plates_and_digits(tmp_path):
    for distortion, error in (("plates", 0.05), ("RTS", 0.02)):
        run = runs.select("recipes", "curriculum", "affine", distortion)[0]
        cost = {"parameters": 5, "train_images": 6000, "test_images": 1000, "seconds": 7.0, "cpu_seconds": 7.0}
        record = {**vars(run), **cost, "command": run.command, "error": {"distorted": error}}
        files.write_json(tmp_path / f"{run.name}.json", record | {"error_per_epoch": [{"distorted": error}] * 40})
    shown = [row for row in table.rows(tmp_path) if row["mean"] is not None]
    assert [(row["distortion"], round(row["mean"], 6)) for row in shown] == [("plates", 5), ("RTS", 2)]
    assert "--dataset plates" in shown[0]["commands"][0] and "--dataset mnist" in shown[1]["commands"][0]


def test_what_readers_see_of_the_recipes(tmp_path):
    for seed, (error, state) in enumerate([(0.2, "asleep"), (0.4, "working"), (0.3, "working")]):
        run = runs.select("recipes", "curriculum", "affine", "plates", seed)[0]
        found = {"state": state, "corrected": 0.1 * seed}
        record = {**vars(run), "error": {"distorted": error, "characters": error / 4}, "found": found}
        files.write_json(tmp_path / f"{run.name}.json", record)
    run = runs.select("recipes", "cnn", None, "plates", 0, epochs=12)[0]
    files.write_json(tmp_path / f"{run.name}.json", {**vars(run), "error": {"distorted": 0.5, "characters": 0.1}})
    run = runs.select("recipes", "adam", "affine", "RTS", 0, dataset="mnist")[0]
    found = {"state": "working", "corrected": 0.5}
    files.write_json(tmp_path / f"{run.name}.json", {**vars(run), "error": {"distorted": 0.25}, "found": found})
    digits, plates = (report.recipes_table(task, tmp_path).replace(HARD, " ") for task in ("RTS", "plates"))
    assert digits.splitlines()[2] == "| the usual way: Adam | relu, zeros, × 1 | working × 1 | 24 | 1 | 75.0 | 50.0 |"
    assert plates.splitlines()[1:] == [
        "|---|---|---|--:|--:|--:|--:|--:|",  # words to the left, numbers to the right
        "| CNN alone | – | – | 12 | 1 | 50.0 | 90.0 | – |",
        "| growing distortion | tanh, border, × 0.3 | asleep × 1, working × 2 | 40 | 3 | 70.0 | 92.5 | 10.0 |",
    ]


def test_tasks_show_what_was_run_with_any_number_of_seeds_from_the_worst_to_the_best(tmp_path):
    def add(model, task, seed, error, state=None, **options):
        run = runs.select("recipes", model, "affine" if state else None, task, seed, dataset="mnist", **options)[0]
        found = {"found": {"state": state}} if state else {}
        files.write_json(tmp_path / f"{run.name}.json", {**vars(run), "error": {"distorted": error}} | found)

    labels = {"cnn": "CNN alone", "adam": "the usual way", "pairs": "random warps first", "pose": "poses first"}
    titles = {"RTS": "Rotated", "clutter": "In clutter"}
    add("cnn", "RTS", 0, 0.25)
    for seed, state in enumerate(("asleep", "collapsed", "asleep")):
        add("adam", "RTS", seed, 0.1 * seed, state)
    add("pose", "clutter", 0, 0.05, "working")
    add("pose", "RTS", 0, 0.5, "working", epochs=3)  # not the full measurement
    add("pairs", "plates", 0, 0.5, "working")  # another task
    assert report.tasks_table(labels, titles, tmp_path).splitlines() == [
        "| Recipe | Rotated | In clutter |",
        "|---|--:|--:|",
        "| CNN alone | 75.0 (one seed) | – |",
        "| the usual way | 90.0 (80.0 to 100.0) | – |",
        "| poses first | – | 95.0 (one seed) |",
    ]


def test_checksums_of_the_tasks_have_not_changed():
    objects = recipes.plates_task(train=1, test=40)
    found = data.sha256([objects.y_test.astype("int64"), data.fixed(objects.corners_test)])
    assert found == "b0002758ec921df949f61e28a903746909406dc16335046a52f6d1fd31d60b39"
