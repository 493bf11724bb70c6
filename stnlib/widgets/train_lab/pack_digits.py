"""Write digits.json, the digits that the laboratory trains on: `python -m stnlib.widgets.train_lab.pack_digits`.

All 1,797 UCI digits inside scikit-learn, 8x8 pixels of 4 bits, in the split of `stnlib.datasets`: first the 1,437
for training, then the 360 of the test set.
"""

import base64
import json
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

FILE = Path(__file__).with_name("digits.json")
TEST_SIZE = 360


def packed():
    """Pixels (two in a byte, base64), labels (a digit each) and the number of training digits."""
    raw = load_digits()
    halves = train_test_split(np.arange(len(raw.target)), test_size=TEST_SIZE, stratify=raw.target, random_state=0)
    order = np.concatenate(halves)
    pixels = np.minimum(raw.data[order], 15).astype("uint8")
    return {
        "pixels": base64.b64encode(pixels[:, ::2] << 4 | pixels[:, 1::2]).decode(),
        "labels": "".join(map(str, raw.target[order])),
        "train": len(halves[0]),
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(packed(), separators=(",", ":")) + "\n", "utf-8")
