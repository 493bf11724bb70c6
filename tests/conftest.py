"""The browser that tests share, and a way to train a few steps quickly."""

import os

import chromium
import pytest

from tests.tabs import Tabs


@pytest.fixture(scope="session")
def browser():
    """Chromium; without it a test is skipped, and fails where `CI` is set."""
    if chromium.find() is None:
        pytest.fail(chromium.MISSING, pytrace=False) if os.environ.get("CI") else pytest.skip(chromium.MISSING)
    with chromium.started() as running:
        yield running


@pytest.fixture(scope="session")
def tabs(browser):
    """The tabs that tests share."""
    return Tabs(browser)


@pytest.fixture
def open_tab(tabs, request):
    """A function that gives an empty tab to one test (see Tabs.take); after one that failed its tabs are closed."""
    taken, failed = [], request.session.testsfailed

    def opened(**options):
        taken.append(tabs.take(**options))
        return taken[-1]

    yield opened
    for page in taken:
        tabs.give_back(page) if request.session.testsfailed == failed else page.context.close()


@pytest.fixture
def eagerly():
    """Train without graphs on TensorFlow: for a test whose few steps take less time than making and compiling one."""
    import keras  # not above: the tests of the site do without

    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
