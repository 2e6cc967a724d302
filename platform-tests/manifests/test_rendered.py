"""Every cluster, as it is in this checkout, held to every check."""

import pytest

import checks
from checks import strict_schemas


def test_no_object_has_a_field_that_its_kind_has_not(platform):
    assert checks.found(platform, strict_schemas) == []


@pytest.mark.parametrize("part", checks.PARTS, ids=lambda part: part.__name__.rpartition(".")[2])
def test_nothing_is_found(part, platform):
    assert checks.found(platform, part) == []
