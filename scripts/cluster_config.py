"""A cluster's values: its own file on top of the defaults, as Helm merges them."""

from pathlib import Path

import yaml

DEFAULTS = "manifests/root/values.yaml"


def merged(root: Path, cluster: str) -> dict:
    """The values of a cluster of the checkout at `root`.

    Raises FileNotFoundError when it has no config.yaml."""
    return merge(load(root / DEFAULTS), load(root / "manifests/clusters" / cluster / "config.yaml"))


def merge(base: dict, over: dict) -> dict:
    both = dict(base)
    for key, value in over.items():
        nested = isinstance(value, dict) and isinstance(base.get(key), dict)
        both[key] = merge(base[key], value) if nested else value
    return both


def load(path: Path) -> dict:
    return yaml.load(path.read_text(), Loader=yaml.CSafeLoader) or {}
