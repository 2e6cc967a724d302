"""Which cluster a command is for, and who says so: scripts/operate at a terminal, against a real API server."""

import re

import pytest


def test_another_clusters_context_is_refused(workshop):
    with workshop.as_context("production"):
        for command in ("root", "seed-secrets", "bootstrap", "teardown", "wait", "verify"):
            said = workshop.operate(command, "laptop", types=["laptop"])
            assert said.code == 1 and "the current context is 'production', and CLUSTER=laptop goes with" in said.text, said.text


def test_a_context_that_was_renamed_is_refused_by_the_root_that_runs_there(workshop):
    with workshop.as_context("single-gpu"):
        assert workshop.operate("root", "single-gpu", types=["single-gpu"]).code == 0
    try:
        for command in ("root", "laptop-up"):
            said = workshop.operate(command, "laptop", types=["laptop"])
            assert said.code == 1 and "k3d" not in said.text
            assert "leads to another cluster: its root reads /manifests/clusters/single-gpu/config.yaml" in said.text
    finally:
        assert workshop.server.kubectl("delete", "application", "root", "--namespace", "argocd").returncode == 0


@pytest.mark.parametrize("context", ["laptop", "k3d-laptop"])
def test_a_context_of_this_cluster_is_taken(workshop, context):
    with workshop.as_context(context):
        assert f"context: {context}" in workshop.operate("doctor", "laptop").text


def test_nothing_changes_where_nobody_can_be_asked(workshop):
    said = workshop.operate("root", "laptop")
    assert said.code == 1 and "takes somebody at a terminal: nothing was changed" in said.text


def test_nothing_changes_when_another_name_is_typed(workshop):
    said = workshop.operate("root", "laptop", types=["production"])
    assert said.code == 1 and "that is not 'laptop': nothing was changed" in said.text


def test_a_dry_run_needs_no_cluster_and_changes_nothing(workshop):
    with workshop.as_context("nobody"):
        for command in ("bootstrap", "seed-secrets", "argocd-repo", "root", "wait", "smoke", "verify", "teardown", "laptop-up"):
            said = workshop.operate(command, "laptop", DRY_RUN="1")
            assert said.code == 0 and "+ " in said.text, said.text
    assert workshop.server.kubectl("get", "application", "root", "--namespace", "argocd").returncode != 0


def test_the_doctor_says_what_is_missing_and_what_to_do(workshop):
    with workshop.as_context("production"):
        said = workshop.operate("doctor", "production")
    assert said.code == 1
    assert "lack gcloud: missing\n     -> install gcloud and sign in: this cluster's secrets are there" in said.text
    assert "lack domain: llm.example.com\n     -> name a domain of yours in manifests/clusters/production/config.yaml" in said.text
    assert "ok   Kubernetes v1.35." in said.text
    assert re.search(r"^lack \d+ images without a digest\n     -> make pin", said.text, re.MULTILINE)


def test_a_cluster_that_is_not_there_is_named(workshop):
    assert "it is 'moon'" in workshop.operate("root", "moon").text
