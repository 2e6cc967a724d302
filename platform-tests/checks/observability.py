"""Whether Prometheus finds what it measures, and is let through to it; whether dashboards are whole.

Each check takes a rendered cluster and returns its findings, each with the file and the field."""

import json
from collections.abc import Iterator

from checks.cross_checks import WORKLOADS, container_ports, selected_by
from harness.rendering import Platform, Rendered

PROMETHEUS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}},
    "podSelector": {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
}
# Namespaces that the cloud manages: they have no policy of ours.
MANAGED = {"gke-managed-system"}


def monitors_find_ports(platform: Platform) -> Iterator[str]:
    """A monitor selects pods, and they have its port; in namespaces of which pods are known."""
    known = {workload.namespace for workload in platform.of(*WORKLOADS)}
    for monitor, namespace, endpoint in endpoints(platform):
        if namespace not in known:
            continue
        labels = pod_labels(platform, monitor, namespace)
        selected = selected_by(platform, namespace, labels) if labels else []
        # A Job is gone before it is scraped.
        selected = [workload for workload in selected if workload.kind != "Job"]
        if not selected:
            yield f"{monitor}: spec.selector: no workload in {namespace} has these labels"
        for workload in selected:
            port = port_of(endpoint)
            if port not in container_ports(workload)[1]:
                yield f"{monitor}: spec: {workload.name} has no port {port}"


def endpoints(platform: Platform) -> Iterator[tuple[Rendered, str, dict]]:
    for monitor in platform.of("PodMonitor", "ServiceMonitor"):
        spec = monitor.object["spec"]
        for namespace in spec["namespaceSelector"]["matchNames"]:
            for endpoint in spec.get("podMetricsEndpoints") or spec.get("endpoints"):
                yield monitor, namespace, endpoint


def pod_labels(platform: Platform, monitor: Rendered, namespace: str) -> dict | None:
    """The labels of a monitor's pods; of a ServiceMonitor, those that a Service of its labels selects."""
    labels = monitor.object["spec"]["selector"]["matchLabels"]
    if monitor.kind == "PodMonitor":
        return labels
    for service in platform.of("Service"):
        if service.namespace == namespace and labels.items() <= service.object["metadata"]["labels"].items():
            return service.object["spec"]["selector"]
    return None


def port_of(endpoint: dict) -> int:
    return endpoint.get("portNumber") or endpoint["targetPort"]


def prometheus_is_let_through(platform: Platform) -> Iterator[str]:
    """At both ends: out of its own namespace, and into that of the target."""
    for monitor, namespace, endpoint in endpoints(platform):
        port = {"protocol": "TCP", "port": port_of(endpoint)}
        if not any(port in rule["ports"] and goes_to(rule, namespace) for rule in rules(platform, "monitoring", "egress")):
            yield f"{monitor}: no NetworkPolicy lets Prometheus out to port {port['port']} of {namespace}"
        if namespace not in MANAGED and not any(
            port in rule["ports"] and rule.get("from") == [PROMETHEUS] for rule in rules(platform, namespace, "ingress")
        ):
            yield f"{monitor}: no NetworkPolicy lets Prometheus, and only it, in at port {port['port']} of {namespace}"


def rules(platform: Platform, namespace: str, direction: str) -> Iterator[dict]:
    for policy in platform.of("NetworkPolicy"):
        if policy.namespace == namespace:
            yield from (rule for rule in policy.object["spec"].get(direction) or [] if "ports" in rule)


def goes_to(rule: dict, namespace: str) -> bool:
    wanted = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    return any(peer.get("namespaceSelector") == wanted for peer in rule["to"])


def dashboards_are_whole(platform: Platform) -> Iterator[str]:
    """Links to a dashboard go by its uid; a panel says what it shows, in which unit, of which series."""
    owned = {}
    for name, config, dashboard in dashboards(platform):
        if dashboard.get("uid") != f"tollgate-{name}":
            yield f"{config}: {name}.json: uid is {dashboard.get('uid')!r}, not 'tollgate-{name}'"
        if dashboard["uid"] in owned:
            yield f"{config}: {name}.json: {owned[dashboard['uid']]} has its uid too"
        owned[dashboard["uid"]] = name
        for panel in panels(dashboard):
            yield from panel_is_whole(f"{config}: {name}.json: panel {panel.get('title')!r}", panel)


def panel_is_whole(place: str, panel: dict) -> Iterator[str]:
    if not panel.get("description"):
        yield f"{place}: no description"
    if not panel.get("fieldConfig", {}).get("defaults", {}).get("unit"):
        yield f"{place}: fieldConfig.defaults.unit is missing"
    if panel.get("datasource") != {"type": "prometheus", "uid": "${datasource}"}:
        yield f"{place}: datasource is not the variable"
    for target in panel["targets"]:
        if not target.get("legendFormat") and panel["type"] != "table":
            yield f"{place}: target {target.get('refId')}: no legendFormat"


def dashboards(platform: Platform) -> Iterator[tuple[str, Rendered, dict]]:
    """The name, the ConfigMap and the content of each dashboard."""
    for config in platform.of("ConfigMap"):
        if config.object["metadata"].get("labels", {}).get("grafana_dashboard") == "1":
            for file, text in config.object["data"].items():
                yield file.removesuffix(".json"), config, json.loads(text)


def panels(dashboard: dict) -> Iterator[dict]:
    """Those that ask something; rows are none."""
    yield from (panel for panel in dashboard["panels"] if panel["type"] not in ("row", "text"))


CHECKS = [monitors_find_ports, prometheus_is_let_through, dashboards_are_whole]
