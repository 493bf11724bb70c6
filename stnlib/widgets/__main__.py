"""Write digits.json, the digits that the widgets offer, from the UCI digits inside scikit-learn."""

import json

import numpy as np

from stnlib import datasets
from stnlib.widgets import _images, _pack

CHOSEN = (2, 3, 4, 5, 7)


def chosen_digits():
    """The most typical digit of each chosen class: the one nearest to its class's mean; uint8, encoded."""
    digits = datasets.load("uci")
    stored = {}
    for label in CHOSEN:
        images = digits.x_train[digits.y_train == label]
        distance = np.square(images - images.mean(axis=0)).sum(axis=(1, 2, 3))
        image = np.round(images[distance.argmin()] * 255).astype("uint8")
        stored[f"digit {label}"] = _images.encode(image)
    return stored


if __name__ == "__main__":
    text = json.dumps(chosen_digits(), indent=0)
    (_pack.FOLDER / "digits.json").write_text(text + "\n", "utf-8")
