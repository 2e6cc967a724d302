"""The images that a cluster's values name, and the lock file that knows their digests.

An image is a map with `repository` and `tag`; one that has a `digest` as well needs no lock. An empty one is none, as for the charts."""

from collections.abc import Iterator
from pathlib import Path

from platform_manifests import cluster_config

LOCK = "manifests/images.lock.yaml"
UNRESOLVED = "digest unresolved"


def by_tag(values: dict, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """What has no digest: where the values name it, and the reference. A tag can be moved."""
    if "repository" in values and "tag" in values:
        if not values.get("digest"):
            yield path, reference(values)
        return
    for key, value in values.items():
        if isinstance(value, dict):
            yield from by_tag(value, (*path, key))


def reference(image: dict) -> str:
    """As `platform.image` of the charts has it."""
    return f"{image['repository']}@{image['digest']}" if image.get("digest") else f"{image['repository']}:{image['tag']}"


def lock(root: Path) -> dict[str, str]:
    """Reference to digest, or to UNRESOLVED."""
    path = root / LOCK
    return cluster_config.load(path) if path.exists() else {}


def is_digest(text: str | None) -> bool:
    return text is not None and text.startswith("sha256:")


def digests(values: dict, known: dict[str, str]) -> dict:
    """Values that give each image of `values` the digest that is known of it."""
    found = {}
    for path, named in by_tag(values):
        if is_digest(known.get(named)):
            place = found
            for key in path:
                place = place.setdefault(key, {})
            place["digest"] = known[named]
    return found
