"""A dry run names what would be done, all of it, and never says that it was done."""

import pytest

from harness.workshop import Workshop


@pytest.fixture(scope="module")
def workshop(tmp_path_factory) -> Workshop:
    """Without any cluster."""
    return Workshop(tmp_path_factory.mktemp("dry"))


@pytest.mark.parametrize("command, shown, hidden", [
    ("bootstrap", ["+ helm template argocd", "< (what Helm renders)"], []),
    ("root", ["< (AppProject root, Application root)"], ["in charge"]),
    ("teardown", ["delete application.argoproj.io edge --namespace argocd", "gateway-api-crds"], ["is gone"]),
    ("smoke", ["+ kubectl get applications; a request without a key"], ["kubectl apply", "keys of the store"]),
    ("verify-isolation", ["+ kubectl apply, for a pod each"], ["applications", "request"]),
    ("verify", ["kubectl get applications", "keys of the store", "kubectl exec"], []),
])  # fmt: skip
def test_it_is_what_would_be_done(workshop, command, shown, hidden):
    said = workshop.operate(command, "laptop", DRY_RUN="1")
    assert said.code == 0 and [text for text in shown if text not in said.text] == [], said.text
    assert [text for text in hidden if text in said.text] == [], said.text


def test_a_rendering_that_fails_comes_before_all_that_is_applied(workshop):
    lines = workshop.operate("bootstrap", "laptop", DRY_RUN="1").text.splitlines()
    commands = [line.split()[1] if "helm" in line else "apply" for line in lines if "helm template" in line or " apply " in line]
    assert commands[0] == "helm" and commands[1:] == ["apply"] * 3


@pytest.mark.parametrize("value", ["0", "", "false", "no"])
def test_what_says_no_is_no_dry_run(workshop, value):
    said = workshop.operate("wait", "laptop", DRY_RUN=value)
    assert said.code == 1 and "kubectl has no current context" in said.text
