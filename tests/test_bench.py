"""The benchmarks: the sampler's contenders agree, the reports are complete, and the widgets keep up with the hand.

The sampler's contenders need PyTorch and TensorFlow."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import keras
import pytest

from stnlib import plates, widgets
from stnlib.datasets import load
from stnlib.experiments import runs
from stnlib.experiments.catalog import same_networks

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "results" / "bench-sampler.json"
TRAINING = ROOT / "results" / "bench-training.json"
WIDGETS = ROOT / "results" / "bench-widgets.json"
EXPORT = ROOT / "results" / "bench-export.json"
WORKERS = ROOT / "results" / "bench-workers.json"
FRAME_MS = 4
SLOWER_MS = {"reader": 16, "train_lab": 16}  # where networks run in a frame: one at 60 Hz has 16 ms
NAMES = {"torch", "stnlib eager", "stnlib graph", "stnlib XLA", "map_coordinates XLA", "plain graph"}
SHAPES = {"256x28x28x1", "64x60x60x1", "16x224x224x3", "8x512x512x64"}
SCRIPT = """
import json, sys
import numpy as np
import common, sampler
case = sampler.make_case((2, 5, 6, 2))
built = {name: sampler.builder(name)(*case) for name in sampler.NAMES}
def last(result): return np.asarray(result).transpose(0, 2, 3, 1) if result.ndim == 4 else np.asarray(result)
for mode in common.MODES:
    expected = [last(r.detach()) for r in built["torch"][mode]()]
    for name in set(built) - {"torch", "plain graph"}:
        for a, b in zip(built[name][mode](), expected, strict=True):
            np.testing.assert_allclose(np.asarray(a), b, atol=1e-4, err_msg=f"{name} {mode}")
report = sampler.run(((2, 5, 6, 2),), ["torch", "stnlib graph"], lambda shape: 2, rounds=2)
entry = report["results"]["2x5x6x2"]["both"]["stnlib graph"]
assert entry["repeats"] == 4 and entry["quartiles"][0] <= entry["ms"] <= entry["quartiles"][1]
measure_memory = sampler.peak
sampler.peak = lambda name, shape: float("inf") if name == "plain graph" else 1.0
skipped = sampler.measure(((2, 5, 6, 2),), ["torch", "plain graph"], lambda shape: 1, 1)["2x5x6x2"]
assert set(skipped["both"]) == {"torch", "plain graph"} and "MB" in skipped["both"]["plain graph"]["skipped"]
sampler.memory_limit = lambda: 50
assert measure_memory("torch", (2, 5, 6, 2)) == float("inf")
common.write(sampler.pathlib.Path(sys.argv[1]), report)
sampler.main(["--show", "--output", sys.argv[1]])
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is in the backends' environment")
@pytest.mark.skipif(keras.backend.backend() == "jax", reason="once is enough; it runs on TensorFlow by itself")
def test_contenders_agree_and_the_report_is_written(tmp_path):
    path = [str(ROOT / "benchmarks"), str(ROOT)]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONPATH": os.pathsep.join(path)}
    target = tmp_path / "results" / "report.json"
    subprocess.run([sys.executable, "-c", SCRIPT, str(target)], check=True, env=environment, cwd=tmp_path)
    report = json.loads(target.read_text())
    assert set(report["results"]["2x5x6x2"]) == {"forward", "theta", "both"}
    assert [path.name for path in target.parent.iterdir()] == ["report.json"]


@pytest.mark.repository
@pytest.mark.skipif(not RESULTS.exists(), reason="not measured yet: make bench")
def test_the_committed_results_are_complete_and_name_no_machine():
    text = RESULTS.read_text()
    report = json.loads(text)
    assert {"keras", "numpy", "python", "stnlib", "tensorflow", "torch"} <= set(report["versions"])
    assert set(report["results"]) == SHAPES
    for modes in report["results"].values():
        for entries in modes.values():
            assert set(entries) == NAMES
            assert not any("skipped" in entries[name] for name in entries if "stnlib" in name)
            for entry in (e for e in entries.values() if "skipped" not in e):
                assert entry["ratio"] == pytest.approx(entry["ms"] / entries["torch"]["ms"], abs=1e-2, rel=1e-2)
    assert "/" not in text.replace("ratio to torch", "")


@pytest.mark.slow
@pytest.mark.tensorflow
def test_a_timed_step_is_one_of_the_network_that_was_asked_for(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    training = importlib.import_module("training")
    (run,) = runs.select("paper", "st_fcn", "affine", "R", dataset="uci")
    (found,) = training.measure([run], load("uci"), turns=3, seconds=0.01)
    asked = "paper", "st_fcn", "affine", 256
    assert tuple(found[name] for name in ("experiment", "model", "transform", "batch_size")) == asked
    assert 0 < found["smallest"] <= found["processor_ms"] <= found["largest"]


@pytest.mark.repository
def test_every_timed_cell_has_a_cost():
    timed = json.loads(TRAINING.read_text())["results"]
    found = {(e["experiment"], kind, e["model"], e["transform"]) for kind, entries in timed.items() for e in entries}
    listed = [run for run in runs.everything() if run.plan.timed]
    cells = {(*same_networks(run.experiment, run.distortion), run.model, run.transform) for run in listed}
    assert found == cells, "run `make bench-training`, or write timed=False into the experiment's record"
    assert "/" not in TRAINING.read_text()


@pytest.mark.repository
def test_the_widgets_keep_up_with_the_hand():
    results = json.loads(WIDGETS.read_text())["results"]
    frames = {name: entry["median_ms"] for name, entry in results.items()}
    folders = {getattr(widgets, name).folder for name in widgets.__all__}
    timed = {name.partition(",")[0] for name in frames}
    assert {"explorer", "microscope", "probe"} <= timed <= folders
    assert all(ms <= SLOWER_MS.get(name.partition(",")[0], FRAME_MS) for name, ms in frames.items()), frames


@pytest.fixture
def plate_reader():
    """The network of the export benchmark, untrained, with a theta that depends on the image."""
    from stnlib.experiments import recipes

    keras.utils.set_random_seed(0)
    recipe = recipes.Recipe(features="tanh", padding_mode="border")
    model = recipes.network(recipes.TASKS["plates"], recipe, (48, 188, 3), "affine")
    kernel = model.get_layer("transformer").head.kernel
    kernel.assign(keras.random.normal(kernel.shape, stddev=0.05, seed=1))
    return model


@pytest.mark.slow
@pytest.mark.tensorflow
def test_the_three_parts_of_a_reader_give_what_the_whole_gives(plate_reader, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    features, sampler, classifier = importlib.import_module("export").split(plate_reader)
    images = keras.ops.convert_to_tensor(plates.make(3, seed=0).images)
    parts = classifier(sampler([images, features(images)]))
    assert abs(keras.ops.convert_to_numpy(parts - plate_reader(images))).max() <= 1e-6
    weights = sum(model.count_params() for model in (features, sampler, classifier))
    assert weights == plate_reader.count_params()


@pytest.mark.repository
def test_the_exports_keep_the_characters_but_for_full_8_bits():
    text = EXPORT.read_text()
    report = json.loads(text)
    assert {"keras", "onnxruntime", "ai-edge-litert", "openvino", "tf2onnx"} <= set(report["versions"])
    entries = report["results"]
    assert {"Keras", "SavedModel", "ONNX Runtime", "OpenVINO", "LiteRT"} < set(entries)
    for name, entry in entries.items():
        assert entry["ratio"] == pytest.approx(entry["ms"] / entries["LiteRT"]["ms"], rel=1e-2, abs=1e-2)
        assert entry["bytes"] > 0 and entry["quartiles"][0] <= entry["ms"] <= entry["quartiles"][1]
        assert entry["kept"] == 1 or "," in name
    assert entries["LiteRT, int8"]["kept"] < 0.5 < 0.95 < entries["LiteRT, int8 around the sampler"]["kept"]
    assert "/" not in text


@pytest.mark.repository
def test_two_workers_follow_the_loss_of_one():
    text = WORKERS.read_text()
    results = json.loads(text)["results"]
    alone = results["1 worker"]
    assert [entry["workers"] for entry in results.values()] == [1, 1, 2]
    for entry in results.values():
        assert entry["loss"][:4] == pytest.approx(alone["loss"][:4], rel=1e-3)  # later, roundings have grown
        assert entry["loss"] == pytest.approx(alone["loss"], rel=0.03)
        assert entry["norm"] == pytest.approx(alone["norm"], rel=0.01)
        assert entry["speedup"] == pytest.approx(alone["epoch_seconds"] / entry["epoch_seconds"], rel=1e-2)
    assert alone["loss"][-1] < 0.8 * alone["loss"][0] and "/" not in text.replace("images/s", "")


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="they run on JAX, which is in the backends' environment")
def test_two_processes_train_on_the_loopback_interface(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    workers = importlib.import_module("workers")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (alone,), both = (workers.measure(places, 2) for places in ([[0]], [[0], [1]]))
    assert all(one["loss"] == pytest.approx(alone["loss"], abs=1e-3) for one in both)
    assert both[0]["norm"] == both[1]["norm"] == pytest.approx(alone["norm"], rel=1e-4)
