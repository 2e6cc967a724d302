"""Whether each wait is shorter than the one around it, from the picker's hold to the end of a pod.

Each check takes a rendered cluster and returns its findings, each with the file and the field."""

import json
import re
from collections.abc import Iterator

import yaml

from checks import autoscaling
from checks.cross_checks import pod_spec
from checks.request_path import STREAMING, policy, routes_to_models, rules, served_names
from harness import kserve
from harness.rendering import Platform, Rendered
from platform_manifests import cluster_config

# For so long a drain lets new clients in (`--settle` of `tollgate drain`).
SETTLE = 15


def holds_are_the_shortest(platform: Platform) -> Iterator[str]:
    """A request that no pod can take yet is refused by the picker, before anyone above gives it up."""
    for config in platform.of("ConfigMap"):
        if "picker.yaml" not in config.object.get("data", {}):
            continue
        hold = seconds(yaml.safe_load(config.object["data"]["picker.yaml"])["flowControl"]["defaultRequestTTL"])
        if hold > 60:
            yield f"{config}: picker.yaml: flowControl.defaultRequestTTL: {hold} s is more than a client waits"
        for place, wait in [*edge_waits(platform), *route_waits(platform)]:
            if hold >= wait:
                yield f"{platform.config_file}: picker.holdSeconds: {hold} s is not below {place}, {wait} s"


def edge_waits(platform: Platform) -> Iterator[tuple[str, int]]:
    """What in the edge's own configuration ends a request that is waited for."""
    config = rules(platform)
    for manager in managers(json.loads(config.object["data"]["bootstrap.json"])):
        listener = manager["stat_prefix"]
        stream = manager.get("common_http_protocol_options", {}).get("max_stream_duration", "0s")
        for key, wait in (("stream_idle_timeout", manager.get("stream_idle_timeout", "300s")), ("max_stream_duration", stream)):
            if seconds(wait):
                yield f"{key} of the edge's {listener} in {config.file}", seconds(wait)


def managers(value) -> Iterator[dict]:
    """Every connection manager of an Envoy's configuration that has the module, which comes by discovery."""
    if isinstance(value, dict):
        if any("config_discovery" in filter_ for filter_ in value.get("http_filters", [])):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for below in value:
            yield from managers(below)


def route_waits(platform: Platform) -> Iterator[tuple[str, int]]:
    for route in routes_to_models(platform):
        for rule in route.object["spec"]["rules"]:
            if request := seconds(rule.get("timeouts", {}).get("request", "0s")):
                yield f"timeouts.request of route {route.name}", request


def the_edge_answers_first(platform: Platform) -> Iterator[str]:
    """It gives a stream up before what is below it does, so that it is the one who says why."""
    stream = platform.values["edge"]["streamTimeoutSeconds"]
    for route in routes_to_models(platform):
        for rule in route.object["spec"]["rules"]:
            request = seconds(rule.get("timeouts", {}).get("request", "0s"))
            if request <= stream:
                yield f"{route}: spec.rules.timeouts.request: {request} s is not above the edge's {stream} s"


def pods_outlive_their_streams(platform: Platform) -> Iterator[str]:
    stream = platform.values["edge"]["streamTimeoutSeconds"]
    if platform.values["edge"]["drainSeconds"] < stream:
        yield f"{platform.config_file}: edge.drainSeconds: shorter than edge.streamTimeoutSeconds, {stream}"
    for workload in platform.of("Deployment"):
        grace = pod_spec(workload).get("terminationGracePeriodSeconds", 30)
        if grace < stream and workload.namespace in STREAMING:
            yield f"{workload}: terminationGracePeriodSeconds: {grace} s cut streams of {stream} s"
        for container in pod_spec(workload)["containers"]:
            pause, shutdown = pre_stop_seconds(container), argument(container, "--shutdown-timeout")
            if longest_drain(container) and pause < stream + SETTLE:
                yield f"{workload}: preStop: --longest {pause} cuts streams of {stream} s that come in the first {SETTLE} s"
            if pause + shutdown >= grace:
                yield f"{workload}: preStop takes {pause} s of the {grace} s that the pod has, and --shutdown-timeout {shutdown} s"
            if shutdown and shutdown < stream:
                yield f"{workload}: --shutdown-timeout: {shutdown} s cut streams of {stream} s"
    for proxies in platform.of("AgentgatewayParameters"):
        spec = proxies.object["spec"]
        grace = spec["deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        if not stream <= spec["shutdown"]["max"] < grace:
            yield f"{proxies}: spec.shutdown.max: {spec['shutdown']['max']} s is not between {stream} s, the edge's, and {grace} s"


def pickers_outlive_their_streams(platform: Platform) -> Iterator[str]:
    """A picker that is told to stop breaks off all that runs through it after 30 s, so it is told late."""
    stream = platform.values["edge"]["streamTimeoutSeconds"]
    for pool in platform.of("InferencePool"):
        picker = platform.find("Deployment", pool.namespace, pool.object["spec"]["endpointPickerRef"]["name"])
        if picker and (pause := pre_stop_seconds(pod_spec(picker)["containers"][0])) < stream:
            yield f"{picker}: lifecycle.preStop: it is stopped after {pause} s, and cuts streams of {stream} s"


def pre_stop_seconds(container: dict) -> int:
    """The longest that a container's hook takes: it sleeps, or is told with `--longest`."""
    return longest_drain(container) or pre_stop(container).get("sleep", {}).get("seconds", 0)


def longest_drain(container: dict) -> int:
    command = pre_stop(container).get("exec", {}).get("command", [])
    return int(command[command.index("--longest") + 1]) if "--longest" in command else 0


def pre_stop(container: dict) -> dict:
    return container.get("lifecycle", {}).get("preStop", {})


def argument(container: dict, name: str) -> int:
    values = [text.partition("=")[2] for text in container.get("args", []) if text.startswith(f"{name}=")]
    return int(values[0]) if values else 0


def cold_starts_are_waited_for(platform: Platform) -> Iterator[str]:
    """A pod that takes as long as was said is neither killed, nor a failed rollout, nor put to sleep again."""
    for server, cold in cold_starts(platform):
        probe = pod_spec(server)["containers"][0]["startupProbe"]
        started = probe["periodSeconds"] * probe["failureThreshold"]
        if started < cold:
            yield f"{server}: startupProbe: it is killed after {started} s, and takes {cold} s to start"
        progress = server.object["spec"].get("progressDeadlineSeconds", 600)
        # KServe has no field for it; its InferenceService is then not ready yet, and not Degraded.
        if progress <= started and not kserve.makes(server):
            yield f"{server}: spec.progressDeadlineSeconds: {progress} s is not above the {started} s of its start"
        scaled = autoscaling.scaler(platform, server)
        if scaled is None:
            continue
        behavior = scaled.object["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        for field, wait in (
            ("cooldownPeriod", scaled.object["spec"]["cooldownPeriod"]),
            ("scaleDown.stabilizationWindowSeconds", behavior["scaleDown"]["stabilizationWindowSeconds"]),
        ):
            if wait < cold:
                yield f"{scaled}: spec: {field}: {wait} s is less than the {cold} s that a pod takes to start"


def cold_starts(platform: Platform) -> Iterator[tuple[Rendered, int]]:
    for server in platform.of("Deployment"):
        for name in served_names(server):
            yield server, cluster_config.cold_start(platform.values["models"][name])


def sleepers_say_what_a_start_takes(platform: Platform) -> Iterator[str]:
    """Clients who meet a sleeping model are told when to ask again, by the policy: as the server has it."""
    for model in policy(platform)["models"]:
        for target in model["targets"]:
            field = f"{rules(platform)}: module.json: model {model['name']}, target {target['name']}: cold_start"
            served, told = platform.values["models"].get(target["model"], {}), target.get("cold_start")
            sleeps = served.get("scaling", {}).get("min") == 0
            if told and not sleeps:
                yield f"{field}: {told} s, and {target['model']} never sleeps"
            elif sleeps and not told:
                yield f"{field}: none, and {target['model']} sleeps"
            elif sleeps and told != cluster_config.cold_start(served):
                yield f"{field}: {told} s, and {target['model']} takes {cluster_config.cold_start(served)} s to start"


def held_requests_are_seen(platform: Platform) -> Iterator[str]:
    """Between two scrapes of the picker and two questions of KEDA, a held request is still there."""
    hold = platform.values["picker"]["holdSeconds"]
    for scaled in platform.of("ScaledObject"):
        monitor = platform.find("PodMonitor", "monitoring", "endpoint-picker")
        for endpoint in monitor.object["spec"]["podMetricsEndpoints"]:
            seen = seconds(endpoint.get("interval", "30s")) + scaled.object["spec"]["pollingInterval"]
            if seen >= hold:
                yield f"{scaled}: spec.pollingInterval: a request is seen after {seen} s, and held for {hold} s"


def seconds(duration: str) -> int:
    found = re.fullmatch(r"(\d+)(s|m|h)", duration)
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]] if found else 0


CHECKS = [
    holds_are_the_shortest,
    the_edge_answers_first,
    pods_outlive_their_streams,
    pickers_outlive_their_streams,
    cold_starts_are_waited_for,
    sleepers_say_what_a_start_takes,
    held_requests_are_seen,
]
