"""Train the classifier that PoseGradient freezes: `python -m stnlib.widgets.pose_gradient.train`.

A linear one, on the upright UCI digits of the training set, each also shifted by a pixel; 8 bits a weight.
"""

import base64
import json
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from stnlib import datasets

FILE = Path(__file__).with_name("classifier.json")
COPIES, PENALTY = 3, 0.01


def main():
    """Train, and write the weights."""
    digits = datasets.load("uci")
    rng = np.random.default_rng(0)
    shifted = [np.roll(image, rng.integers(-1, 2, 2), (0, 1)) for _ in range(COPIES) for image in digits.x_train]
    x = np.concatenate([digits.x_train, np.stack(shifted)]).reshape(-1, 784)
    model = LogisticRegression(C=PENALTY, max_iter=1000).fit(x, np.tile(digits.y_train, COPIES + 1))
    scale = float(np.abs(model.coef_).max() / 127)
    weights = np.round(model.coef_ / scale).astype("int8")
    stored = {
        "weights": base64.b64encode(weights.tobytes()).decode(),
        "scale": scale,
        "bias": model.intercept_.round(5).tolist(),
    }
    FILE.write_text(json.dumps(stored, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
