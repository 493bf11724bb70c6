"""The fixtures of the page's sampler are what stnlib computes; sampling.test.mjs compares the page's with them."""

import json

import numpy as np

from tests.js import make_fixtures


def test_the_fixtures_are_what_stnlib_computes():
    stored = json.loads(make_fixtures.FILE.read_text("utf-8"))
    fresh = json.loads(json.dumps(make_fixtures.make()))
    for kind, key in (("grids", "grid"), ("samples", "values"), ("splines", "grid")):
        assert len(fresh[kind]) == len(stored[kind])
        for new, old in zip(fresh[kind], stored[kind], strict=True):
            np.testing.assert_allclose(as_floats(new[key]), as_floats(old[key]), atol=1e-9)


def as_floats(values):
    return np.array([float(value) for value in values])
