"""Each cluster as it renders: of the checkout, or with other features."""

import functools
import tempfile
from pathlib import Path

import yaml

from harness import forks, rendering

ROOT = forks.ROOT
FEATURES = sorted(yaml.safe_load((ROOT / "manifests/root/values.yaml").read_text())["features"])
EVERYTHING = "production with every feature"


@functools.cache
def cluster(name: str) -> rendering.Platform:
    """A cluster of the checkout; it is rendered once."""
    return rendering.render(ROOT, name)


@functools.cache
def everything() -> rendering.Platform:
    """`production` with what it has switched off, too."""
    with tempfile.TemporaryDirectory() as folder:
        return with_features(Path(folder), set(FEATURES), tabby={"public": True})


def with_features(folder: Path, names: set[str], identity: dict | None = None, **more) -> rendering.Platform:
    """`production` with these features and no others, rendered from a copy in `folder`."""
    file = forks.manifests(folder) / "manifests/clusters/production/config.yaml"
    config = yaml.safe_load(file.read_text())
    more |= {"features": {name: name in names for name in FEATURES}, "identity": config["identity"] | (identity or {})}
    file.write_text(yaml.safe_dump(config | more))
    return rendering.render(folder, "production")
