"""What `make verify-isolation` makes of what its probes say: kubectl is a stand-in, which knows a small cluster."""

import subprocess
from dataclasses import dataclass, field

import pytest

from checks import cross_checks
from harness.platforms import ROOT
from operations import isolation
from operations.session import Session
from platform_manifests import images

LABELS = {"edge": {}, "serving": {}, "llm-gateway": {}, "cert-manager": {}, "tenant-a": {"platform.tollgate.dev/tenant": "a"}}
TERMINATED = "\ncommand terminated with exit code 1\n"


def pod(namespace: str, name: str, address: str, *ports: int, **labels: str) -> dict:
    containers = [{"ports": [{"containerPort": port} for port in ports]}]
    return {
        "metadata": {"namespace": namespace, "name": name, "labels": labels},
        "spec": {"containers": containers},
        "status": {"podIP": address},
    }


GATEWAY = pod("llm-gateway", "llm-1", "10.0.0.3", 8443)
GATEWAY["metadata"]["labels"] = {"gateway.networking.k8s.io/gateway-name": "llm"}
ITEMS = {
    "namespaces": [{"metadata": {"name": name, "labels": labels}} for name, labels in LABELS.items()],
    "services": [
        {"metadata": {"namespace": "edge", "name": "tollgate-edge"}, "spec": {"ports": [{"port": 443}]}},
        {"metadata": {"namespace": "elsewhere", "name": "other"}, "spec": {"ports": [{"port": 80}]}},
    ],
    "pods": [
        pod("edge", "tollgate-edge-1", "10.0.0.1", 8443, 8080, 8081, 9090),
        pod("serving", "chat-1", "10.0.0.2", 8000),
        pod("cert-manager", "webhook-1", "10.0.0.4", 10250),
        GATEWAY,
    ],
}
REACHED = {"default": ("tollgate-edge.edge.svc.cluster.local:443", "10.0.0.1:8443", "10.0.0.1:8080"), "tenant-a": (isolation.NAMES[0],)}


@dataclass
class Kubectl:
    session: Session
    says: dict = field(default_factory=dict)
    calls: list = field(default_factory=list)

    def items(self, kind: str, *_) -> list[dict]:
        return ITEMS[kind]

    def apply(self, manifest: str) -> None: ...

    def change(self, *arguments: str) -> None: ...

    def attempt(self, *arguments: str):
        if arguments[0] != "exec":
            return None
        namespace, address = arguments[3], arguments[7]
        self.calls.append((namespace, address))
        reached = "" if address in REACHED[namespace] else "TIMEOUT" + TERMINATED
        said = self.says.get((namespace, address), self.says.get("all", reached))
        said = said(self) if callable(said) else said
        return subprocess.CompletedProcess([], 1 if said else 0, "", said)


@pytest.fixture
def kubectl() -> Kubectl:
    return Kubectl(Session.of(ROOT, "laptop", dry_run=False))


def failed(kubectl: Kubectl) -> list[str]:
    return [f"{name}: {wrong}" for name, wrong in isolation.findings(kubectl) if wrong]


def test_pods_are_tried_by_their_own_ports_from_outside_and_from_a_tenant(kubectl):
    assert failed(kubectl) == []
    for namespace in ("default", "tenant-a"):
        for address in ("10.0.0.2:8000", "10.0.0.1:9090", "10.0.0.1:8081", "10.0.0.3:15020"):
            assert (namespace, address) in kubectl.calls
    assert {("tenant-a", "169.254.169.254:80"), ("tenant-a", "1.1.1.1:443")} <= set(kubectl.calls)
    # The laptop's API server may have any address, so whoever is nobody's may call webhooks.
    assert ("default", "10.0.0.4:10250") not in kubectl.calls and ("tenant-a", "10.0.0.4:10250") in kubectl.calls


@pytest.mark.parametrize("namespace, address, name", [
    ("default", "10.0.0.2:8000", "default may not reach serving/chat-1:8000"),
    ("tenant-a", "10.0.0.1:9090", "tenant-a may not reach edge/tollgate-edge-1:9090"),
    ("tenant-a", "169.254.169.254:80", "tenant-a may not reach the metadata server"),
])  # fmt: skip
def test_what_is_reached_and_may_not_be_is_named(kubectl, namespace, address, name):
    kubectl.says = {(namespace, address): ""}
    assert failed(kubectl) == [f"{name}: it does"]


def test_the_probe_is_let_in_where_it_is_to_be_refused(platform):
    """Admission takes its image there, and no policy lets all pods of the namespace out."""
    fenced = {one.name: one.object["metadata"]["labels"] for one in platform.of("Namespace")}
    out = isolation.going_out(platform.of("NetworkPolicy"))
    namespace, _ = isolation.insider({name: labels for name, labels in fenced.items() if name not in out})
    assert namespace in fenced
    by_tag = cross_checks.of_each_namespace(platform, "images-by-digest", "byTag")
    image = images.reference(platform.values["images"]["probe"])
    assert platform.values["cluster"]["requireDigests"] or image in by_tag[namespace]
    assert {"argocd", "cert-manager"} <= out


EVICTED = 'Error from server (NotFound): pods "isolation-probe" not found\n'


@pytest.mark.parametrize("said", [EVICTED, "OTHER: no route to host" + TERMINATED, "error: TIMEOUT\n", "", "TIMEOUT\n"], ids=repr)
def test_only_what_the_probe_says_itself_is_a_refusal(kubectl, said):
    kubectl.says = {("default", "10.0.0.2:8000"): said}
    [one] = failed(kubectl)
    assert one.startswith("default may not reach serving/chat-1:8000: ")


def test_a_probe_that_is_gone_is_no_well_fenced_cluster(kubectl):
    """The edge answered it, and then it was evicted."""
    kubectl.says = {"all": lambda kubectl: "" if len(kubectl.calls) <= 3 else EVICTED}
    wrong = failed(kubectl)
    assert any(one.startswith("default may not reach serving/chat-1:8000: nobody knows: kubectl says Error from server") for one in wrong)
    assert any(one.startswith("default still reaches edge/tollgate-edge:443: kubectl says Error from server") for one in wrong)
