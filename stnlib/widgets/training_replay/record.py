"""Record the training that TrainingReplay brings: `python -m stnlib.widgets.training_replay.record`.

The article's STN + FCN on UCI digits, distorted as in the article; recorded on distorted digits of the test set.
"""

import json
from pathlib import Path

import numpy as np

from stnlib import datasets, distortions, models, training
from stnlib.widgets.training_replay import recording

FILE = Path(__file__).with_name("recording.json")
COPIES, EPOCHS, SEED = 14, 3, 0  # distorted copies of each training digit


def main():
    """Train, and write the recording."""
    digits = datasets.load("uci")
    made = [distortions.distort(digits.x_train, "article", seed=SEED + copy) for copy in range(COPIES)]
    test = distortions.distort(digits.x_test, "article", seed=COPIES)
    training.set_seed(SEED)
    snapshots = training.Snapshots(test.images, digits.y_test)
    model = training.compile(models.stn("fcn"))
    x, y = np.concatenate([part.images for part in made]), np.tile(digits.y_train, COPIES)
    training.fit(model, x, y, EPOCHS, seed=SEED, callbacks=[snapshots])
    FILE.write_text(json.dumps(recording(snapshots), separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
