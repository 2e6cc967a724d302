"""Whether people find their way: a host, a route on the Gateway `platform`, a Service that is there and
lets the Gateway's proxies in.

Each check takes a rendered cluster and returns its findings, each with the file and the field."""

from collections.abc import Iterator

from checks.cross_checks import selected_by
from checks.request_path import labels_of
from harness.rendering import Platform, Rendered

GATEWAY = "platform"
PROXIES = "platform-gateway"
# Of the namespaces that the Gateway takes routes from, and that its proxies may go to.
ROUTES = "platform.tollgate.dev/routes"
# Services that others' charts make, by namespace and name: the Application that brings each, its port
# and the port of the pods behind it.
CHARTS = {
    ("argocd", "argocd-server"): ("argocd", 80, 8080),
    ("auth", "dex"): ("dex", 5556, 5556),
    ("auth", "oauth2-proxy"): ("oauth2-proxy", 80, 4180),
    ("monitoring", "kube-prometheus-stack-grafana"): ("kube-prometheus-stack", 80, 3000),
}


def routes_to_people(platform: Platform) -> list[Rendered]:
    routes = platform.of("HTTPRoute")
    return [route for route in routes if any(parent["name"] == GATEWAY for parent in route.object["spec"]["parentRefs"])]


def hosts(platform: Platform) -> dict[str, Rendered]:
    """Every host that a route of the Gateway takes."""
    return {host: route for route in routes_to_people(platform) for host in route.object["spec"].get("hostnames", [])}


def hosts_are_certified(platform: Platform) -> Iterator[str]:
    """The edge's certificate has each host that a route takes."""
    certificate = platform.find("Certificate", "edge", "front-door")
    for host, route in hosts(platform).items():
        if host not in certificate.object["spec"]["dnsNames"]:
            yield f"{route}: spec.hostnames: the certificate of the front door does not have {host}"


def hosts_have_records(platform: Platform) -> Iterator[str]:
    """Where external-dns writes the records, each name of the certificate leads to the edge."""
    if platform.find("Application", "argocd", "external-dns") is None:
        return
    service = platform.find("Service", "edge", "tollgate-edge")
    names = service.object["metadata"].get("annotations", {}).get("external-dns.alpha.kubernetes.io/hostname", "").split(",")
    for host in platform.find("Certificate", "edge", "front-door").object["spec"]["dnsNames"]:
        if host not in names:
            yield f"{service}: metadata.annotations: no record for {host}"


def hosts_are_told_apart(platform: Platform) -> Iterator[str]:
    """Each route names its hosts, below the domain, and no two have one."""
    domain = platform.values["domain"]
    taken = {}
    for route in routes_to_people(platform):
        names = route.object["spec"].get("hostnames", [])
        if not names:
            yield f"{route}: spec.hostnames: none: it would take requests for every host"
        for name in names:
            if name.partition(".")[2] != domain or name.startswith(("*", "api.")):
                yield f"{route}: spec.hostnames: {name} is no host of its own below {domain}"
            if name in taken:
                yield f"{route}: spec.hostnames: {name} is {taken[name].name}'s too"
            taken[name] = route


def routes_reach_someone(platform: Platform) -> Iterator[str]:
    for route in routes_to_people(platform):
        for number, rule in enumerate(route.object["spec"]["rules"]):
            for backend in rule.get("backendRefs", []):
                field = f"{route}: spec.rules[{number}].backendRefs"
                namespace = backend.get("namespace", route.namespace)
                if namespace != route.namespace:
                    yield f"{field}: {backend['name']} is in {namespace}: a route leads to its own namespace"
                elif backend.get("kind", "Service") != "Service":
                    if platform.find(backend["kind"], namespace, backend["name"]) is None:
                        yield f"{field}: there is no {backend['kind']} {backend['name']} in {namespace}"
                else:
                    yield from service_lets_in(platform, field, namespace, backend)


def service_lets_in(platform: Platform, field: str, namespace: str, backend: dict) -> Iterator[str]:
    found = pods_port(platform, namespace, backend["name"], backend["port"])
    if found is None:
        yield f"{field}: there is no Service {backend['name']} with port {backend['port']} in {namespace}"
    elif not any(admits(policy, found) for policy in platform.of("NetworkPolicy") if policy.namespace == namespace):
        yield f"{field}: no NetworkPolicy in {namespace} lets {PROXIES} in on port {found}"


def pods_port(platform: Platform, namespace: str, name: str, port: int) -> int | None:
    """The port of the pods behind a Service's, or None when there is no such Service."""
    if (namespace, name) in CHARTS:
        application, own, behind = CHARTS[namespace, name]
        there = platform.find("Application", "argocd", application)
        return behind if there and own == port else None
    service = platform.find("Service", namespace, name)
    if service is None:
        return None
    for entry in service.object["spec"]["ports"]:
        if entry["port"] == port:
            return container_port(platform, service, entry.get("targetPort", port))
    return None


def container_port(platform: Platform, service: Rendered, target: int | str) -> int | None:
    for workload in selected_by(platform, service.namespace, service.object["spec"]["selector"]):
        for container in workload.object["spec"]["template"]["spec"]["containers"]:
            for port in container.get("ports", []):
                if target in (port["name"], port["containerPort"]):
                    return port["containerPort"]
    return None


def admits(policy: Rendered, port: int) -> bool:
    for rule in policy.object["spec"].get("ingress") or []:
        namespaces = [peer.get("namespaceSelector", {}).get("matchLabels", {}) for peer in rule.get("from", [])]
        ports = [entry["port"] for entry in rule.get("ports", [])]
        if {"kubernetes.io/metadata.name": PROXIES} in namespaces and port in ports:
            return True
    return False


def servers_of_tools_are_reached(platform: Platform) -> Iterator[str]:
    """Each MCP server's namespace lets the proxies in, and their own policy lets them out."""
    for backend in platform.of("AgentgatewayBackend"):
        for target in backend.object["spec"].get("mcp", {}).get("targets", []):
            host, port = target["static"]["host"], target["static"]["port"]
            namespace = host.split(".")[1]
            field = f"{backend}: spec.mcp.targets[{target['name']}]"
            if ROUTES not in labels_of(platform, namespace):
                yield f"{field}: the proxies may not go to {namespace}, which is not labelled {ROUTES}"
            elif not any(admits(policy, port) for policy in platform.of("NetworkPolicy") if policy.namespace == namespace):
                yield f"{field}: no NetworkPolicy in {namespace} lets {PROXIES} in on port {port}"


CHECKS = [hosts_have_records, hosts_are_certified, hosts_are_told_apart, routes_reach_someone, servers_of_tools_are_reached]
