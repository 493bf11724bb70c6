"""Traits that refuse bad values, with the library's one line, and their checks."""

import functools
import numbers

import numpy as np
import traitlets

from stnlib import _checks
from stnlib.widgets.core import images

MODES = ("nearest", "bilinear", "bicubic")  # of the page's sampler, shared/sampling.js
PADDINGS = ("zeros", "border", "reflection")


class Checked(traitlets.TraitType):
    """A synced trait whose value passes through a function that returns the stored form or raises ValueError."""

    def __init__(self, check, **options):
        super().__init__(**options)
        self.check = check
        self.tag(sync=True)

    def validate(self, obj, value):
        """The form in which a value is stored."""
        return None if value is None and self.allow_none else self.check(value)


class Image(Checked):
    """A synced trait that holds an image array, and crosses to the page as 8-bit JSON."""

    def __init__(self, check=images.pixels):
        super().__init__(check, allow_none=True, default_value=None)
        self.tag(to_json=lambda value, _: images.encode(value), from_json=lambda value, _: images.decode(value))


def choice(name, values):
    """A check that a value equals one of `values`; returns that one.

    >>> choice("mode", ("nearest", "bilinear"))("nearest")
    'nearest'
    """

    def check(value):
        if not isinstance(value, str | numbers.Number) or value not in values:
            _checks.fail(name, repr(value), "one of " + ", ".join(map(repr, values)))
        return values[values.index(value)]

    return check


def flag(name):
    """A check that a value is True or False; returns it.

    >>> flag("more")(True)
    True
    """
    return functools.partial(_checks.flag, argument=name)


def text(name):
    """A check that a value is a string; returns it.

    >>> text("name")("my image")
    'my image'
    """

    def check(value):
        if not isinstance(value, str):
            _checks.fail(name, repr(value), "a string")
        return value

    return check


def integer(name):
    """A check that a value is an integer from 0; returns it as an int.

    >>> integer("seed")(np.int64(3))
    3
    """

    def check(value):
        if not isinstance(value, numbers.Integral) or isinstance(value, bool) or not 0 <= value < 2**53:
            _checks.fail(name, repr(value), "an integer from 0 to 2**53 - 1")
        return int(value)

    return check


def array(name, value, shapes, expected):
    """Finite numbers of one of the given shapes as a float64 array.

    >>> array("point", (1, 2), [(2,)], "(x, y)").tolist()
    [1.0, 2.0]
    """
    try:
        found = np.asarray(value, dtype="float64")
    except (TypeError, ValueError, OverflowError):
        _checks.fail(name, repr(value), expected)
    if found.shape not in shapes:
        _checks.fail(name, f"shape {found.shape}", expected)
    if not np.isfinite(found).all():
        _checks.fail(name, "NaN or infinity", "finite numbers")
    return found


def between(name, low, high):
    """A check that a value is one number from `low` to `high`; returns it as a float.

    >>> between("size", 0.3, 2)(1)
    1.0
    """
    expected = f"a number from {low} to {high}"

    def check(value):
        number = float(array(name, value, [()], expected))
        if not low <= number <= high:
            _checks.fail(name, repr(value), expected)
        return number

    return check


def pair(name, meaning, low=-np.inf, high=np.inf, step=None):
    """A check that a value is two numbers from `low` to `high`, multiples of `step`; returns them as a list.

    >>> pair("shift", "(right, down)", -8, 8, step=0.5)((1, -0.5))
    [1.0, -0.5]
    """
    bounds = "" if np.isinf(high) else f", each from {low} to {high}"
    expected = f"{meaning}{bounds}" + ("" if step is None else f", in steps of {step}")

    def check(value):
        numbers = array(name, value, [(2,)], expected)
        off_step = step is not None and (numbers / step != np.round(numbers / step)).any()
        if off_step or numbers.min() < low or numbers.max() > high:
            _checks.fail(name, repr(value), expected)
        return numbers.tolist()

    return check
