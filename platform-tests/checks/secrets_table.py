"""Whether each secret that ExternalSecrets ask for is in manifests/secrets.yaml.

Each check takes a rendered cluster and returns its findings, each with the file and the field."""

from collections.abc import Iterator
from pathlib import Path

from harness.rendering import Platform, Rendered
from operations.secret_table import store_prefix
from platform_manifests import cluster_config

TABLE = Path(__file__).resolve().parents[2] / "manifests/secrets.yaml"


def rows() -> dict[str, dict]:
    return {row["name"]: row for row in cluster_config.load(TABLE)}


def references(platform: Platform) -> Iterator[tuple[Rendered, str, str]]:
    """What is asked of the store, by whom: its name there and the property."""
    for external in platform.of("ExternalSecret"):
        for data in external.object["spec"].get("data", []):
            yield external, data["remoteRef"]["key"], data["remoteRef"]["property"]


def secrets_are_in_the_table(platform: Platform) -> Iterator[str]:
    prefix = store_prefix(platform.cluster, platform.values)
    for external, key, name in references(platform):
        if not key.startswith(prefix):
            yield f"{external}: spec.data.remoteRef.key: {key}: in this store names begin with {prefix}"
        elif name not in rows().get(name_of(platform, key), {"properties": {}})["properties"]:
            yield f"{external}: spec.data.remoteRef: manifests/secrets.yaml has no {name_of(platform, key)} with {name}"


def name_of(platform: Platform, key: str) -> str:
    """What the table calls what the store knows by this key."""
    return key.removeprefix(store_prefix(platform.cluster, platform.values))


CHECKS = [secrets_are_in_the_table]
