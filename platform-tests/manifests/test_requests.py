"""What the laptop's pods request fits a laptop; what each feature would add is what the table says."""

import re

import pytest
import yaml
from test_features import FEATURES, NEEDS

from harness import forks, rendering
from harness.platforms import ROOT, cluster

UNITS = {"m": 0.001, "": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
LAPTOP = {"cpu": 6, "memory": 12 * 2**30}
ROW = re.compile(r"^\| (none|`features\.\w+`) \| ([\d.]+) \| (\d+) MiB \|", re.MULTILINE)


def test_the_laptops_requests_fit():
    total = requested(cluster("laptop"))
    assert stated()["none"] == rounded(total)
    assert total["cpu"] <= LAPTOP["cpu"] and total["memory"] <= LAPTOP["memory"], total


@pytest.mark.parametrize("feature", FEATURES)
def test_the_table_says_what_a_feature_adds(feature, tmp_path):
    forks.manifests(tmp_path)
    needs = NEEDS.get(feature, set())
    without, with_it = (requested(laptop_with(tmp_path, names)) for names in (needs, needs | {feature}))
    added = {resource: with_it[resource] - without[resource] for resource in without}
    assert stated()[f"`features.{feature}`"] == rounded(added)


def stated() -> dict[str, tuple[float, int]]:
    rows = ROW.findall((ROOT / "manifests/README.md").read_text())
    return {name: (float(cpu), int(memory)) for name, cpu, memory in rows}


def rounded(amounts: dict[str, float]) -> tuple[float, int]:
    return round(amounts["cpu"], 3), round(amounts["memory"] / 2**20)


def laptop_with(root, features: set[str]) -> rendering.Platform:
    """The laptop with these features, and with what they ask for as production has it."""
    clusters = root / "manifests/clusters"
    production = yaml.safe_load((clusters / "production/config.yaml").read_text())
    config = yaml.safe_load((ROOT / "manifests/clusters/laptop/config.yaml").read_text())
    people = {name: production["identity"][name] for name in ("connector", "groups")}
    config["cluster"]["gcpProject"] = production["cluster"]["gcpProject"]
    config |= {"features": {name: True for name in features}, "identity": people, "mcp": production["mcp"]}
    (clusters / "laptop/config.yaml").write_text(yaml.safe_dump(config))
    return rendering.render(root, "laptop")


def requested(platform: rendering.Platform) -> dict[str, float]:
    """What all pods ask for, of ours and of others' charts."""
    total = {"cpu": 0.0, "memory": 0.0}
    for workload in platform.of("Deployment", "StatefulSet"):
        for container in workload.object["spec"]["template"]["spec"]["containers"]:
            for resource in total:
                own = amount(container["resources"]["requests"][resource])
                total[resource] += own * workload.object["spec"].get("replicas", 1)
    for gateway in platform.of("AgentgatewayParameters"):
        replicas = gateway.object["spec"]["deployment"]["spec"]["replicas"]
        for resource in total:
            total[resource] += replicas * amount(gateway.object["spec"]["resources"]["requests"][resource])
    for resource in total:
        total[resource] += sum(amount(requests[resource]) for requests in controllers(platform))
    return total


def controllers(platform) -> list[dict]:
    """What each Application of someone else's chart is told to request, for all of its pods."""
    found = []
    for app in platform.of("Application"):
        for source in app.object["spec"]["sources"]:
            found += list(requests(source.get("helm", {}).get("valuesObject", {})))
    assert found, "no chart is told what to request"
    return found


def requests(values):
    """Every `requests` in a chart's values."""
    if isinstance(values, dict):
        # An empty one asks for nothing.
        if values.get("requests", {}).get("cpu"):
            yield values["requests"]
        for value in values.values():
            yield from requests(value)


def amount(quantity) -> float:
    text = str(quantity)
    number = text.rstrip("mKMGi")
    return float(number) * UNITS[text[len(number) :]]
