"""What the laptop's pods request fits a laptop."""

from conftest import cluster

UNITS = {"m": 0.001, "": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
LAPTOP = {"cpu": 6, "memory": 12 * 2**30}


def test_the_laptops_requests_fit():
    platform = cluster("laptop")
    total = {"cpu": 0.0, "memory": 0.0}
    for workload in platform.of("Deployment", "StatefulSet"):
        for container in workload.object["spec"]["template"]["spec"]["containers"]:
            for resource in total:
                requested = amount(container["resources"]["requests"][resource])
                total[resource] += requested * workload.object["spec"].get("replicas", 1)
    for gateway in platform.of("AgentgatewayParameters"):
        replicas = gateway.object["spec"]["deployment"]["spec"]["replicas"]
        for resource in total:
            total[resource] += replicas * amount(gateway.object["spec"]["resources"]["requests"][resource])
    for resource in total:
        total[resource] += sum(amount(requests[resource]) for requests in controllers(platform))
    assert total["cpu"] <= LAPTOP["cpu"] and total["memory"] <= LAPTOP["memory"], total


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
        if "cpu" in values.get("requests", {}):
            yield values["requests"]
        for value in values.values():
            yield from requests(value)


def amount(quantity) -> float:
    text = str(quantity)
    number = text.rstrip("mKMGi")
    return float(number) * UNITS[text[len(number) :]]
