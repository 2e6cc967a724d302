"""`make verify-isolation`: what network policies refuse, tried from pods that must be refused.

One pod is in the namespace `default`, which no policy of ours fences, and one in a fenced namespace: a
tenant's or an application's, else the model servers'. Each tries the Services and the pods of all fenced
namespaces, the second also the way out. What a pod may reach is asked first and last: only of a probe that
reaches something does it say anything that it does not reach the rest."""

import ipaddress
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from operations.kube import Kube
from operations.session import Refusal
from platform_manifests import images
from platform_manifests.rendering import Rendered

POD = "isolation-probe"
OUTSIDE, FENCED = "default", "serving"
SECONDS = 3
START_SECONDS = 120
AT_ONCE = 8

# What a probe is told to try, and what it is called.
Target = tuple[str, str]
Finding = tuple[str, str]

# Whoever is in the fenced namespaces may ask the cluster's names, and nobody there may go further out.
NAMES: Target = ("kube-dns.kube-system.svc.cluster.local:53", "the cluster's DNS")
OUT: list[Target] = [("169.254.169.254:80", "the metadata server"), ("1.1.1.1:443", "the internet")]
# The proxies' own, which their pods need not name.
OF_GATEWAYS = (15000, 15020, 15021)


@dataclass(frozen=True)
class Place:
    """A port of a Service or of a pod in a fenced namespace."""

    namespace: str
    name: str
    address: str
    port: int

    @property
    def target(self) -> Target:
        return f"{self.address}:{self.port}", f"{self.namespace}/{self.name}:{self.port}"

    @property
    def edge(self) -> str:
        """Which listener of the edge it leads to, if to one that others may reach."""
        if self.namespace != "edge" or not self.name.startswith("tollgate-edge"):
            return ""
        return {80: "public", 443: "public", 8080: "public", 8443: "public", 8081: "applications"}.get(self.port, "")


def findings(kube: Kube) -> Iterator[Finding]:
    fenced = {one["metadata"]["name"]: one["metadata"].get("labels", {}) for one in kube.items("namespaces", "--selector", "app.kubernetes.io/part-of=foundation")}
    places = sorted({*services(kube, fenced), *pods(kube, fenced)}, key=lambda place: (place.namespace, place.name, place.port))
    public = [place.target for place in places if place.edge == "public"]
    yield "the edge has a public port", "" if public else "none was found: nothing else here would say anything"
    policies = kube.session.platform().of("NetworkPolicy")
    webhooks = called_by_anyone(kube.session.values, policies)
    shut = [place for place in places if place.edge != "public" and (place.namespace, place.port) not in webhooks]
    # A Service's port leads to another of its pods.
    their_services = {namespace for namespace, _ in webhooks}
    shut = [place for place in shut if not (place.address.endswith(".local") and place.namespace in their_services)]
    yield from tried(kube, OUTSIDE, public, [place.target for place in shut])
    namespace, labels = insider({name: labels for name, labels in fenced.items() if name not in going_out(policies)})
    client = labels.get("platform.tollgate.dev/edge-client") == "true"
    open_ = [place.target for place in places if client and place.edge == "applications"]
    inner = [place.target for place in places if place.edge != "public" and place.target not in open_]
    yield from tried(kube, namespace, [NAMES, *open_], [*inner, *OUT])


def insider(fenced: dict[str, dict]) -> tuple[str, dict]:
    """A fenced namespace whose pods may do little, with its labels."""
    for label in ("platform.tollgate.dev/tenant", "platform.tollgate.dev/edge-client"):
        for namespace, labels in sorted(fenced.items()):
            if label in labels:
                return namespace, labels
    return FENCED, fenced.get(FENCED, {})


def services(kube: Kube, fenced: dict[str, dict]) -> Iterator[Place]:
    """Each with each of its TCP ports."""
    for service in kube.items("services", "--all-namespaces"):
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        for port in service["spec"].get("ports", []):
            if namespace in fenced and port.get("protocol", "TCP") == "TCP":
                yield Place(namespace, name, f"{name}.{namespace}.svc.cluster.local", port["port"])


def pods(kube: Kube, fenced: dict[str, dict]) -> Iterator[Place]:
    """One of each owner, by its own address: a Service need not have all ports of its pods."""
    owners = set()
    for pod in kube.items("pods", "--all-namespaces", "--field-selector", "status.phase=Running"):
        metadata, spec, address = pod["metadata"], pod["spec"], pod["status"].get("podIP")
        owner = (metadata.get("ownerReferences") or [metadata])[0].get("uid", metadata["name"])
        # A node's network is no pod's: policies say nothing of it.
        if metadata["namespace"] not in fenced or not address or spec.get("hostNetwork") or owner in owners:
            continue
        owners.add(owner)
        for port in sorted(ports(metadata.get("labels", {}), spec)):
            yield Place(metadata["namespace"], metadata["name"], f"[{address}]" if ":" in address else address, port)


def ports(labels: dict, spec: dict) -> set[int]:
    containers = [*spec["containers"], *spec.get("initContainers", [])]
    named = {port["containerPort"] for one in containers for port in one.get("ports", []) if port.get("protocol", "TCP") == "TCP"}
    return named | set(OF_GATEWAYS if "gateway.networking.k8s.io/gateway-name" in labels else ())


def called_by_anyone(values: dict, policies: list[Rendered]) -> set[tuple[str, int]]:
    """Webhooks' ports where no address tells the API server from a pod (cluster.controlPlaneCidr)."""
    if ipaddress.ip_network(values["cluster"]["controlPlaneCidr"]).prefixlen:
        return set()
    allowed = [policy for policy in policies if policy.name == "allow-webhooks"]
    return {(policy.namespace, port["port"]) for policy in allowed for rule in policy.object["spec"]["ingress"] for port in rule["ports"]}


def going_out(policies: list[Rendered]) -> set[str]:
    """Namespaces whose every pod may call addresses outside: the issuer's, say, where it has a public one."""
    return {
        policy.namespace
        for policy in policies
        if not policy.object["spec"]["podSelector"]
        and any("ipBlock" in peer for rule in policy.object["spec"].get("egress", []) for peer in rule.get("to", []))
    }


def tried(kube: Kube, namespace: str, reached: list[Target], refused: list[Target]) -> Iterator[Finding]:
    """From one namespace: what has to be reached, what must not be, and the first again."""
    try:
        start(kube, namespace)
        yield from every(kube, namespace, reached, reaches)
        yield from every(kube, namespace, refused, is_refused)
        yield from every(kube, namespace, reached, still_reaches)
    except Refusal as refusal:
        yield f"a probe in {namespace}", str(refusal)
    finally:
        kube.attempt("delete", "pod", POD, "--namespace", namespace, "--wait=false")


def every(kube: Kube, namespace: str, targets: list[Target], judge) -> Iterator[Finding]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for (_, name), said in zip(targets, pool.map(lambda target: connect(kube, namespace, target[0]), targets), strict=True):
            yield judge(namespace, name, said)


def reaches(namespace: str, name: str, said: str) -> Finding:
    return f"{namespace} reaches {name}", said and f"{said}: the other results say nothing"


def still_reaches(namespace: str, name: str, said: str) -> Finding:
    return f"{namespace} still reaches {name}", said and f"{said}: the results before say nothing"


def is_refused(namespace: str, name: str, said: str) -> Finding:
    wrong = "it does" if not said else "" if said in ("TIMEOUT", "REFUSED") else f"nobody knows: {said}"
    return f"{namespace} may not reach {name}", wrong


def start(kube: Kube, namespace: str) -> None:
    kube.apply(json.dumps(probe(kube.session.values["images"]["probe"], namespace)))
    kube.change("wait", "pod", POD, "--namespace", namespace, "--for=condition=Ready", f"--timeout={START_SECONDS}s")


def probe(image: dict, namespace: str = OUTSIDE) -> dict:
    """A pod that does nothing until it is told to connect; it would be let in anywhere."""
    container = {
        "name": "probe",
        "image": images.reference(image),
        "args": ["pause"],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True},
    }
    user = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD, "namespace": namespace},
        "spec": {"automountServiceAccountToken": False, "securityContext": user, "containers": [container]},
    }


def connect(kube: Kube, namespace: str, address: str) -> str:
    """'' where it connects; TIMEOUT or REFUSED as the probe says it, or whatever else kept it from trying."""
    done = kube.attempt("exec", POD, "--namespace", namespace, "--", "/agnhost", "connect", address, f"--timeout={SECONDS}s")
    if done.returncode == 0:
        return ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["nothing"]
    # kubectl's own last line comes from a probe that has run.
    if lines[0] in ("TIMEOUT", "REFUSED") and lines[-1].startswith("command terminated"):
        return lines[0]
    return f"kubectl says {lines[0]}"
