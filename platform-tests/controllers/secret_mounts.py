"""Who reads which files of the Secrets that Certificates make."""

import json
import re
from collections.abc import Iterator

from harness.rendering import Platform

Wanted = dict[tuple[str, str], set[str]]


def wanted(platform: Platform) -> Wanted:
    """The files that somebody reads, by namespace and name of the Secret."""
    secrets = {one.object["spec"]["secretName"] for one in platform.of("Certificate")}
    found: Wanted = {}
    for namespace, name, files in [*by_pods(platform, secrets), *by_gateways(platform)]:
        found.setdefault((namespace, name), set()).update(files)
    return found


def by_pods(platform: Platform, secrets: set[str]) -> Iterator[tuple[str, str, set[str]]]:
    """Pods of ours, and of others' charts by their Applications' values."""
    for rendered in platform.of("Deployment", "StatefulSet", "Application"):
        namespace = rendered.namespace
        if rendered.kind == "Application":
            namespace = rendered.object["spec"]["destination"]["namespace"]
        configured = [one.object for one in platform.of("ConfigMap") if one.namespace == namespace]
        text = json.dumps([rendered.object, *configured])
        for name in {secret_of(node) for node in nodes(rendered.object)} & secrets:
            yield namespace, name, files(rendered.object, name, text)


def by_gateways(platform: Platform) -> Iterator[tuple[str, str, set[str]]]:
    for gateway in platform.of("Gateway"):
        spec = gateway.object["spec"]
        for reference in spec["tls"]["frontend"]["default"]["validation"]["caCertificateRefs"]:
            yield gateway.namespace, reference["name"], {"ca.crt"}
        for listener in spec["listeners"]:
            for reference in listener["tls"]["certificateRefs"]:
                yield gateway.namespace, reference["name"], {"tls.crt", "tls.key"}


def files(pod: dict, secret: str, text: str) -> set[str]:
    """Those that a volume chooses, and those that `text` names below a folder where it is mounted."""
    volumes = [node for node in nodes(pod) if secret_of(node) == secret]
    names = {volume["name"] for volume in volumes if "name" in volume}
    folders = {node["mountPath"] for node in nodes(pod) if "mountPath" in node and node.get("name") in names}
    named = {file for folder in folders for file in re.findall(rf"{folder}/([a-z]+\.[a-z]+)", text)}
    chosen = {item["key"] for volume in volumes for item in volume.get("items", [])}
    assert named | chosen, f"{pod['metadata']['name']}: {secret} is mounted, and nothing of it is read"
    return named | chosen


def secret_of(node: dict) -> str | None:
    """The Secret of a volume; with `items` beside it too."""
    inner = node.get("secret")
    name = inner.get("secretName") if isinstance(inner, dict) else node.get("secretName")
    return name if isinstance(name, str) else None


def nodes(value) -> Iterator[dict]:
    """Every object in a value, itself first."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from nodes(item)
