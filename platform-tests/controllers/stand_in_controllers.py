"""What the controllers of others would write into the status of our objects, had they taken them."""

import json
from collections.abc import Callable

from harness import api_server

TIME = "2026-01-01T00:00:00Z"


def true(*types: str) -> list[dict]:
    """Conditions of these types, of a kind whose conditions know no generation."""
    return [{"type": one, "status": "True", "reason": one, "message": "", "lastTransitionTime": TIME} for one in types]


def conditions(body: dict, *types: str) -> list[dict]:
    return [one | {"observedGeneration": body["metadata"]["generation"]} for one in true(*types)]


def ready(body: dict) -> dict:
    """cert-manager's kinds, and those of External Secrets."""
    return {"conditions": true("Ready")}


def deployment(body: dict) -> dict:
    replicas = body["spec"]["replicas"]
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas)
    return counts | {"observedGeneration": body["metadata"]["generation"]}


def parents(body: dict, reference: dict, *types: str) -> list[dict]:
    return [{"parentRef": reference, "controllerName": "example.com/stand-in", "conditions": conditions(body, *types)}]


def policy(body: dict) -> dict:
    ancestor = parents(body, {}, "Accepted", "Attached")[0]
    del ancestor["parentRef"]
    return {"ancestors": [ancestor | {"ancestorRef": {"name": body["spec"]["targetRefs"][0]["name"]}}]}


def budget(body: dict) -> dict:
    counts = dict.fromkeys(("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"), 1)
    return counts | {"observedGeneration": body["metadata"]["generation"], "conditions": conditions(body, "DisruptionAllowed")}


def scaler(body: dict) -> dict:
    replicas = body["spec"]["minReplicas"]
    return {"desiredReplicas": replicas, "currentReplicas": replicas, "conditions": true("AbleToScale", "ScalingActive")}


STATUS: dict[str, Callable[[dict], dict]] = {
    "deployments.apps": deployment,
    "poddisruptionbudgets.policy": budget,
    "horizontalpodautoscalers.autoscaling": scaler,
    "certificates.cert-manager.io": ready,
    "clusterissuers.cert-manager.io": ready,
    "clustersecretstores.external-secrets.io": ready,
    "externalsecrets.external-secrets.io": ready,
    "gateways.gateway.networking.k8s.io": lambda body: {"conditions": conditions(body, "Accepted", "Programmed")},
    "httproutes.gateway.networking.k8s.io": lambda body: {
        "parents": parents(body, body["spec"]["parentRefs"][0], "Accepted", "ResolvedRefs")
    },
    "inferencepools.inference.networking.k8s.io": lambda body: {
        "parents": parents(body, {"name": "llm"}, "Accepted", "ResolvedRefs")
    },
    "agentgatewaypolicies.agentgateway.dev": policy,
    "agentgatewaybackends.agentgateway.dev": lambda body: {"conditions": conditions(body, "Accepted")},
}


def report(server: api_server.ApiServer, applications: list[str]) -> None:
    """Reports every object of these Applications as taken and well."""
    for resource, status_of in STATUS.items():
        listed = server.kubectl("get", resource, "--all-namespaces", "--output", "json")
        # Its CRD is not there yet.
        for body in json.loads(listed.stdout)["items"] if listed.returncode == 0 else []:
            status = status_of(body)
            if owner(body) in applications and (body.get("status") or {}) | status != body.get("status"):
                write(server, resource, body["metadata"], status)


def owner(body: dict) -> str:
    """The Application that it is of, as Argo CD tracks it."""
    return body["metadata"].get("annotations", {}).get("argocd.argoproj.io/tracking-id", "").partition(":")[0]


def write(server: api_server.ApiServer, resource: str, metadata: dict, status: dict) -> None:
    arguments = ["patch", resource, metadata["name"], "--subresource", "status", "--type", "merge"]
    arguments += ["--patch", json.dumps({"status": status})]
    if "namespace" in metadata:
        arguments += ["--namespace", metadata["namespace"]]
    done = server.kubectl(*arguments)
    assert done.returncode == 0 or "not found" in done.stderr, f"{resource} {metadata['name']}: {done.stderr}"
