"""Wrong arguments, thrown at random: nothing but ValueError or TypeError comes out, on one line."""

import math
import random

import keras
import numpy as np
import pytest

import stnlib
from stnlib import transforms

GOOD = {
    "images": np.zeros((1, 3, 4, 1), "float32"),
    "grid": np.zeros((1, 2, 2, 2), "float32"),
    "theta": np.float32([[1, 0, 0, 0, 1, 0]]),
    "projective": np.float32([[1, 0, 0, 0, 1, 0, 0, 0]]),
    "shifts": np.zeros((1, 32), "float32"),
    "size": (2, 3),
}
WRONG = [
    None,
    True,
    -1,
    0,
    1,
    3.5,
    math.nan,
    math.inf,
    10**30,
    "",
    "zeros",
    "bilinear",
    "nonsense",
    b"bytes",
    object(),
    print,
    int,
    [],
    [[]],
    [1, 2],
    (0, 2),
    (2, 0),
    (2, -1),
    (1.5, 2),
    (True, 2),
    ("2", "2"),
    (2, 2, 2),
    {},
    {"a": 1},
    {1, 2},
    [None],
    [[1], [1, 2]],
    [["a"]],
    np.zeros(0),
    np.zeros((1, 6)),
    np.zeros((2, 6), "float32"),
    np.full((1, 6), np.nan),
    np.full((1, 6), np.inf),
    np.zeros((1, 7)),
    np.zeros((1, 2, 3)),
    np.zeros((1, 3, 3)),
    np.zeros((3, 3)),
    np.zeros((1, 3, 4, 1), "uint8"),
    np.zeros((1, 0, 4, 1)),
    np.zeros((1, 3, 4)),
    np.zeros((5, 3, 4, 1)),
    np.zeros((1, 2, 2, 3)),
    np.zeros((2, 2, 2, 2), "int64"),
    np.zeros((1, 3, 4, 1), bool),
    np.zeros((1, 3, 4, 1), complex),
    np.array("text"),
    np.array([None, 1]),
    np.datetime64("2020-01-01"),
    np.zeros((1, 8)),
    np.zeros((1, 2, 2, 2, 2)),
    range(3),
    iter([1]),
    slice(1),
    1 + 2j,
    float,
    lambda: 0,
]
CALLS = {
    "affine_grid": (stnlib.affine_grid, ("theta", "size", False)),
    "projective_grid": (stnlib.projective_grid, ("projective", "size", False)),
    "tps_grid": (stnlib.tps_grid, ("shifts", "size", (4, 4), False)),
    "grid_sample": (stnlib.grid_sample, ("images", "grid", "bilinear", "zeros", False)),
    "SpatialTransformer": (
        stnlib.SpatialTransformer,
        (keras.layers.Flatten(), "affine", "size", (4, 4), "bilinear", "zeros", False),
    ),
    "identity": (transforms.identity, ("affine", (4, 4))),
    "parameter_count": (transforms.parameter_count, ("tps", (4, 4))),
    "matrix": (transforms.matrix, ("affine", "theta")),
    "compose": (transforms.compose, ("theta", "theta")),
    "invert": (transforms.invert, ("theta",)),
    **{
        f"theta_to_{library}": (getattr(transforms, f"theta_to_{library}"), ("theta", "size", "size", False))
        for library in ("opencv", "keras", "scipy")
    },
    **{
        f"theta_from_{library}": (getattr(transforms, f"theta_from_{library}"), (good, "size", "size", False))
        for library, good in (("opencv", np.eye(2, 3)), ("keras", np.eye(3).ravel()[:8]), ("scipy", np.eye(3)))
    },
    "theta_to_torch": (transforms.theta_to_torch, ("theta", False, "size", "size", True)),
    "theta_from_torch": (transforms.theta_from_torch, ("theta", True, "size", "size", False)),
}
ROUNDS = math.ceil(2000 / len(CALLS))


def good(value):
    return GOOD.get(value, value) if isinstance(value, str) else value


@pytest.mark.parametrize("name", CALLS)
def test_good_arguments_pass(name):
    function, arguments = CALLS[name]
    function(*map(good, arguments))


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_wrong_arguments_raise_nothing_but_value_and_type_errors(name):
    function, arguments = CALLS[name]
    rng = random.Random(name)
    messages = []
    for _ in range(ROUNDS):
        values = [good(value) for value in arguments]
        for k in rng.sample(range(len(values)), rng.randint(1, len(values))):
            values[k] = rng.choice(WRONG)
        try:
            function(*values)
        except (ValueError, TypeError) as error:
            messages.append(str(error))
    assert len(messages) > ROUNDS / 3
    assert not [message for message in messages if "\n" in message]
