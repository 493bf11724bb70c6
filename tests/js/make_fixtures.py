"""Write fixtures.json: grids and samples by stnlib in float64, for the page's sampler to agree with; and the digits
that the widgets offer.

Run as `python -m tests.js.make_fixtures`.
"""

import itertools
import json
from pathlib import Path

import numpy as np

import stnlib
from stnlib import datasets
from stnlib.widgets.core import images, pack, traits

DIGITS = pack.FOLDER / "shared" / "digits.json"
READER_DIGITS = pack.FOLDER / "reader" / "digits.json"
CHOSEN = (2, 3, 4, 5, 7)
# Of MNIST's test set, by label: plainly written, and read by all packaged networks when they are upright.
MNIST_PLACES = {2: 3513, 3: 9882, 4: 6579, 5: 4094, 7: 9448}
FILE = Path(__file__).with_name("fixtures.json")
SIZES = ((5, 7, 1), (6, 4, 3), (1, 5, 1), (4, 1, 1), (1, 1, 3))


def number(value):
    """A float for JSON, which has no infinity and no NaN."""
    return round(value, 12) if np.isfinite(value) else str(value)


def numbers(array):
    return [number(value) for value in np.asarray(array, dtype="float64").ravel().tolist()]


def grid_cases(random):
    """Random, turned, mirrored and singular thetas on several output sizes."""
    affine = [np.array([1.0, 0, 0, 0, 1, 0]), np.zeros(6), np.array([-1.0, 0, 0, 0, 1, 0.5])]
    affine += list(random.normal(size=(5, 6)))
    projective = [np.array([1.0, 0, 0, 0, 1, 0, 0, 0])]
    projective += [np.concatenate([random.normal(size=6), random.uniform(-0.4, 0.4, 2)]) for _ in range(4)]
    for theta, size, align in itertools.product(affine + projective, ((3, 4), (1, 5), (1, 1)), (False, True)):
        make = stnlib.affine_grid if theta.size == 6 else stnlib.projective_grid
        grid = make(theta[None], size, align_corners=align)
        yield {"theta": numbers(theta), "size": size, "align": align, "grid": numbers(grid)}


def spline_cases(random):
    """Splines of random displacements, the identity and a grid that folds, on several output sizes."""
    for scale, size in itertools.product((0, 0.2, 1.5), ((6, 7), (1, 4), (1, 1))):
        theta = random.normal(0, scale, 32)
        yield {"theta": numbers(theta), "size": size, "grid": numbers(stnlib.tps_grid(theta[None], size))}


def points(random, size):
    """Points in and around the image, on its corners and edges, and beyond all bounds."""
    inside = random.uniform(-1, 1, (12, 2))
    around = random.uniform(-4, 4, (12, 2))
    edges = np.array(list(itertools.product((-1.0, 1.0, 0.3), repeat=2)))
    beyond = np.array([[np.inf, 0.1], [-np.inf, -0.2], [0.1, np.inf], [np.nan, 0.0], [0.2, np.nan]])
    return np.concatenate([inside, around, edges + 1e-7, beyond])


def sample_cases(random):
    """Every mode, padding and alignment on small images of several shapes."""
    for height, width, channels in SIZES:
        image = random.uniform(-1, 2, (height, width, channels))
        grid = points(random, (height, width))
        for mode, padding, align in itertools.product(traits.MODES, traits.PADDINGS, (False, True)):
            options = {"mode": mode, "padding_mode": padding, "align_corners": align}
            values = stnlib.grid_sample(image[None], grid[None, None], **options)
            yield {"shape": image.shape, "image": numbers(image), "grid": numbers(grid)} | {
                "mode": mode,
                "paddingMode": padding,
                "alignCorners": align,
                "values": numbers(values),
            }


def make():
    """All fixtures, the same at every call."""
    random = np.random.default_rng(0)
    makers = {"grids": grid_cases, "samples": sample_cases, "splines": spline_cases}
    return {kind: list(cases(random)) for kind, cases in makers.items()}


def chosen_digits():
    """The most typical UCI digit of each chosen class: the one nearest to its class's mean; uint8, encoded."""
    digits = datasets.load("uci")
    stored = {}
    for label in CHOSEN:
        candidates = digits.x_train[digits.y_train == label]
        distance = np.square(candidates - candidates.mean(axis=0)).sum(axis=(1, 2, 3))
        stored[f"digit {label}"] = images.encode(np.round(candidates[distance.argmin()] * 255).astype("uint8"))
    return stored


def reader_digits(mnist):
    """The digits that the reader offers: MNIST's, as its networks know them."""
    found = {label: np.round(mnist.x_test[place] * 255).astype("uint8") for label, place in MNIST_PLACES.items()}
    return {f"digit {label}": images.encode(image) for label, image in found.items()}


def write(path, content):
    """One entry a line."""
    text = json.dumps(content, separators=(",", ":")).replace("},{", "},\n{").replace('},"', '},\n"')
    path.write_text(text + "\n", "utf-8")
    print(f"wrote {path.name}")


if __name__ == "__main__":
    write(FILE, make())
    write(DIGITS, chosen_digits())
    try:
        write(READER_DIGITS, reader_digits(datasets.load("mnist")))
    except (OSError, ValueError) as error:
        print(f"{READER_DIGITS.name} of the reader stays as it is, for want of MNIST: {error}")
