"""Each feature by itself, all of them, none: what a cluster renders then passes every check."""

import shutil

import pytest
import yaml

import checks
import rendering
from conftest import ROOT

FEATURES = sorted(yaml.safe_load((ROOT / "manifests/root/values.yaml").read_text())["features"])
# What a feature does not render without.
NEEDS = {
    "keda": {"prometheus"},
    "opencost": {"prometheus"},
    "openWebui": {"dex"},
    "n8n": {"dex"},
    "mcp": {"dex", "opencost", "prometheus"},  # production's tools are OpenCost's
}


@pytest.fixture
def render(tmp_path):
    """Renders `production` with these features and no others."""
    shutil.copytree(ROOT / "manifests", tmp_path / "manifests", symlinks=True)
    file = tmp_path / "manifests/clusters/production/config.yaml"
    config = yaml.safe_load(file.read_text())

    def with_features(names: set[str], identity: dict | None = None, **more) -> rendering.Platform:
        more |= {"features": {name: name in names for name in FEATURES}, "identity": config["identity"] | (identity or {})}
        file.write_text(yaml.safe_dump(config | more))
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
    needs = "|".join(NEEDS[feature])
    with pytest.raises(rendering.RenderError, match=f"features.{feature}: .* features.({needs}) has to be true"):
        render({feature})


def test_people_behind_a_private_authority(render):
    ldap = {"type": "ldap", "id": "ldap", "name": "Directory", "config": {"host": "ldap.example.com:636", "bindPW": "$CONNECTOR_SECRET"}}
    assert checks.findings(render(set(FEATURES), {"connector": ldap}, certificates={"public": "platform"})) == []


@pytest.mark.parametrize(
    "identity, said",
    [
        ({"connector": None}, "features.dex: identity.connector says who knows the people; there is none"),
        ({"groups": {}}, "features.n8n: identity.groups is empty: oauth2-proxy would let in everyone"),
    ],
)
def test_people_whom_no_one_knows(render, identity, said):
    with pytest.raises(rendering.RenderError, match=said):
        render({"dex", "n8n"}, identity)
