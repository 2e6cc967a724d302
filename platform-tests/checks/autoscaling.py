"""Whether models are scaled by measures that there are, and by KEDA alone.

Each check takes a rendered cluster and returns its findings, each with the file and the field."""

import re
from collections.abc import Iterator

from checks.cross_checks import selected_by
from harness.rendering import Platform, Rendered

PROMETHEUS = "http://kube-prometheus-stack-prometheus.monitoring.svc:9090"
# What exists with no pod: what the endpoint picker holds.
WAKES = "inference_extension_flow_control_queue_size"
# Selects the targets of one model; the monitors make it of the pods' labels.
POOL = re.compile(r'pool="([^"]*)"')
DEPLOYMENT = re.compile(r'deployment="([^"]*)"')


def one_hand_on_the_replicas(platform: Platform) -> Iterator[str]:
    """A Deployment that KEDA scales says no number: Argo CD would put it back."""
    for scaled in platform.of("ScaledObject"):
        name = scaled.object["spec"]["scaleTargetRef"]["name"]
        target = platform.find("Deployment", scaled.namespace, name)
        if target is None:
            yield f"{scaled}: spec.scaleTargetRef: there is no Deployment {name}"
        elif "replicas" in target.object["spec"]:
            yield f"{target}: spec.replicas: KEDA scales it, and Argo CD would put it back"


def scaler(platform: Platform, workload: Rendered) -> Rendered | None:
    """The ScaledObject that says how many pods a workload has."""
    for scaled in platform.of("ScaledObject"):
        if (scaled.namespace, scaled.object["spec"]["scaleTargetRef"]["name"]) == (workload.namespace, workload.name):
            return scaled
    return None


def a_lost_scrape_changes_nothing(platform: Platform) -> Iterator[str]:
    for scaled in platform.of("ScaledObject"):
        if "fallback" in scaled.object["spec"]:
            yield f"{scaled}: spec.fallback: a lost scrape would set the number of pods"
        for trigger in scaled.object["spec"]["triggers"]:
            field = f"{scaled}: spec.triggers[{trigger['name']}]"
            if trigger["metadata"].get("ignoreNullValues") != "false":
                yield f"{field}.ignoreNullValues: what is not measured would count as nothing to do"
            if not re.search(r"\bup\{", trigger["metadata"]["query"]):
                yield f"{field}.query: it does not ask whether what it counts is up"


def sleepers_are_woken(platform: Platform) -> Iterator[str]:
    """From zero by a measure that needs no pod, and not back to zero before the pod is ready."""
    for scaled in platform.of("ScaledObject"):
        queries = [trigger["metadata"]["query"] for trigger in scaled.object["spec"]["triggers"]]
        for measure in (WAKES, "kube_deployment_spec_replicas", "vllm:num_requests_running"):
            if scaled.object["spec"]["minReplicaCount"] == 0 and not any(measure in query for query in queries):
                yield f"{scaled}: spec.triggers: none asks for {measure}"


def queries_are_of_their_model(platform: Platform) -> Iterator[str]:
    for scaled in platform.of("ScaledObject"):
        target = platform.find("Deployment", scaled.namespace, scaled.object["spec"]["scaleTargetRef"]["name"])
        for trigger in scaled.object["spec"]["triggers"]:
            field = f"{scaled}: spec.triggers[{trigger['name']}]"
            for name in sorted(set(POOL.findall(trigger["metadata"]["query"]))):
                pool = platform.find("InferencePool", scaled.namespace, name)
                if pool is None:
                    yield f"{field}.query: there is no InferencePool {name}"
                elif target not in selected_by(platform, pool.namespace, pool.object["spec"]["selector"]["matchLabels"]):
                    yield f"{field}.query: it asks for another model, {name}"
            for name in sorted(set(DEPLOYMENT.findall(trigger["metadata"]["query"]))):
                if name != scaled.object["spec"]["scaleTargetRef"]["name"]:
                    yield f"{field}.query: it asks for another Deployment, {name}"


def prometheus_is_asked(platform: Platform) -> Iterator[str]:
    """Where it is, let through, and with the label by which a model's targets are told."""
    scaled = platform.of("ScaledObject")
    for one in scaled:
        for trigger in one.object["spec"]["triggers"]:
            if trigger["metadata"]["serverAddress"] != PROMETHEUS:
                yield f"{one}: spec.triggers[{trigger['name']}].serverAddress is not {PROMETHEUS}"
    if scaled and platform.find("Application", "argocd", "kube-prometheus-stack") is None:
        yield f"{scaled[0]}: there is no Prometheus"
    if scaled and not any(reaches(policy) for policy in platform.of("NetworkPolicy")):
        yield f"{scaled[0]}: no NetworkPolicy lets KEDA out to Prometheus"
    for name in ("vllm", "endpoint-picker"):
        monitor = platform.find("PodMonitor", "monitoring", name)
        endpoints = monitor.object["spec"]["podMetricsEndpoints"] if monitor else []
        labels = {rule.get("targetLabel") for one in endpoints for rule in one.get("relabelings", [])}
        if scaled and "pool" not in labels:
            yield f"{scaled[0]}: no PodMonitor {name} gives its targets the label `pool`"


def reaches(policy: Rendered) -> bool:
    ports = [port["port"] for rule in policy.object["spec"].get("egress") or [] for port in rule.get("ports", [])]
    return policy.namespace == "keda" and 9090 in ports


CHECKS = [
    one_hand_on_the_replicas,
    a_lost_scrape_changes_nothing,
    sleepers_are_woken,
    queries_are_of_their_model,
    prometheus_is_asked,
]
