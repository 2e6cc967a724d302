"""What we tell others' charts, in every cluster."""

import dataclasses

import checks
from checks import charts, observability, strict_schemas


def test_every_value_that_we_set_is_one_of_the_charts_own(platform):
    assert checks.found(platform, charts) == []


def test_what_they_render_has_no_field_that_its_kind_has_not(platform):
    rendered = charts.rendered(platform)
    assert rendered.of("Deployment"), "no chart was rendered"
    assert checks.found(rendered, strict_schemas) == []


def test_prometheus_finds_what_they_render(platform):
    whole = dataclasses.replace(platform, objects=platform.objects + charts.rendered(platform).objects)
    assert list(observability.monitors_find_ports(whole)) == []
