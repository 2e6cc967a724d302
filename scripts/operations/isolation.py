"""`make verify-isolation`: what network policies refuse, tried from pods that must be refused.

A pod in the namespace `default`, which no policy of ours fences, tries every Service of the fenced
namespaces. Only the edge may answer: that also shows that the pod can reach something at all."""

import json
from collections.abc import Iterator

from operations.kube import Kube
from platform_manifests import images

POD = "isolation-probe"
NAMESPACE = "default"
EDGE = ("edge", "tollgate-edge")
SECONDS = 3
# Longer than all of its attempts together.
START_SECONDS = 120


def findings(kube: Kube) -> Iterator[tuple[str, str]]:
    targets = addresses(kube)
    start(kube)
    try:
        for (namespace, name), port in targets:
            reached = connects(kube, f"{name}.{namespace}.svc.cluster.local:{port}")
            if (namespace, name) == EDGE:
                yield f"the probe reaches {name}:{port}", "" if reached else "it does not: the other results say nothing"
            else:
                yield f"{NAMESPACE} may not reach {namespace}/{name}:{port}", "it does" if reached else ""
    finally:
        kube.attempt("delete", "pod", POD, "--namespace", NAMESPACE, "--wait=false")


def addresses(kube: Kube) -> list[tuple[tuple[str, str], int]]:
    """Every Service, with each of its TCP ports, of the namespaces that `foundation` makes."""
    fenced = {one["metadata"]["name"] for one in kube.items("namespaces", "--selector", "app.kubernetes.io/part-of=foundation")}
    found = []
    for service in kube.items("services", "--all-namespaces"):
        place = service["metadata"]["namespace"], service["metadata"]["name"]
        if place[0] in fenced:
            found += [(place, port["port"]) for port in service["spec"].get("ports", []) if port.get("protocol", "TCP") == "TCP"]
    return sorted(found)


def start(kube: Kube) -> None:
    kube.apply(json.dumps(probe(kube.session.values["images"]["probe"])))
    kube.change("wait", "pod", POD, "--namespace", NAMESPACE, "--for=condition=Ready", f"--timeout={START_SECONDS}s")


def probe(image: dict) -> dict:
    """A pod that does nothing until it is told to connect; it would be let in anywhere."""
    container = {
        "name": "probe",
        "image": images.reference(image),
        "args": ["pause"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True},
    }
    user = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD, "namespace": NAMESPACE},
        "spec": {"automountServiceAccountToken": False, "securityContext": user, "containers": [container]},
    }


def connects(kube: Kube, address: str) -> bool:
    command = ("exec", POD, "--namespace", NAMESPACE, "--", "/agnhost", "connect", address, f"--timeout={SECONDS}s")
    return kube.attempt(*command).returncode == 0
