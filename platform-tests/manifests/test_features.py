"""Each feature by itself, all of them, none: what a cluster renders then passes every check."""

import functools

import pytest

import checks
from harness import rendering
from harness.platforms import FEATURES, with_features

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
    return functools.partial(with_features, tmp_path)


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
