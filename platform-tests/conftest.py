"""What all tests of the platform share."""

import os
import shutil
import sys

import pytest

from harness import rendering
from harness.platforms import EVERYTHING, ROOT, cluster, everything

# Scripts that are run by their own name find the Python of the tests, and what is installed beside it.
os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])


def pytest_sessionstart():
    if not shutil.which("go"):
        # Elsewhere it is somebody's choice; there it would look as if all were tested.
        code = 1 if os.environ.get("CI") else 0
        pytest.exit("the platform's manifests are not tested: Helm and the API server are built with Go 1.26", returncode=code)


@pytest.fixture(scope="session", params=[*rendering.clusters(ROOT), EVERYTHING])
def platform(request) -> rendering.Platform:
    return everything() if request.param == EVERYTHING else cluster(request.param)
