"""What schemas can't see: whether the objects of a cluster fit each other.

Each check takes a rendered cluster and returns its findings, each with the file and the field."""

import ast
import re
from collections.abc import Callable, Iterator

from harness.rendering import Platform, Rendered
from platform_manifests import images
from upstream import definitions

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job")
# Made by the control plane in each namespace, or before Argo CD is.
GIVEN = {("ConfigMap", "kube-root-ca.crt"), ("ClusterRole", "system:auth-delegator"), ("ClusterRole", "cluster-admin")}
# The edge's ports that everyone may reach.
FRONT_DOOR = {8443, 8080}
# Labels of pods that a controller makes among ours.
MADE_BY_CONTROLLERS = {"gateway.networking.k8s.io/gateway-name", "acme.cert-manager.io/http01-solver"}
# The substrate has it before Argo CD is there.
GIVEN_NAMESPACES = {"kube-system"}
POD_SECURITY = "pod-security.kubernetes.io/enforce"
# The only ones whose pods may do what `restricted` forbids: they look at the node, or set it up.
OPEN_NAMESPACES = {"gpu-operator": "privileged", "node-exporter": "privileged"}
# What `tollgate bundle build` has signed besides the module (minisign's format).
SIGNED_IMAGE = re.compile(r"^trusted comment: tollgate .* image=(sha256:[0-9a-f]{64}) ", re.MULTILINE)


def namespaces_exist(platform: Platform) -> Iterator[str]:
    made = GIVEN_NAMESPACES | {namespace.name for namespace in platform.of("Namespace")}
    for rendered in platform.objects:
        if not definitions.is_cluster_scoped(rendered.group, rendered.kind) and rendered.namespace not in made:
            yield f"{rendered}: metadata.namespace: nothing makes the namespace {rendered.namespace}"


def objects_have_one_maker(platform: Platform) -> Iterator[str]:
    """Of two by one name the second is lost, and nobody says so."""
    found: dict[tuple, Rendered] = {}
    for rendered in platform.objects:
        key = (rendered.group, rendered.kind, rendered.namespace, rendered.name)
        if key in found:
            yield f"{rendered}: metadata.name: {found[key].file} makes one of this name too"
        found[key] = rendered


def namespaces_are_closed(platform: Platform) -> Iterator[str]:
    """Each namespace refuses what no policy allows, and holds its pods to a level."""
    for namespace in platform.of("Namespace"):
        denying = [policy for policy in in_namespace(platform, "NetworkPolicy", namespace.name) if denies_all(policy)]
        if not denying:
            yield f"{namespace}: no NetworkPolicy there denies what is not allowed"
        level = namespace.object["metadata"].get("labels", {}).get(POD_SECURITY)
        wanted = OPEN_NAMESPACES.get(namespace.name, "restricted")
        if level != wanted:
            yield f"{namespace}: metadata.labels: {POD_SECURITY} is {level}, not {wanted}"


def tenants_are_bounded(platform: Platform) -> Iterator[str]:
    for namespace in platform.of("Namespace"):
        if "platform.tollgate.dev/tenant" in namespace.object["metadata"].get("labels", {}):
            for kind in ("ResourceQuota", "LimitRange"):
                if not in_namespace(platform, kind, namespace.name):
                    yield f"{namespace}: no {kind}: a tenant there may take all that the nodes have"


def denies_all(policy: Rendered) -> bool:
    spec = policy.object["spec"]
    closed = set(spec.get("policyTypes", [])) == {"Ingress", "Egress"} and not spec.get("ingress") and not spec.get("egress")
    return closed and spec["podSelector"] == {}


def policies_name_callers(platform: Platform) -> Iterator[str]:
    """An ingress rule without `from` lets everyone in: only the front door has one."""
    for policy in platform.of("NetworkPolicy"):
        for number, rule in enumerate(policy.object["spec"].get("ingress") or []):
            ports = {entry.get("port") for entry in rule.get("ports", [])}
            if not rule.get("from") and not (policy.namespace == "edge" and ports <= FRONT_DOOR):
                yield f"{policy}: spec.ingress[{number}]: no `from`: everyone may come in"
            if not rule.get("ports") and rule.get("from") != [{"podSelector": {}}]:
                yield f"{policy}: spec.ingress[{number}]: no `ports`: every port is open"


def images_are_pinned(platform: Platform) -> Iterator[str]:
    """By digest, or by an exact tag that the cluster's values have without a digest."""
    unresolved = {reference for _, reference in images.by_tag(platform.values)}
    for workload in platform.of(*WORKLOADS):
        for field, reference in references(pod_spec(workload)):
            if not re.search(r"@sha256:[0-9a-f]{64}$", reference) and reference not in unresolved:
                yield f"{workload}: {field}: {reference} is not pinned by digest"


def admission_takes_what_runs(platform: Platform) -> Iterator[str]:
    """A tag passes where our manifests name it and nowhere else, and where digests are required, none."""
    by_tag = of_each_namespace(platform, "images-by-digest", "byTag")
    if by_tag and platform.values["cluster"]["requireDigests"]:
        yield f"{platform.config_file}: cluster.requireDigests: admission lets tags through in {', '.join(by_tag)}"
        return
    for workload in platform.of(*WORKLOADS):
        for field, reference in references(pod_spec(workload)):
            pinned = "@sha256:" in reference or platform.values["cluster"]["requireDigests"]
            if not pinned and reference not in by_tag.get(workload.namespace, []):
                yield f"{workload}: {field}: admission does not let {reference} through in {workload.namespace}"


def of_each_namespace(platform: Platform, policy: str, variable: str) -> dict[str, list[str]]:
    """What an admission policy of ours has written down for each namespace, as a map of CEL."""
    spec = platform.find("ValidatingAdmissionPolicy", None, policy).object["spec"]
    expression = next(one["expression"] for one in spec["variables"] if one["name"] == variable)
    return ast.literal_eval(expression.partition("[?")[0])


def references(spec: dict) -> Iterator[tuple[str, str]]:
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind, []):
            yield f"{kind}[{container['name']}].image", container["image"]
    for volume in spec.get("volumes", []):
        if "image" in volume:
            yield f"volumes[{volume['name']}].image.reference", volume["image"]["reference"]


def module_is_the_signed_one(platform: Platform) -> Iterator[str]:
    """Where a new module came with the old signature, no new edge would start."""
    signed = SIGNED_IMAGE.search(platform.values["edge"]["module"].get("signature", ""))
    digest = platform.values["images"]["module"].get("digest")
    if signed and digest not in (None, signed[1]):
        config = platform.config_file
        yield f"{config}: edge.module.signature: it is for the image {signed[1]}, not {digest}"


def pods_find_what_they_mount(platform: Platform) -> Iterator[str]:
    """Each ConfigMap and ServiceAccount that a pod names is there; Secrets are in secrets.py."""
    for workload in platform.of(*WORKLOADS):
        for field, kind, name in dependencies(pod_spec(workload)):
            if (kind, name) not in GIVEN and platform.find(kind, workload.namespace, name) is None:
                yield f"{workload}: {field}: nothing makes the {kind} {name} in {workload.namespace}"


def dependencies(spec: dict) -> Iterator[tuple[str, str, str]]:
    if "serviceAccountName" in spec:
        yield "serviceAccountName", "ServiceAccount", spec["serviceAccountName"]
    for volume in spec.get("volumes", []):
        if "configMap" in volume:
            yield f"volumes[{volume['name']}]", "ConfigMap", volume["configMap"]["name"]
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        for variable in container.get("env", []):
            source = variable.get("valueFrom", {})
            if "configMapKeyRef" in source:
                yield f"env[{variable['name']}]", "ConfigMap", source["configMapKeyRef"]["name"]


def mounts_have_volumes(platform: Platform) -> Iterator[str]:
    for workload in platform.of(*WORKLOADS):
        spec = pod_spec(workload)
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in volumes:
                    yield f"{workload}: containers[{container['name']}].volumeMounts: no volume {mount['name']}"


def services_find_pods(platform: Platform) -> Iterator[str]:
    """A Service's selector matches a workload of ours that has its ports."""
    for service in platform.of("Service"):
        spec = service.object["spec"]
        if "gateway.networking.k8s.io/gateway-name" in spec["selector"]:
            yield from proxies_listen(platform, service)
            continue
        selected = selected_by(platform, service.namespace, spec["selector"])
        if not selected:
            yield f"{service}: spec.selector: no workload has these labels"
        for workload in selected:
            names, numbers = container_ports(workload)
            for port in spec["ports"]:
                target = port.get("targetPort", port["port"])
                if target not in names and target not in numbers:
                    yield f"{service}: spec.ports[{port['name']}].targetPort: {workload.name} has no port {target}"


def proxies_listen(platform: Platform, service: Rendered) -> Iterator[str]:
    """agentgateway names its proxies like their Gateway, and they listen where it says."""
    name = service.object["spec"]["selector"]["gateway.networking.k8s.io/gateway-name"]
    gateway = platform.find("Gateway", service.namespace, name)
    if gateway is None:
        yield f"{service}: spec.selector: there is no Gateway {name}"
        return
    ports = {listener["port"] for listener in gateway.object["spec"]["listeners"]}
    for port in service.object["spec"]["ports"]:
        if port["targetPort"] not in ports:
            yield f"{service}: spec.ports[{port['name']}].targetPort: Gateway {name} does not listen on {port['targetPort']}"


def selected_by(platform: Platform, namespace: str | None, labels: dict) -> list[Rendered]:
    found = []
    for workload in platform.of(*WORKLOADS):
        own = workload.object["spec"]["template"]["metadata"]["labels"]
        if workload.namespace == namespace and labels.items() <= own.items():
            found.append(workload)
    return found


def container_ports(workload: Rendered) -> tuple[set[str], set[int]]:
    ports = [port for container in pod_spec(workload)["containers"] for port in container.get("ports", [])]
    return {port["name"] for port in ports if "name" in port}, {port["containerPort"] for port in ports}


def policies_select_something(platform: Platform) -> Iterator[str]:
    """A NetworkPolicy or budget that selects no pod protects nothing. Others' pods are not known here."""
    ours = {workload.namespace for workload in platform.of(*WORKLOADS)}
    for policy in platform.of("NetworkPolicy", "PodDisruptionBudget"):
        key = "podSelector" if policy.kind == "NetworkPolicy" else "selector"
        labels = policy.object["spec"][key].get("matchLabels", {})
        theirs = labels.keys() & MADE_BY_CONTROLLERS
        if labels and policy.namespace in ours and not theirs and not selected_by(platform, policy.namespace, labels):
            yield f"{policy}: spec.{key}: no workload in {policy.namespace} has these labels"


def in_namespace(platform: Platform, kind: str, namespace: str) -> list[Rendered]:
    return [rendered for rendered in platform.of(kind) if rendered.namespace == namespace]


def pod_spec(workload: Rendered) -> dict:
    return workload.object["spec"]["template"]["spec"]


CHECKS: list[Callable[[Platform], Iterator[str]]] = [
    namespaces_exist,
    objects_have_one_maker,
    namespaces_are_closed,
    tenants_are_bounded,
    policies_name_callers,
    images_are_pinned,
    admission_takes_what_runs,
    module_is_the_signed_one,
    pods_find_what_they_mount,
    mounts_have_volumes,
    services_find_pods,
    policies_select_something,
]
