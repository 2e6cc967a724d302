"""Each feature by itself, all of them, none: what a cluster renders then passes every check."""

import shutil

import pytest
import yaml

import checks
import rendering
from conftest import ROOT

FEATURES = sorted(yaml.safe_load((ROOT / "manifests/root/values.yaml").read_text())["features"])
# What a feature does not render without.
NEEDS = {"keda": {"prometheus"}, "opencost": {"prometheus"}}


@pytest.fixture
def render(tmp_path):
    """Renders `production` with these features and no others."""
    shutil.copytree(ROOT / "manifests", tmp_path / "manifests", symlinks=True)
    file = tmp_path / "manifests/clusters/production/config.yaml"
    config = yaml.safe_load(file.read_text())

    def with_features(names: set[str]) -> rendering.Platform:
        file.write_text(yaml.safe_dump(config | {"features": {name: name in names for name in FEATURES}}))
        return rendering.render(tmp_path, "production")

    return with_features


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_by_itself(render, feature):
    assert checks.findings(render({feature} | NEEDS.get(feature, set()))) == []


def test_all_of_them(render):
    assert checks.findings(render(set(FEATURES))) == []


def test_none_of_them(render):
    assert checks.findings(render(set())) == []


@pytest.mark.parametrize("feature", sorted(NEEDS))
def test_a_feature_without_what_it_needs_says_so(render, feature):
    with pytest.raises(rendering.RenderError, match=f"features.{feature}: .* features.prometheus has to be true"):
        render({feature})
