"""What all tests of the platform share: the checkout, and each cluster as it renders."""

import functools
import shutil
from pathlib import Path

import pytest

import rendering

ROOT = Path(__file__).resolve().parent.parent


def pytest_sessionstart():
    if not shutil.which("go"):
        pytest.exit("the platform's manifests are not tested: Helm and the API server are built with Go 1.26", returncode=0)


@pytest.fixture(scope="session", params=rendering.clusters(ROOT))
def platform(request) -> rendering.Platform:
    return cluster(request.param)


@functools.cache
def cluster(name: str) -> rendering.Platform:
    """A cluster of the checkout; it is rendered once."""
    return rendering.render(ROOT, name)
