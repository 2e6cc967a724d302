"""The fork whose applications are run, and its edge."""

import fork
import pytest

from harness import running_edge


@pytest.fixture(scope="module")
def forked(tmp_path_factory):
    return fork.made(tmp_path_factory.mktemp("fork") / "fork")


@pytest.fixture(scope="module")
def platform(forked):
    return forked.platform()


@pytest.fixture(scope="module")
def edge(platform, tmp_path_factory):
    with running_edge.running(tmp_path_factory.mktemp("edge"), platform) as edge:
        yield edge
