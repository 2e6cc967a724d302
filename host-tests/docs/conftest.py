"""The gateway that all tests of this folder share. What is started is named by the environment."""

import os
import time

import pytest

from endings import ENDINGS, running


def pytest_sessionstart():
    for variable in ("TOLLGATE_ENVOY", "TOLLGATE_CLI", "TOLLGATE_MODULE"):
        if not os.path.exists(os.environ.get(variable, "")):
            pytest.exit(f"{variable} names no file: `make test` sets it", returncode=2)
    if "TOLLGATE_REGISTRY" not in os.environ:
        pytest.exit("TOLLGATE_REGISTRY is not set: `make test` sets it", returncode=2)
    # A proxy that the user has set up is not to get what goes to loopback.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "localhost,127.0.0.1"


@pytest.fixture(scope="session")
def gateway(tmp_path_factory):
    with running(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def endings(gateway) -> dict[str, dict]:
    """Each request's line of the log."""
    lines = {}
    for what, (request, status, code, outcome) in ENDINGS.items():
        before = len(gateway.lines())
        answer = request(gateway)
        error = answer[1].get("error", {}).get("code")
        assert (answer[0], error) == (status, code), f"{what}: {answer}"
        deadline = time.monotonic() + 10
        while len(gateway.lines()) == before and time.monotonic() < deadline:
            time.sleep(0.02)
        [lines[what]] = gateway.lines()[before:]
        assert lines[what]["outcome"] == outcome, f"{what}: {lines[what]}"
    return lines
