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

from stnlib import widgets
from stnlib.datasets import load
from stnlib.experiments import runs
from stnlib.experiments.catalog import same_networks

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "results" / "bench-sampler.json"
TRAINING = ROOT / "results" / "bench-training.json"
WIDGETS = ROOT / "results" / "bench-widgets.json"
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
    assert found == cells and "/" not in TRAINING.read_text()


@pytest.mark.repository
def test_the_widgets_keep_up_with_the_hand():
    results = json.loads(WIDGETS.read_text())["results"]
    frames = {name: entry["median_ms"] for name, entry in results.items()}
    folders = {getattr(widgets, name).folder for name in widgets.__all__}
    timed = {name.partition(",")[0] for name in frames}
    assert {"explorer", "microscope", "probe"} <= timed <= folders
    assert all(ms <= SLOWER_MS.get(name.partition(",")[0], FRAME_MS) for name, ms in frames.items()), frames
