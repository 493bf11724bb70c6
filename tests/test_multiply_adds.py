"""What a network computes, counted layer by layer, is what TensorFlow's graph of it computes."""

import importlib
import json
import math
from pathlib import Path

import keras
import pytest

from stnlib import models
from stnlib.distortions import DISTORTIONS
from stnlib.experiments import listing, networks, runs, table
from stnlib.experiments.catalog import same_networks

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the graphs are TensorFlow's"),
]
tf = pytest.importorskip("tensorflow")
ROOT = Path(__file__).parents[1]
RESULTS = json.loads((ROOT / "results/bench-multiply-adds.json").read_text())["results"]


def size(tensor):
    return math.prod(tensor.shape)


COUNTS = {
    "MatMul": lambda op: size(op.outputs[0]) * op.inputs[0].shape[0 if op.get_attr("transpose_a") else 1],
    "Conv2D": lambda op: size(op.outputs[0]) * math.prod(op.inputs[1].shape[:3]),
    "Conv2DBackpropInput": lambda op: size(op.inputs[2]) * math.prod(op.inputs[1].shape[:3]),
    "Conv2DBackpropFilter": lambda op: size(op.inputs[2]) * math.prod(op.outputs[0].shape[:3]),
}


def in_graph(function, model):
    """Count what the results of a function of one image and its label need."""
    image, label = tf.TensorSpec((1, *model.input_shape[1:])), tf.TensorSpec((1,), "int32")
    graph = tf.function(function, autograph=False).get_concrete_function(image, label).graph
    waiting, seen = [tensor.op for tensor in graph.outputs], set()
    while waiting:
        op = waiting.pop()
        if op not in seen:
            seen.add(op)
            waiting += [tensor.op for tensor in op.inputs]
    return sum(COUNTS[op.type](op) for op in seen if op.type in COUNTS)


def paper(name, transform, width, classifier, *localization):
    return lambda: networks.sized(DISTORTIONS[name], transform, width, classifier, *localization)


CASES = {
    "FCN": models.fcn,
    "CNN": models.cnn,
    "STN+CNN": lambda: models.stn("cnn", "affine"),
    "STN+FCN": lambda: models.stn("fcn", "affine"),
    "paper's FCN": paper("R", None, 8, networks.fcn_layers),
    "paper's CNN": paper("R", None, 6, networks.cnn_layers),
    "paper's ST-CNN, pooled": paper("RTS", "projective", 6, networks.cnn_layers, networks.cnn_localization),
    "two ST-FCN": paper("addition", "affine", 8, networks.fcn_layers, networks.fcn_localization, 2),
}


@pytest.mark.parametrize("name", CASES)
def test_counts_are_those_of_the_graph(name):
    model = CASES[name]()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def forward(image, label):
        return model(image)

    def step(image, label):
        with tf.GradientTape() as tape:
            value = loss(label, model(image, training=True))
        return value, tape.gradient(value, model.trainable_variables)

    assert networks.multiply_adds(model) == in_graph(forward, model)
    assert networks.training_multiply_adds(model) == in_graph(step, model)


@pytest.mark.repository
def test_the_recorded_counts_are_those_of_the_networks(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    benchmark = importlib.import_module("multiply_adds")
    recorded = {(e["experiment"], kind, e["model"], e["transform"]) for kind, found in RESULTS.items() for e in found}
    listed = [run for run in runs.everything() if run.plan.timed]
    assert recorded == {(*same_networks(r.experiment, r.distortion), r.model, r.transform) for r in listed}
    for experiment, model, transform, distortion in (
        ("article", "stn_fcn", "affine", "article"),
        ("paper", "fcn", None, "R"),
    ):
        (run,) = runs.select(experiment, model, transform, distortion)
        assert benchmark.entry(run) in RESULTS[distortion]


def test_the_table_tells_flops_of_an_image_and_of_a_step(monkeypatch):
    cell = {"experiment": "paper", "multiply_adds": {"forward": 400_000, "step": 1_000_000}}
    assert listing.flops(cell) == ("0.80", "0.51")
    assert listing.flops(cell | {"multiply_adds": None}) == ("", "")
    told = [row["multiply_adds"] for row in table.rows() if row["mean"] is not None and row["experiment"] != "recipes"]
    assert told and all(0 < 2 * each["forward"] < each["step"] <= 3 * each["forward"] for each in told)
