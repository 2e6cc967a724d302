"""What all tests of the platform share: the checkout, and each cluster as it renders."""

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
    return rendering.render(ROOT, request.param)
