"""Where the API server calls pods: admission, conversion, aggregated APIs.

Each call is followed through its Service to the ports of the pods behind it, in our own objects, in CRDs
and in what others' charts render. The foundation opens these ports and no others; substrate/webhook-ports.json
is the same for a firewall (manifests/test_webhooks.py)."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from checks import charts
from checks.cross_checks import pod_spec, selected_by
from harness.rendering import Platform, Rendered, RenderError
from upstream import definitions

ADMISSION = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")

# Namespace, Service and port of what the API server calls of charts that are in no Go module.
# KEDA's is in a repository of charts. Nothing that we tell it moves these ports, and the manifests of its
# release have the same ones.
NOT_RENDERED = {
    "keda": {("keda", "keda-admission-webhooks", 9443), ("keda", "keda-operator-metrics-apiserver", 6443)},
}


@dataclass(frozen=True)
class Call:
    """Of the Service that an object names."""

    caller: str
    namespace: str
    service: str
    port: int

    def __str__(self) -> str:
        return f"{self.caller}: Service {self.namespace}/{self.service}, port {self.port}"


def what_is_called_is_open(platform: Platform) -> Iterator[str]:
    """A call to a closed port times out, and with it each change that the webhook is asked about."""
    try:
        whole = with_charts(platform)
    except RenderError as refusal:
        yield str(refusal)
        return
    opened = {(policy.namespace, port) for policy, port in openings(platform)}
    for call in dict.fromkeys(calls(whole)):
        # Of the caller's files, those of others' charts are not here.
        place = platform.find("Namespace", None, call.namespace) or platform.config_file
        ports = listening(whole, call)
        if not ports:
            yield f"{place}: {call}: no pod says that it listens there"
        for port in sorted(ports):
            if (call.namespace, port) not in opened:
                yield f"{place}: {call}: its pods listen on {port}, and the namespace's `webhooks` have not {port}"
    expected = {(namespace, port) for namespace, _, port in called(whole)}
    for policy, port in openings(platform):
        if (policy.namespace, port) not in expected:
            yield f"{policy} of {policy.namespace}: spec.ingress: the API server calls nothing on port {port}"


def charts_that_are_not_rendered_are_known(platform: Platform) -> Iterator[str]:
    """Argo CD lets a chart bring what its project has, so none but those that are named can have a webhook."""
    for app, source in charts.sources(platform):
        if source["chart"] in charts.archives() or source["chart"] in NOT_RENDERED:
            continue
        project = platform.find("AppProject", "argocd", app.object["spec"]["project"])
        for entry in project.object["spec"].get("clusterResourceWhitelist", []):
            if entry["kind"] in (*ADMISSION, "APIService", "*"):
                yield f"{app}: spec.project: it may bring {entry['kind']}, and is not rendered here: webhooks.py has to name its ports"


def called(whole: Platform) -> set[tuple[str, str, int]]:
    """Namespace, Service and the pods' port of all that the API server calls."""
    found = {entry for _, source in charts.sources(whole) for entry in NOT_RENDERED.get(source["chart"], ())}
    return found | {(call.namespace, call.service, port) for call in calls(whole) for port in listening(whole, call)}


def with_charts(platform: Platform) -> Platform:
    """With what others' charts render, and the CRDs of each Application."""
    theirs = charts.rendered(platform).objects
    for app in platform.of("Application"):
        for document in definitions.by_application().get(app.name, []):
            theirs.append(Rendered(app.name, app.name, app.sync_wave, document))
    return dataclasses.replace(platform, objects=platform.objects + theirs)


def openings(platform: Platform) -> Iterator[tuple[Rendered, int]]:
    for policy in platform.of("NetworkPolicy"):
        if policy.name == "allow-webhooks":
            for rule in policy.object["spec"]["ingress"]:
                yield from ((policy, port["port"]) for port in rule["ports"])


def calls(platform: Platform) -> Iterator[Call]:
    for caller, client in clients(platform):
        if service := client.get("service"):
            yield Call(str(caller), service["namespace"], service["name"], service.get("port", 443))


def clients(platform: Platform) -> Iterator[tuple[Rendered, dict]]:
    """Where an object says whom the API server calls; at a URL, that is no pod."""
    for config in platform.of(*ADMISSION):
        yield from ((config, webhook["clientConfig"]) for webhook in config.object["webhooks"])
    for api in platform.of("APIService"):
        yield api, api.object["spec"]
    for definition in platform.of("CustomResourceDefinition"):
        webhook = definition.object["spec"].get("conversion", {}).get("webhook", {})
        yield definition, webhook.get("clientConfig", {})


def listening(platform: Platform, call: Call) -> set[int]:
    """The ports of containers to which the Service leads."""
    service = platform.find("Service", call.namespace, call.service)
    if service is None:
        return set()
    spec = service.object["spec"]
    targets = {port.get("targetPort", port["port"]) for port in spec["ports"] if port["port"] == call.port}
    found = set()
    for workload in selected_by(platform, call.namespace, spec["selector"]):
        for port in (port for container in pod_spec(workload)["containers"] for port in container.get("ports", [])):
            if targets & {port.get("name"), port["containerPort"]}:
                found.add(port["containerPort"])
    return found


CHECKS = [what_is_called_is_open, charts_that_are_not_rendered_are_known]
