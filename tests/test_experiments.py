"""The measurements: lists, matched sizes, fixed tests, whole files, and a killed run that goes on as if unharmed."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from stnlib import distortions, transforms
from stnlib.datasets import load
from stnlib.distortions import DISTORTIONS
from stnlib.experiments import __main__ as command_line
from stnlib.experiments import data, files, listing, measure, networks, procedures, runs, table
from stnlib.experiments.catalog import EXPERIMENTS

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def digits():
    return load("uci")


def tiny(model="fcn_mixed", distortion="article", **options):
    options = {"epochs": 1, "dataset": "uci", "train_size": 40, "seed": 0} | options
    experiment = "article" if distortion.startswith("article") else "paper"
    transform = "affine" if model.startswith("st") else None
    return runs.Run(experiment, model, transform, distortion, **options)


# Sizes are the same on every backend, and JAX compiles each new shape.
@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("model", "transform", "distortion"),
    [
        ("fcn", None, "R"),
        ("cnn", None, "E"),
        ("cnn", None, "RTS"),
        ("st_fcn", "tps", "P"),
        ("st_cnn", "projective", "R"),
        ("st_cnn", "affine", "RTS"),
        ("cnn", None, "clutter"),
        ("st2_fcn", "affine", "addition"),
    ],
)
def test_paper_networks_have_matched_sizes(model, transform, distortion):
    record = EXPERIMENTS["addition" if distortion == "addition" else "paper"].model(model)
    network = record.build(DISTORTIONS[distortion], transform)
    assert abs(network.count_params() / networks.TARGET - 1) < 0.1
    assert network.output_shape[-1] == (19 if distortion == "addition" else 10)
    assert measure.widths(network)[-1] == network.output_shape[-1]


@pytest.mark.tensorflow
@pytest.mark.parametrize("distortion", EXPERIMENTS["article"].distortions)
def test_wide_cnn_matches_the_whole_transformer_network(distortion):
    built = [EXPERIMENTS["article"].model(name).build for name in ("cnn_wide", "stn_cnn")]
    counts = [build(DISTORTIONS[distortion], "affine").count_params() for build in built]
    assert abs(counts[0] / counts[1] - 1) < 0.1


@pytest.mark.tensorflow
@pytest.mark.parametrize("transformers", [1, 2])
@pytest.mark.parametrize("localization", [networks.fcn_localization, networks.cnn_localization])
def test_paper_transformers_start_as_the_identity(localization, transformers):
    network = networks.sized(
        DISTORTIONS["addition"], "affine", 4, networks.fcn_layers, localization, transformers=transformers
    )
    images = np.random.default_rng(0).uniform(size=(2, 42, 42, 2)).astype("float32")
    output = keras.ops.convert_to_numpy(network.get_layer("transformer")(images))
    np.testing.assert_allclose(output, images, atol=5e-5)


def test_list_of_everything():
    listed = runs.everything()
    names = [run.name for run in listed]
    assert len(set(names)) == len(names)
    of_the_paper = [run for run in listed if run.experiment == "paper"]
    assert len(of_the_paper) == 3 * 4 * (2 + 2 * 3)  # seeds; families; networks without and with three transforms
    assert {run.experiment for run in listed} == set(EXPERIMENTS)
    assert [run.seed for run in listed] == sorted(run.seed for run in listed)
    first = [run for run in listed if run.seed == 0]
    usual = [run.transform in (None, "affine") for run in first]
    assert usual == sorted(usual, reverse=True)


@pytest.mark.parametrize("plan", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_records_of_experiments_are_consistent(plan):
    assert len({model.name for model in plan.models}) == len(plan.models)
    cells = {(*cell[1:], test) for cell in plan.cells() for test in plan.tests}
    assert set(plan.published) <= cells
    assert set(plan.own_data) <= set(plan.distortions)
    assert set(plan.transforms) <= set(transforms.NAMES)
    assert plan.schedule in procedures.SCHEDULES


def test_the_protocol_is_the_papers(digits):
    run = runs.select("protocol", "st_fcn", "affine", "R")[0]
    assert run.plan.batch_size * 150_000 == run.epochs * 60_000 and run.epochs * run.steps(60_000) >= 150_000
    procedure = run.plan.procedure(run, digits)
    rates = [float(procedure.rate()(step)) for step in (0, 49_999, 50_000, 99_999, 100_000, 150_000)]
    np.testing.assert_allclose(rates, [1e-2, 1e-2, 1e-3, 1e-3, 1e-4, 1e-4], rtol=1e-6)
    model = procedure.model()
    assert isinstance(model.optimizer, keras.optimizers.SGD) and model.optimizer.momentum == 0
    kinds = {type(layer).__name__ for layer in model.layers}
    assert kinds == {"InputLayer", "SpatialTransformer", "Flatten", "Dense"}
    assert run.plan.published_error("st_fcn", "affine", "P_stretch") == 1.5


SHARES = {
    "constant": (1, 1, 1),
    "cosine": (1, (1 + np.cos(3 / 8 * np.pi)) / 2, (1 + np.cos(3 / 4 * np.pi)) / 2),
    "steps": (1, 0.1, 0.01),
}


@pytest.mark.parametrize("experiment", ["paper", "protocol"])
@pytest.mark.parametrize("schedule", SHARES)
def test_a_network_is_trained_by_the_schedule_that_its_record_names(digits, monkeypatch, experiment, schedule):
    """At the steps 0, 75,000 and 150,000 of 200,000."""
    monkeypatch.setitem(EXPERIMENTS, experiment, dataclasses.replace(EXPERIMENTS[experiment], schedule=schedule))
    run = runs.Run(experiment, "fcn", None, "R", seed=0, epochs=200_000, dataset="uci", train_size=256)
    procedure = run.plan.procedure(run, digits)
    optimizer, found = procedure.model().optimizer, []
    for step in (0, 75_000, 150_000):
        optimizer.iterations.assign(step)
        found.append(float(keras.ops.convert_to_numpy(optimizer.learning_rate)))
    np.testing.assert_allclose(found, procedure.learning_rate * np.array(SHARES[schedule]), rtol=1e-5)


def test_a_later_part_of_a_schedule_comes_back_from_its_configuration():
    later = procedures.Later(keras.optimizers.schedules.CosineDecay(0.1, 10), done=4)
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(later))
    whole = keras.optimizers.schedules.CosineDecay(0.1, 10)
    assert [float(schedule(3)) for schedule in (later, again)] == [float(whole(7))] * 2


def test_nothing_fits():
    with pytest.raises(ValueError, match="no run fits"):
        runs.select("paper", model="fcn", transform="tps")
    with pytest.raises(ValueError, match=r"experiment: expected one of 'article', .* got 'papers'"):
        runs.select("papers")
    with pytest.raises(ValueError, match="recipes: no run fits distortion RTS, seed 0, dataset plates"):
        runs.select("recipes", distortion="RTS", dataset="plates")


CHECKSUMS = {
    "article": "7668c99e83cb93c9099c4d61ae1a3cb5329314146d4d967eda1d98ce5f32be8c",
    "article_clutter": "405fb81cd08470c7c07c30c49d67bea02883f4582c28d35bba3a129d9eecd3b1",
    "R": "4da34012bdbb84642b19097b264a99e208258464a764efc4f41641cb85852ae4",
    "RTS": "d1a9b8909ffd7d1df19074f472ef3f499470b8a659b96f46ba4fad799b40f728",
    "P": "5b4266f84dd83568804b2ba18ccdfec310de96ce3761b9fe65ecafe1bc057aaf",
    "P_stretch": "069ab62d8484e48007361099ee3e78369275bd4864a5ebb7200af1bac456ef07",
    "E": "cd73e4d7873d0a025b90fd1e67a3d034f7e394b5ca42a359b8c19f78a1d00235",
    "clutter": "17f63a4a67a972ca901a8f17cd0b42ae42f7916ae052cbc4190d43b8e2a8d3b3",
    "addition": "02ff4fdb8f2d1761f90bc787c9c071a36c68bc3cffe153a3fba4d7e44726157c",
}


def test_every_checksum_has_its_distortion():
    assert set(CHECKSUMS) <= set(DISTORTIONS)


@pytest.mark.parametrize("distortion", DISTORTIONS)
def test_test_sets_are_fixed_and_training_images_are_fresh(digits, distortion):
    run = tiny(distortion=distortion)
    other = tiny(distortion=distortion, seed=1, epochs=9)
    assert data.checksum(run, digits) == data.checksum(other, digits)
    one, two, again = (data.training_set(run, digits, epoch) for epoch in (0, 1, 0))
    np.testing.assert_array_equal(one[0], again[0])
    np.testing.assert_array_equal(one[1], again[1])
    assert np.abs(one[0] - two[0]).max() > 0.1
    assert one[0].shape[1:] == data.test_sets(run, digits)["distorted"][0].shape[1:]


def test_other_pairs_have_another_checksum(digits, monkeypatch):
    run = tiny(distortion="addition")
    partner, theta = distortions.pairing(len(digits.x_test), data.TEST_SEED)
    same_sums = np.arange(len(partner))
    first, second = np.flatnonzero(digits.y_test[partner] == 3)[:2]
    same_sums[[first, second]] = second, first
    changes = {"partners": (partner[same_sums], theta), "first digit": (partner, theta * [[[1]], [[1]]])}
    changes["first digit"][1][0, 0, 2] += 0.1
    seen = {data.checksum(run, digits)}
    for changed in changes.values():
        monkeypatch.setattr(distortions, "pairing", lambda *_, changed=changed: changed)
        seen.add(data.checksum(run, digits))
    assert len(seen) == 3


@pytest.mark.parametrize("distortion", DISTORTIONS)
def test_test_sets_have_not_changed(digits, distortion):
    assert data.checksum(tiny(distortion=distortion), digits) == CHECKSUMS.get(distortion)


def test_the_clean_network_sees_clean_digits_only(digits):
    x, _ = data.training_set(tiny("fcn_clean"), digits, 0)
    seen = {image.tobytes() for image in x}
    assert len(x) == 40 and seen == {image.tobytes() for image in digits.x_train[:40]}
    assert len(data.training_set(tiny("fcn_mixed"), digits, 0)[0]) == 80


def test_a_loss_that_diverged_is_still_json(tmp_path):
    files.write_json(tmp_path / "run.json", {"losses": [1.5, float("nan"), np.float64("inf")], "epochs": (1,)})
    text = (tmp_path / "run.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail) == {"losses": [1.5, None, None], "epochs": [1]}


def test_a_broken_result_is_named(tmp_path):
    (tmp_path / "half.json").write_text('{"model": ')
    with pytest.raises(ValueError, match=r"half\.json: expected JSON"):
        table.rows(tmp_path)
    with pytest.raises(SystemExit, match=r"half\.json: expected JSON"):
        command_line.main(["table", "--out", str(tmp_path)])


def test_the_commit_is_that_of_this_source(tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "other work"], check=True)
    source = tmp_path / "installed.py"
    source.touch()
    assert files.commit(source) is None
    subprocess.run([*git, "add", "installed.py"], check=True)
    assert len(files.commit(source)) == 40


def test_write_leaves_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "record.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        files.write_json(path, {"a": object()})
    assert files.read_json(path) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["record.json"]


def test_damaged_checkpoint_counts_as_none(tmp_path):
    path = tmp_path / "run.npz"
    assert files.read_checkpoint(path) is None
    files.write_checkpoint(path, {"epoch": 1}, [np.arange(3), np.ones((2, 2))])
    state, arrays = files.read_checkpoint(path)
    assert state == {"epoch": 1} and arrays[0].tolist() == [0, 1, 2] and arrays[1].shape == (2, 2)
    path.write_bytes(path.read_bytes()[:-40])
    assert files.read_checkpoint(path) is None


@pytest.fixture(scope="module")
def whole(digits, tmp_path_factory):
    """A run that nobody stopped: its folder and its record."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, measure.measure(tiny(epochs=2), digits, folder)


def test_record_holds_what_was_promised_and_no_paths(whole):
    folder, record = whole
    name = tiny(epochs=2).name
    assert record == files.read_json(folder / f"{name}.json")
    wanted = "model transform distortion seed epochs parameters error error_per_epoch seconds cpu_seconds"
    assert set(f"{wanted} versions backend device commit".split()) <= set(record)
    assert set(record["error"]) == {"original", "distorted"} and len(record["error_per_epoch"]) == 2
    assert record["error"] == record["error_per_epoch"][-1]
    assert set(record["wrong"]) == set(record["error"]) and len(record["wrong"]["distorted"]) == 60  # 360 / 8 * 4 / 3
    wrong = files.unpacked(record["wrong"]["distorted"], record["test_images"])
    assert wrong.sum() == round(record["error"]["distorted"] * record["test_images"]) > 0
    assert not any(word in json.dumps(record) for word in (str(folder), str(ROOT), os.uname().nodename))
    network = keras.models.load_model(folder / "networks" / f"{name}.keras")
    assert network.count_params() == record["parameters"] and not network.compiled
    assert list((folder / "checkpoints").iterdir()) == []


def test_stopped_run_ends_with_the_same_bits(whole, digits, tmp_path, monkeypatch):
    run, one_epoch = tiny(epochs=2), measure.one_epoch

    def stop_in_the_second(*arguments):
        if arguments[4] == 1:
            raise KeyboardInterrupt
        return one_epoch(*arguments)

    monkeypatch.setattr(measure, "one_epoch", stop_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        measure.measure(run, digits, tmp_path)
    assert not list(tmp_path.glob("*.json"))
    monkeypatch.setattr(measure, "one_epoch", one_epoch)
    resumed = measure.measure(run, digits, tmp_path)
    assert unchanging(resumed) == unchanging(whole[1])
    weights = [keras.models.load_model(next(f.glob("networks/*"))).get_weights() for f in (whole[0], tmp_path)]
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


def unchanging(record):
    """What two executions of one run have in common."""
    return {name: value for name, value in record.items() if name not in ("seconds", "cpu_seconds", "commit")}


def test_a_checkpoint_of_another_run_is_not_used(digits, tmp_path):
    model = measure.compiled(tiny(), digits)
    path = tmp_path / "run.npz"
    files.write_checkpoint(path, {"run": {"seed": 5}, "errors": [{}]}, measure.variables(model))
    assert measure.resume(tiny(), model, path)["errors"] == []


@pytest.mark.parametrize("together", [1, pytest.param(16, marks=pytest.mark.tensorflow)])
def test_the_bar_counts_every_step_once(together):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mse", steps_per_execution=together)
    counted = []
    bar = type("Bar", (), {"update": lambda self, steps: counted.append(steps)})()
    model.fit(np.ones((37, 2)), np.ones((37, 1)), batch_size=1, verbose=0, callbacks=[measure.Progress(bar)])
    assert sum(counted) == 37


def record_of(run, error, **more):
    errors = {"distorted": error, "original": error / 2}
    cost = {"parameters": 5, "train_images": 1437, "test_images": 360, "seconds": 70.0, "cpu_seconds": 7.0}
    return {**vars(run), **cost, "error": errors, "error_per_epoch": [errors], "command": run.command, **more}


def write_runs(folder, *runs_and_errors):
    for run, error in runs_and_errors:
        files.write_json(folder / f"{run.name}.json", record_of(run, error))


def cell(folder, *wanted, test="distorted"):
    (found,) = [r for r in table.rows(folder) if (*table.key(r), r["test"]) == (*wanted, test)]
    return found


RTS = ("paper", "st_cnn", "affine", "RTS")


def test_table_shows_mean_spread_and_what_is_missing(tmp_path):
    full = [runs.select(*RTS, seed)[0] for seed in EXPERIMENTS["paper"].seeds]
    few = runs.select("paper", "cnn", None, "RTS", 0, train_size=10)[0]
    write_runs(tmp_path, *zip(full, (0.01, 0.02, 0.03), strict=True), (few, 0.5))
    ours = cell(tmp_path, *RTS)
    assert ours["mean"] == pytest.approx(2) and ours["spread"] == pytest.approx(1) and ours["seeds"] == 3
    assert ours["published"] == 0.5 and ours["epochs"] == 80 and not ours["other_budget"]
    assert ours["cpu_seconds"] == 7 and ours["seconds"] == 70
    assert ours["error_per_epoch"] == [[1.0], [2.0], [3.0]]
    assert [command.split("--seed ")[1][0] for command in ours["commands"]] == ["0", "1", "2"]
    assert cell(tmp_path, "paper", "cnn", None, "RTS")["mean"] is None
    text, count = listing.text(tmp_path), len(table.rows(tmp_path))
    assert text.count("not run") == count - 1 + 1 and f"1 of {count} cells" in text
    assert "2.00    1.00     3" in text and "80*" not in text


def test_seeds_that_are_partly_there(tmp_path):
    write_runs(tmp_path, (runs.select(*RTS, 2)[0], 0.03))
    assert (cell(tmp_path, *RTS)["mean"], cell(tmp_path, *RTS)["spread"]) == (pytest.approx(3), None)
    write_runs(tmp_path, (runs.select(*RTS, 0)[0], 0.01))
    ours = cell(tmp_path, *RTS)
    assert ours["mean"] == pytest.approx(2) and ours["spread"] == pytest.approx(2**0.5) and ours["seeds"] == 2


def test_another_budget_never_passes_for_the_full_measurement(tmp_path):
    write_runs(tmp_path, *((runs.select(*RTS, 0, epochs=epochs)[0], epochs / 100) for epochs in (1, 30)))
    ours = cell(tmp_path, *RTS)
    assert ours["epochs"] == 30 and ours["other_budget"] and " 30* " in listing.text(tmp_path)
    write_runs(tmp_path, *((runs.select(*RTS, 0, epochs=epochs)[0], epochs / 100) for epochs in (80, 100)))
    ours = cell(tmp_path, *RTS)
    assert ours["epochs"] == 80 and ours["mean"] == pytest.approx(80) and not ours["other_budget"]


def test_the_table_of_one_number_of_epochs(tmp_path, capsys):
    lengths = [runs.select(*RTS, 0, epochs=epochs)[0] for epochs in (20, 80)]
    write_runs(tmp_path, *zip(lengths, (0.2, 0.1), strict=True))
    (short,) = [r for r in table.pick("paper", "RTS", folder=tmp_path, epochs=20) if r["mean"] is not None]
    assert short["mean"] == pytest.approx(20) and short["epochs"] == 20 and short["other_budget"]
    command_line.main(["table", "--out", str(tmp_path), "--epochs", "20"])
    shown = capsys.readouterr().out
    assert " 20* " in shown and " 80 " not in shown and " cells measured with 20 epochs; " in shown
    assert [r["mean"] for r in table.rows(tmp_path, epochs=30) if r["mean"] is not None] == []


def test_what_readers_see_of_a_cell(tmp_path):
    assert table.network(cell(tmp_path, *RTS)) == "ST-CNN, affine" and table.error(cell(tmp_path, *RTS)) == "not run"
    write_runs(tmp_path, (runs.select(*RTS, 0, epochs=30)[0], 0.03))
    assert table.error(cell(tmp_path, *RTS)) == "3.00 (30 epochs)"
    write_runs(tmp_path, *((runs.select(*RTS, seed)[0], seed / 100) for seed in (0, 1)))
    assert table.error(cell(tmp_path, *RTS)) == "0.50 ± 0.71"


def test_a_budget_of_time_has_no_default_number_of_epochs(tmp_path):
    long = runs.select("article", "cnn_long", None, "article", 0, epochs=20)[0]
    write_runs(tmp_path, (long, 0.1))
    ours = cell(tmp_path, "article", "cnn_long", None, "article", test="original")
    assert ours["epochs"] == 20 and ours["mean"] == pytest.approx(5) and not ours["other_budget"]


def test_the_table_tells_what_a_gpu_did(tmp_path):
    run = runs.select(*RTS, 0)[0]
    files.write_json(tmp_path / f"{run.name}.json", record_of(run, 0.1, device="gpu"))
    assert listing.text(tmp_path).count("[gpu]") == 2


def test_the_table_needs_no_data(tmp_path, capsys):
    command_line.main(["table", "--out", str(tmp_path)])
    assert "0 of" in capsys.readouterr().out


def test_time_budget_comes_from_the_measured_runs(tmp_path):
    long = runs.select("article", "cnn_long", None, "article", seed=2)[0]
    with pytest.raises(SystemExit, match="needs article-article-stn_cnn"):
        command_line.within_budget(long, tmp_path)
    for model, transform, seconds in (("stn_cnn", "affine", 40.0), ("cnn", None, 10.0)):
        run = runs.select("article", model, transform, "article")[0]
        files.write_json(tmp_path / f"{run.name}.json", record_of(run, 0.1, cpu_seconds=seconds))
    assert command_line.within_budget(long, tmp_path).epochs == 20


def test_the_plan_is_one_command_a_line_for_what_is_not_measured_yet(tmp_path, capsys):
    write_runs(tmp_path, (runs.select(*RTS, 1)[0], 0.1))
    words = ["--model", "st_cnn", "--transform", "affine", "--distortion", "RTS", "--out", str(tmp_path)]
    command_line.main(["plan", "paper", *words])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("--seed ")[1][0] for line in lines] == ["0", "2"]
    assert all(line.startswith("python -m stnlib.experiments paper --model st_cnn") for line in lines)
    assert all(f"--quiet --out {tmp_path}" in line for line in lines)
    read = command_line.parser().parse_args(lines[0].split()[3:])
    assert (read.epochs, read.seed, read.transform) == (80, 0, "affine")


@pytest.mark.parametrize("command", ["plan", "table"])
def test_who_reads_what_is_printed_may_stop_early(command, tmp_path, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as closed, monkeypatch.context() as here:
        here.setattr(sys, "stdout", closed)
        command_line.main([command, "--out", str(tmp_path)])


def test_the_plan_of_everything_ends_with_what_waits_for_the_time_of_others(tmp_path, capsys):
    command_line.main(["plan", "--out", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(set(lines)) == len(runs.everything())
    waiting = [i for i, line in enumerate(lines) if "cnn_long" in line]
    assert waiting == list(range(len(lines) - len(waiting), len(lines)))
    assert not any("--epochs" in lines[i] for i in waiting)


def test_the_plan_leaves_out_a_run_whose_length_the_time_of_others_decided(tmp_path, capsys):
    for model, transform, seconds in (("stn_cnn", "affine", 40.0), ("cnn", None, 10.0)):
        run = runs.select("article", model, transform, "article")[0]
        files.write_json(tmp_path / f"{run.name}.json", record_of(run, 0.1, cpu_seconds=seconds))
    write_runs(tmp_path, (runs.select("article", "cnn_long", None, "article", seed=1, epochs=20)[0], 0.1))
    command_line.main(["plan", "article", "--model", "cnn_long", "--distortion", "article", "--out", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("--seed ")[1][0] for line in lines] == ["0", "2"]
    assert not any("--epochs" in line for line in lines)
    command_line.main(["plan", "article", "--model", "cnn_long", "--epochs", "20", "--out", str(tmp_path)])
    asked = [line for line in capsys.readouterr().out.splitlines() if "--distortion article " in line]
    assert len(asked) == 2 and all("--epochs 20 " in line for line in asked)


def test_an_explicit_budget_is_kept(monkeypatch, tmp_path):
    kept = []
    monkeypatch.setattr(command_line, "measured", lambda run, *rest: kept.append(run.epochs))
    options = ["--model", "cnn_long", "--distortion", "article", "--dataset", "uci", "--out", str(tmp_path)]
    command_line.main(["article", *options, "--epochs", "21"])
    assert kept == [21]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["paper", "--epochs", "0"], "argument --epochs: 0: expected a whole number of at least 1"),
        (["paper", "--epochs", "2.5"], "argument --epochs: 2.5: expected a whole number of at least 1"),
        (["paper", "--model", "rnn"], "argument --model: invalid choice"),
        (["books"], "invalid choice: 'books'"),
        (["all", "--model", "cnn"], "argument --model: does not apply to 'all'"),
        (["all", "clutter"], "argument of: does not apply to 'all'"),
        (["all", "--seed", "0"], "argument --seed: does not apply to 'all'"),
        (["table", "--seed", "1"], "argument --seed: does not apply to 'table'"),
        (["clutter", "paper"], "argument of: does not apply to 'clutter'"),
        (["plan", "--scheduler", "tcp://a:1"], "argument --scheduler: does not apply to 'plan'"),
    ],
)
def test_bad_arguments(arguments, message, capsys):
    with pytest.raises(SystemExit):
        command_line.main(arguments)
    shown = capsys.readouterr().err
    assert "usage:" in shown and message in shown


def test_a_file_in_place_of_the_folder_is_told_before_any_training(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(SystemExit, match="taken"):
        command_line.main(["clutter", "--model", "cnn", "--dataset", "uci", "--out", str(tmp_path / "taken")])


def test_a_network_is_saved_without_its_optimizer(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    measure.save_network(tmp_path / "net.keras", model)
    (path,) = tmp_path.iterdir()
    again = keras.models.load_model(path)
    assert not again.compiled
    assert all(np.array_equal(a, b) for a, b in zip(again.get_weights(), model.get_weights(), strict=True))


def test_a_failed_save_leaves_nothing_behind(tmp_path):
    def half(part):
        part.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.save(tmp_path / "net.keras", half)
    assert list(tmp_path.iterdir()) == []


DYING = """
import json, os, signal, sys
from pathlib import Path
from stnlib.experiments import files
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
def before(function): return lambda *words: die() or function(*words)
def after(function): return lambda *words: die(function(*words))
def save(path, content, moment):
    def write(part):
        with open(part, "w") as file:
            if moment == "opened": die()
            file.write(content[: len(content) // 2])
            file.flush()
            if moment == "half written": die()
            file.write(content[len(content) // 2 :])
        if moment == "written": die()
    if moment == "before fsync": os.fsync = before(os.fsync)
    if moment == "after fsync": os.fsync = after(os.fsync)
    if moment == "before rename": os.replace = before(os.replace)
    if moment == "after rename": os.replace = after(os.replace)
    files.save(path, write)
for moment, path in json.loads(sys.argv[1]).items():
    child = os.fork()
    if not child:
        save(Path(path), sys.argv[2], moment)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
"""
MOMENTS = ("opened", "half written", "written", "before fsync", "after fsync", "before rename", "after rename")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be split here")
def test_sigkill_at_every_moment_of_saving_loses_and_doubles_nothing(tmp_path):
    run = runs.select(*RTS, 0)[0]
    old, new = (json.dumps(record_of(run, error)) for error in (0.2, 0.1))
    for kind in ("first", "second"):
        targets = {moment: tmp_path / kind / moment / f"{run.name}.json" for moment in MOMENTS}
        for target in targets.values():
            target.parent.mkdir(parents=True)
            if kind == "second":
                target.write_text(old)
        words = [json.dumps({moment: str(target) for moment, target in targets.items()}), new]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", DYING, *words], env=environment, check=True)
        for moment, target in targets.items():
            found = [json.dumps(record) for record in files.read_results(target.parent)]
            expected = [new] if moment == "after rename" else [old] if kind == "second" else []
            assert found == expected, (kind, moment)
            assert cell(target.parent, *RTS)["seeds"] == len(found)
            left_long_ago(target.parent)
            files.write_json(target, record_of(run, 0.1))
            assert list(target.parent.iterdir()) == [target]


def left_long_ago(folder):
    """Let all that lies in a folder be a day old."""
    for path in folder.iterdir():
        os.utime(path, (time.time() - 86400,) * 2)


def test_what_earlier_versions_left_when_they_were_killed_is_no_result(tmp_path):
    run = runs.select(*RTS, 0)[0]
    write_runs(tmp_path, (run, 0.1))
    whole = (tmp_path / f"{run.name}.json").read_text()
    (tmp_path / f".7.part-{run.name}.json").write_text(whole)
    (tmp_path / ".8.part-other.json").write_text(whole[:40])
    assert cell(tmp_path, *RTS)["seeds"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("clutter --model st2_fcn", "clutter: no run fits model st2_fcn, seed 0"),
        ("article --model cnn --dataset plates", "article: no run fits model cnn, seed 0, dataset plates"),
        ("recipes --distortion RTS --dataset plates", "recipes: no run fits distortion RTS, seed 0, dataset plates"),
        ("plan paper --dataset plates", "paper: no run fits dataset plates"),
    ],
)
def test_what_an_experiment_does_not_have_is_told_in_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.setattr(command_line, "measured", lambda run, *rest: pytest.fail(run.name))
    with pytest.raises(SystemExit) as stopped:
        command_line.main([*arguments.split(), "--out", str(tmp_path)])
    assert stopped.value.code == message  # a text, so Python exits with 1


def test_a_data_set_of_one_distortion_picks_its_runs(capsys, tmp_path):
    for words in (["recipes"], []):
        command_line.main(["plan", *words, "--dataset", "plates", "--out", str(tmp_path)])
        lines = capsys.readouterr().out.splitlines()
        assert lines and all("recipes" in line and "--distortion plates" in line for line in lines)
    command_line.main(["plan", "recipes", "--dataset", "uci", "--out", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert {line.split("--dataset ")[1].split()[0] for line in lines} == {"uci", "plates"}


def start(out, cores):
    words = ["article", "--model", "stn_cnn", "--distortion", "article", "--dataset", "uci", "--train-size", "96"]
    command = [sys.executable, "-m", "stnlib.experiments", *words, "--epochs", "3", "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment.pop("TF_NUM_INTRAOP_THREADS", None)
    pin = (lambda: os.sched_setaffinity(0, cores)) if cores else None
    return subprocess.Popen(command, env=environment, preexec_fn=pin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@pytest.mark.slow
@pytest.mark.tensorflow
def test_killed_run_on_two_cores_ends_with_the_bits_of_a_whole_one_on_a_single_core(tmp_path):
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    processes = [start(whole, cores[:1]), start(broken, cores[:2])]
    deadline = time.monotonic() + 300
    while not list(broken.glob("checkpoints/*.npz")):
        assert time.monotonic() < deadline and processes[1].poll() is None
        time.sleep(0.02)
    processes[1].send_signal(signal.SIGKILL)
    processes[1].communicate()
    assert not list(broken.glob("*.json"))
    processes.append(start(broken, cores[:2]))
    for process in (processes[0], processes[2]):
        assert process.communicate(timeout=300) and process.returncode == 0
    first, second = (unchanging(files.read_results(folder)[0]) for folder in (whole, broken))
    assert first == second
    weights = [keras.models.load_model(next(f.glob("networks/*.keras"))).get_weights() for f in (whole, broken)]
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


def test_results_come_from_the_checkout_or_from_the_installed_package(tmp_path):
    package = tmp_path / "stnlib"
    assert files.results_folder(package) == package / "results"
    (tmp_path / "pyproject.toml").touch()
    assert files.results_folder(package) == tmp_path / "results"
    assert files.results_folder() == ROOT / "results"
    assert table.rows() == table.rows(ROOT / "results")


@pytest.mark.repository
def test_the_wheel_brings_the_runs_from_the_checkout_and_from_the_sdist(tmp_path):
    build = "import sys; from hatchling.build import *; build_wheel(sys.argv[1]); build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, tmp_path / "one"], cwd=ROOT, check=True, capture_output=True)
    (sdist,) = (tmp_path / "one").glob("*.tar.gz")
    shutil.unpack_archive(sdist, tmp_path)
    (source,) = tmp_path.glob("stnlib-*")
    subprocess.run([sys.executable, "-c", build, tmp_path / "two"], cwd=source, check=True, capture_output=True)
    for number in ("one", "two"):
        (wheel,) = (tmp_path / number).glob("*.whl")
        shutil.unpack_archive(wheel, tmp_path / number, "zip")
        installed = files.results_folder(tmp_path / number / "stnlib")
        assert files.read_results(installed) == files.read_results(ROOT / "results")
        files_here = {path.name for path in (ROOT / "results").glob("*.json")}
        assert {path.name for path in installed.iterdir()} == files_here - {"bench-sampler.json", "bench-widgets.json"}


def test_the_cost_of_a_run_is_its_steps_times_the_cost_of_one(monkeypatch):
    timed = {("article", "article", "cnn", None): 10.0, ("paper", "R", "fcn", None): 4.0}
    monkeypatch.setattr(table, "step_times", lambda: timed)
    digits = {"train_images": 60_000, "dataset": "mnist", "train_size": None, "seed": 1, "transform": None}
    article = {"experiment": "article", "distortion": "article", "model": "cnn", "epochs": 5}
    paper = {"experiment": "paper", "distortion": "E", "model": "fcn", "epochs": 80}
    assert table.training_seconds(article | digits) == pytest.approx(5 * 2 * 60_000 / 32 * 0.010)
    assert table.training_seconds(paper | digits) == pytest.approx(80 * 235 * 0.004)
    assert table.training_seconds(paper | digits | {"distortion": "RTS"}) is None


def test_the_table_reads_runs_and_leaves_benchmarks_alone(tmp_path):
    (tmp_path / "bench-sampler.json").write_text('{"results": {}}')
    (tmp_path / "run.json").write_text('{"model": "cnn"}')
    assert files.read_results(tmp_path) == [{"model": "cnn"}]


@pytest.mark.repository
def test_the_committed_results_are_whole_and_agree():
    tests, sizes = {}, {}
    for path in (ROOT / "results").glob("*.json"):
        if path.name.startswith("bench-"):
            continue
        record = files.read_json(path)
        run = runs.Run(*(record[field.name] for field in dataclasses.fields(runs.Run)))
        assert path.stem == run.name == record["name"] and record["command"] == run.command
        assert len(record["error_per_epoch"]) == record["epochs"]
        assert record["error"] == record["error_per_epoch"][-1]
        asked = run.dataset, run.distortion, record["test_images"]  # recipes are tested on fewer images
        tests.setdefault(asked, set()).add(record["test_set_sha256"])
        sizes.setdefault(table.key(record), set()).add(record["parameters"])
    assert tests
    assert all(len(found) == 1 for found in (*tests.values(), *sizes.values()))


@pytest.mark.repository
def test_the_table_is_what_the_files_say():
    records = files.read_results(ROOT / "results")
    for r in (r for r in table.rows() if r["mean"] is not None):
        same = [s for s in records if table.key(s) == table.key(r) and s["epochs"] == r["epochs"]]
        whole = EXPERIMENTS[r["experiment"]].dataset(r["distortion"]), None
        errors = 100 * np.array([s["error"][r["test"]] for s in same if (s["dataset"], s["train_size"]) == whole])
        assert r["mean"] == pytest.approx(errors.mean()) and r["seeds"] == len(errors)
        assert r["spread"] is None if len(errors) == 1 else r["spread"] == pytest.approx(errors.std(ddof=1))
