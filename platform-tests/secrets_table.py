"""Whether each secret that ExternalSecrets ask for is in manifests/secrets.yaml, and may be read.

Each check takes a rendered cluster and returns its findings, each with the file and the field."""

from collections.abc import Iterator
from pathlib import Path

import cluster_config
from rendering import Platform, Rendered

TABLE = Path(__file__).resolve().parent.parent / "manifests/secrets.yaml"


def rows() -> dict[str, dict]:
    return {row["name"]: row for row in cluster_config.load(TABLE)}


def findings(platform: Platform) -> list[str]:
    return [finding for check in CHECKS for finding in check(platform)]


def references(platform: Platform) -> Iterator[tuple[Rendered, str, str]]:
    """What is asked of the store, by whom: its name there and the property."""
    for external in platform.of("ExternalSecret"):
        for data in external.object["spec"].get("data", []):
            yield external, data["remoteRef"]["key"], data["remoteRef"]["property"]


def secrets_are_in_the_table(platform: Platform) -> Iterator[str]:
    prefix = prefix_of(platform)
    for external, key, name in references(platform):
        if not key.startswith(prefix):
            yield f"{external}: spec.data.remoteRef.key: {key}: in this store names begin with {prefix}"
        elif name not in rows().get(key.removeprefix(prefix), {"properties": {}})["properties"]:
            yield f"{external}: spec.data.remoteRef: manifests/secrets.yaml has no {key.removeprefix(prefix)} with {name}"


def prefix_of(platform: Platform) -> str:
    return f"{platform.cluster}-" if platform.values["secrets"]["provider"] == "gcp" else ""


def secrets_may_be_read(platform: Platform) -> Iterator[str]:
    """By the identity that reads them where they lie in the cluster; and from the namespace that asks."""
    role = platform.find("Role", "external-secrets", "secret-reader")
    allowed = {name for rule in role.object["rules"] for name in rule["resourceNames"]} if role else None
    store = platform.find("ClusterSecretStore", None, "platform")
    namespaces = {name for condition in store.object["spec"]["conditions"] for name in condition["namespaces"]}
    for external, key, _ in references(platform):
        if allowed is not None and key not in allowed:
            yield f"{role}: rules.resourceNames: {key} is missing, which {external.namespace}/{external.name} asks for"
        if external.namespace not in namespaces:
            yield f"{store}: spec.conditions.namespaces: {external.namespace} is missing, where {external.name} asks"


CHECKS = [secrets_are_in_the_table, secrets_may_be_read]
