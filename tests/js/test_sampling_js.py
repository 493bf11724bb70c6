"""The page's sampler agrees with stnlib's, and the fixtures are stnlib's."""

import json

import numpy as np
import pytest

from stnlib.widgets import _pack
from tests.js import make_fixtures

COMPARE = """async ([source, cases]) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const core = await import(url);
  const special = { inf: Infinity, "-inf": -Infinity, nan: NaN };
  const read = (values) => values.map((v) => (typeof v === "string" ? special[v] : v));
  const grids = cases.grids.map(({ theta, size, align }) =>
    Array.from((theta.length === 6 ? core.affineGrid : core.projectiveGrid)(theta, size, align)));
  const samples = cases.samples.map(({ shape, image, grid, ...options }) => {
    const [height, width, channels] = shape;
    return Array.from(core.gridSample({ data: read(image), height, width, channels }, read(grid), options), String);
  });
  return { grids, samples };
}"""


@pytest.fixture(scope="module")
def stored():
    return json.loads(make_fixtures.FILE.read_text("utf-8"))


def test_the_fixtures_are_what_stnlib_computes(stored):
    fresh = json.loads(json.dumps(make_fixtures.make()))
    for kind, key in (("grids", "grid"), ("samples", "values")):
        assert len(fresh[kind]) == len(stored[kind])
        for new, old in zip(fresh[kind], stored[kind], strict=True):
            np.testing.assert_allclose(as_floats(new[key]), as_floats(old[key]), atol=1e-9)


def test_the_browser_agrees_with_the_fixtures(open_page, stored):
    page = open_page("")
    answer = page.evaluate(COMPARE, [_pack.module("sampling"), stored])
    for got, case in zip(answer["grids"], stored["grids"], strict=True):
        np.testing.assert_allclose(got, as_floats(case["grid"]), atol=1e-5, rtol=1e-5, err_msg=str(case["theta"]))
    for got, case in zip(answer["samples"], stored["samples"], strict=True):
        label = f"{case['shape']} {case['mode']} {case['paddingMode']} align_corners={case['alignCorners']}"
        np.testing.assert_allclose(as_floats(got), as_floats(case["values"]), atol=1e-5, err_msg=label)


def as_floats(values):
    return np.array([float(value) for value in values])
