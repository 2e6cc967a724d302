"""A cluster's values: the files that feed every chart, as Helm merges them."""

from pathlib import Path

import yaml

# Of the API server that charts are rendered for.
KUBERNETES = "1.35.0"


def clusters(root: Path) -> list[str]:
    """By the folders that have a configuration."""
    return sorted(path.parent.name for path in (root / "manifests/clusters").glob("*/config.yaml"))


def files(cluster: str) -> list[str]:
    """The defaults, what differs from them, and what `make render` adds; the later one wins."""
    folder = f"manifests/clusters/{cluster}"
    return ["manifests/root/values.yaml", f"{folder}/config.yaml", f"{folder}/rendered/values.yaml"]


def merged(root: Path, cluster: str) -> dict:
    """The values of a cluster of the checkout at `root`.

    Raises FileNotFoundError when it has no config.yaml, or was never rendered."""
    return merge(edited(root, cluster), load(root / files(cluster)[2]))


def edited(root: Path, cluster: str) -> dict:
    """Those that people write, which `make render` starts from."""
    defaults, config, _ = files(cluster)
    return merge(load(root / defaults), load(root / config))


def merge(base: dict, over: dict) -> dict:
    both = dict(base)
    for key, value in over.items():
        nested = isinstance(value, dict) and isinstance(base.get(key), dict)
        both[key] = merge(base[key], value) if nested else value
    return both


def load(path: Path) -> dict:
    return yaml.load(path.read_text(), Loader=yaml.CSafeLoader) or {}
