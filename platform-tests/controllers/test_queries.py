"""Every query of the dashboards, of the rules and of KEDA, in a real Prometheus: it parses, each metric and label is
in a real scrape or in scrapes/elsewhere.yaml, and it finds something in what was recorded."""

import re

import prometheus_server
import promql
import pytest
import yaml

from checks import observability
from harness.platforms import cluster

# Every feature that has queries is on there.
PLATFORM = cluster("production")
VARIABLE = re.compile(r"label_values\((.+), (\w+)\)")
# What Grafana puts in: all of a variable's values, and lengths of time.
GIVEN = {"$__rate_interval": "1m", "$__range": "1m"}
ELSEWHERE = yaml.safe_load((prometheus_server.SCRAPES / "elsewhere.yaml").read_text())
RULES = [rule for rules in PLATFORM.of("PrometheusRule") for group in rules.object["spec"]["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    with prometheus_server.running(tmp_path_factory.mktemp("prometheus"), PLATFORM) as prometheus:
        yield prometheus


def queries() -> list:
    found = [pytest.param(rule["expr"], id=f"rule-{number}-{rule['record']}") for number, rule in enumerate(RULES)]
    for scaled in PLATFORM.of("ScaledObject"):
        for trigger in scaled.object["spec"]["triggers"]:
            found.append(pytest.param(trigger["metadata"]["query"], id=f"{scaled.name}-{trigger['name']}"))
    for name, _, dashboard in observability.dashboards(PLATFORM):
        for panel in observability.panels(dashboard):
            for target in panel["targets"]:
                found.append(pytest.param(given(target["expr"]), id=f"{name}-{panel['id']}-{target['refId']}"))
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                selector, label = VARIABLE.fullmatch(variable["definition"]).groups()
                found.append(pytest.param(f"count by ({label}) ({given(selector)})", id=f"{name}-variable-{variable['name']}"))
    return found


def given(query: str) -> str:
    for name, value in GIVEN.items():
        query = query.replace(name, value)
    return re.sub(r"\$\w+", ".*", query)


@pytest.mark.parametrize("query", queries())
def test_it_asks_for_what_there_is(prometheus, query):
    tree = prometheus.parse(query)
    assert list(promql.strange_labels(tree, lambda name: labels_of(prometheus, name))) == []
    names = {selector["name"] for selector in promql.selectors(tree)}
    if all(is_recorded(prometheus, name) for name in names):
        assert prometheus.series(query) != [], "it finds nothing"


def labels_of(prometheus, name: str) -> set[str]:
    """The labels of a metric, from the scrape, the rule or the table that has it."""
    if rules := recording(name):
        trees = [prometheus.parse(rule["expr"]) for rule in rules]
        written = [set(rule.get("labels", {})) for rule in rules]
        return set().union(*written, *(promql.labels(tree, lambda below: labels_of(prometheus, below)) for tree in trees))
    if name in ELSEWHERE:
        return promql.TARGET | set(ELSEWHERE[name]["labels"])
    series = prometheus.ask("series", **{"match[]": name})
    assert series, f"{name} is in no scrape, no rule, and not in elsewhere.yaml"
    return set().union(*series)


def is_recorded(prometheus, name: str) -> bool:
    """Whether all that it comes from is in a scrape."""
    trees = [prometheus.parse(rule["expr"]) for rule in recording(name)]
    below = [selector["name"] for tree in trees for selector in promql.selectors(tree)]
    return name not in ELSEWHERE and all(is_recorded(prometheus, other) for other in below)


def recording(name: str) -> list[dict]:
    """The rules that make it; none for what is scraped."""
    return [rule for rule in RULES if rule["record"] == name]


def test_the_table_has_nothing_that_was_recorded_or_is_not_asked_for(prometheus):
    trees = [prometheus.parse(query.values[0]) for query in queries()]
    asked = {selector["name"] for tree in trees for selector in promql.selectors(tree)}
    assert set(ELSEWHERE) <= asked
    assert [name for name in ELSEWHERE if prometheus.ask("series", **{"match[]": name})] == []
