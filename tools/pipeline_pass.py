"""Send one digit through a trained network and note what comes out: stnlib/pipeline.json.

usage: python tools/pipeline_pass.py

The network is the STN+FCN that the pages run, the digit one of the `uci` test digits, distorted with
the rest of them. The file holds what the network adds: theta, the probabilities, the loss and its gradient.
`stnlib.pipeline` draws from it; image, grid and result it computes itself.
"""

from __future__ import annotations

import base64
import json

import numpy as np
import tensorflow as tf

from stnlib import datasets, distortions, pipeline, training
from stnlib.experiments import page
from stnlib.widgets.reader import networks

NETWORK = "STN+FCN"
DIGIT, SEED = 226, 1  # a 2 that is rotated, shrunk and shifted, and that the network is not quite sure of


def unpacked(name: str) -> tf.keras.Model:
    """A network of the page, with its float16 weights."""
    model = page.build(name)
    weights = np.frombuffer(base64.b64decode(networks.packaged()[name]["weights"]), "<f2").astype("float32")
    shapes = [array.shape for array in model.get_weights()]
    ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes])
    model.set_weights([part.reshape(shape) for part, shape in zip(np.split(weights, ends[:-1]), shapes, strict=True)])
    return model


def forward_and_back(image: tf.Tensor, label: int) -> dict:
    """Theta, probabilities, loss and the loss's gradient with respect to theta, all as plain numbers."""
    model = unpacked(NETWORK)
    transformer, classifier = model.get_layer("transformer"), model.layers[-1]
    theta = transformer.theta(image)
    with tf.GradientTape() as tape:
        tape.watch(theta)
        straight = pipeline.sampled(image, theta)
        loss = tf.keras.losses.sparse_categorical_crossentropy(
            tf.constant([label]), classifier(straight), from_logits=True
        )
    return {
        "theta": theta[0].numpy().tolist(),
        "probabilities": training.probabilities(model, image)[0].tolist(),
        "loss": float(loss[0]),
        "gradient": tape.gradient(loss, theta)[0].numpy().tolist(),
        "network": f"{NETWORK} of stnlib.experiments.page",
    }


def main() -> None:
    """Command line."""
    digits = datasets.load("uci")
    distorted = distortions.distort(digits.x_test, seed=SEED)
    label = int(digits.y_test[DIGIT])
    about = {"digit": DIGIT, "label": label, "distortion": distorted.theta[DIGIT].tolist()}
    record = about | forward_and_back(tf.constant(distorted.images[DIGIT : DIGIT + 1]), label)
    pipeline.FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"written: {pipeline.FILE.name}, loss {record['loss']:.3f}")


if __name__ == "__main__":
    main()
