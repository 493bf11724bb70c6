"""The browser that tests share."""

import os

import chromium
import pytest


@pytest.fixture(scope="session")
def browser():
    """Chromium; without it a test is skipped, and fails where `CI` is set."""
    if chromium.find() is None:
        pytest.fail(chromium.MISSING, pytrace=False) if os.environ.get("CI") else pytest.skip(chromium.MISSING)
    with chromium.started() as running:
        yield running
