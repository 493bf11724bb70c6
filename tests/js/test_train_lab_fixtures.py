"""What the laboratory's tests in Node rest on: the fixture is Keras's, the digits are scikit-learn's."""

import json

import numpy as np
import pytest

from stnlib.widgets.train_lab import pack_digits
from tests.js.train_lab import make_fixture

CLOSE = 1e-6  # theta's head computes in float32, whose last bits processors round each in their own way


@pytest.mark.tensorflow
def test_the_fixture_is_what_keras_computes():
    fresh, stored = make_fixture.make(), json.loads(make_fixture.FILE.read_text("utf-8"))
    assert list(fresh) == list(stored)
    for name, case in fresh.items():
        for key in ("theta", "logits", "losses"):
            np.testing.assert_allclose(case[key], stored[name][key], rtol=0, atol=CLOSE, err_msg=f"{name} {key}")
        for new, old in zip(case["weights"], stored[name]["weights"], strict=True):
            np.testing.assert_allclose(new, old, rtol=0, atol=CLOSE, err_msg=name)


def test_the_packed_digits_are_scikit_learn_s_in_the_book_s_split():
    assert json.loads(pack_digits.FILE.read_text("utf-8")) == pack_digits.packed()
