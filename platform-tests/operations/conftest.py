"""What tests of operations share."""

from collections.abc import Iterator

import pytest

from harness import workshop as workshops


@pytest.fixture(scope="module")
def workshop(tmp_path_factory) -> Iterator[workshops.Workshop]:
    """Where operations run; what one module's tests leave there no other sees."""
    with workshops.running(tmp_path_factory.mktemp("operations")) as running:
        yield running
