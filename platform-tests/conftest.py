"""What all tests of the platform share."""

import os
import shutil

import pytest

from harness import rendering
from harness.platforms import EVERYTHING, ROOT, cluster, everything


def pytest_sessionstart():
    if not shutil.which("go"):
        # Elsewhere it is somebody's choice; there it would look as if all were tested.
        code = 1 if os.environ.get("CI") else 0
        pytest.exit("the platform's manifests are not tested: Helm and the API server are built with Go 1.26", returncode=code)


@pytest.fixture(scope="session", params=[*rendering.clusters(ROOT), EVERYTHING])
def platform(request) -> rendering.Platform:
    return everything() if request.param == EVERYTHING else cluster(request.param)
