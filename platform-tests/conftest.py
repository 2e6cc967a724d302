"""What all tests of the platform share."""

import shutil

import pytest

from harness import rendering
from harness.platforms import EVERYTHING, ROOT, cluster, everything


def pytest_sessionstart():
    if not shutil.which("go"):
        pytest.exit("the platform's manifests are not tested: Helm and the API server are built with Go 1.26", returncode=0)


@pytest.fixture(scope="session", params=[*rendering.clusters(ROOT), EVERYTHING])
def platform(request) -> rendering.Platform:
    return everything() if request.param == EVERYTHING else cluster(request.param)
