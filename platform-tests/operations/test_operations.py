"""scripts/operate against a real API server, at a terminal, with the real kubectl and Helm."""

import hashlib
import json
import re

import pytest
import yaml

from checks import secrets_table
from harness import api_server, rendering
from harness.workshop import Workshop
from operations import isolation
from upstream import definitions

KEY = re.compile(r"sk-tollgate-\w+")
SECRETS = ("serving-api-key", "tollgate-key-verify", "tollgate-key-verify-spent")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("operations")
    with api_server.running(folder) as server:
        for owner in ("argocd", "external-secrets-crds"):
            assert server.apply(definitions.by_application()[owner]) == []
        server.established()
        assert server.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in ("argocd", "edge")]) == []
        yield Workshop(folder, server)


@pytest.fixture(scope="module")
def seeded(workshop) -> dict[str, dict[str, str]]:
    """After `seed-secrets`: the store's secrets."""
    said = workshop.operate("seed-secrets", "laptop", types=["laptop"])
    assert said.code == 0, said.text
    assert not KEY.search(said.text)
    return {name: workshop.secret(name) for name in SECRETS}


# Which cluster, and who says so


def test_another_clusters_context_is_refused(workshop):
    workshop.context("production")
    for command in ("root", "seed-secrets", "bootstrap", "teardown", "wait", "verify"):
        said = workshop.operate(command, "laptop", types=["laptop"])
        assert said.code == 1 and "the current context is 'production', and CLUSTER=laptop goes with" in said.text, said.text
    workshop.context("laptop")


def test_a_context_that_was_renamed_is_refused_by_the_root_that_runs_there(workshop):
    manifests = workshop.server.kubectl
    assert workshop.operate("root", "laptop", types=["laptop"]).code == 0
    workshop.context("single-gpu")
    said = workshop.operate("root", "single-gpu", types=["single-gpu"])
    assert said.code == 1 and "leads to another cluster: its root reads /manifests/clusters/laptop/config.yaml" in said.text
    workshop.context("laptop")
    assert manifests("delete", "application", "root", "--namespace", "argocd").returncode == 0


@pytest.mark.parametrize("context", ["laptop", "k3d-laptop"])
def test_a_context_of_this_cluster_is_taken(workshop, context):
    workshop.context(context)
    assert f"context: {context}" in workshop.operate("doctor", "laptop").text
    workshop.context("laptop")


def test_nothing_changes_where_nobody_can_be_asked(workshop):
    said = workshop.operate("root", "laptop")
    assert said.code == 1 and "takes somebody at a terminal: nothing was changed" in said.text


def test_nothing_changes_when_another_name_is_typed(workshop):
    said = workshop.operate("root", "laptop", types=["production"])
    assert said.code == 1 and "that is not 'laptop': nothing was changed" in said.text


def test_a_dry_run_needs_no_cluster_and_changes_nothing(workshop):
    workshop.context("nobody")
    for command in ("bootstrap", "seed-secrets", "argocd-repo", "root", "wait", "smoke", "verify", "teardown", "laptop-up"):
        said = workshop.operate(command, "laptop", DRY_RUN="1")
        assert said.code == 0 and "+ " in said.text, said.text
    workshop.context("laptop")
    assert workshop.server.kubectl("get", "application", "root", "--namespace", "argocd").returncode != 0


def test_the_doctor_says_what_is_missing_and_what_to_do(workshop):
    workshop.context("production")
    said = workshop.operate("doctor", "production")
    assert said.code == 1
    assert "lack gcloud: missing\n     -> install gcloud and sign in: this cluster's secrets are there" in said.text
    assert "lack domain: llm.example.com\n     -> name a domain of yours in manifests/clusters/production/config.yaml" in said.text
    assert "ok   Kubernetes v1.35." in said.text
    assert re.search(r"^lack \d+ images without a digest\n     -> make pin", said.text, re.MULTILINE)
    workshop.context("laptop")


def test_a_cluster_that_is_not_there_is_named(workshop):
    assert "it is 'moon'" in workshop.operate("root", "moon").text


# Secrets


def test_every_secret_is_made(seeded):
    assert all(set(values) == {"api-key"} and values["api-key"] for values in seeded.values()), seeded.keys()
    assert len({values["api-key"] for values in seeded.values()}) == len(SECRETS)


def test_the_policies_have_the_hash_and_nothing_else_of_a_key(workshop, seeded):
    for name in ("verify", "verify-spent"):
        digest = hashlib.sha256(seeded[f"tollgate-key-{name}"]["api-key"].encode()).hexdigest()
        assert f"          {name}:\n            hash: sha256:{digest}\n" in workshop.policies()
    assert not KEY.search(workshop.policies())
    checked = workshop.tollgate("policy", "check", "manifests/clusters/laptop/policies")
    assert checked.code == 0, checked.text


def test_what_is_there_is_not_made_again(workshop, seeded):
    before = workshop.policies()
    said = workshop.operate("seed-secrets", "laptop", types=[])
    assert said.code == 0 and "3 secrets are asked for, 0 are missing" in said.text
    assert {name: workshop.secret(name) for name in SECRETS} == seeded and workshop.policies() == before


def test_a_hash_that_the_policies_lost_comes_back(workshop, seeded):
    path = workshop.root / "manifests/clusters/laptop/policies/organizations/platform.yaml"
    before = path.read_text()
    path.unlink()
    assert workshop.operate("seed-secrets", "laptop", types=[]).code == 0
    assert yaml.safe_load(path.read_text()) == yaml.safe_load(before)


def test_only_what_is_missing_is_made(workshop, seeded):
    workshop.server.kubectl("delete", "secret", "serving-api-key", "--namespace", "external-secrets")
    said = workshop.operate("seed-secrets", "laptop", types=["laptop"])
    assert said.code == 0 and "3 secrets are asked for, 1 are missing" in said.text
    assert workshop.secret("serving-api-key")["api-key"] != seeded["serving-api-key"]["api-key"]
    assert workshop.secret("tollgate-key-verify") == seeded["tollgate-key-verify"]


def test_a_virtual_key_is_rotated_in_two_runs_and_is_never_unknown_to_the_edge(workshop, seeded):
    old = workshop.secret("tollgate-key-verify")["api-key"]
    assert workshop.operate("rotate-secret", "laptop", "tollgate-key-verify", types=["laptop"]).code == 0
    held = workshop.secret("tollgate-key-verify")
    assert held["api-key"] == old and held["next"] != old

    said = workshop.operate("rotate-secret", "laptop", "tollgate-key-verify", types=["laptop"])
    assert said.code == 1 and "the edge does not know the next key yet" in said.text
    bring_policies_to_the_edge(workshop)

    said = workshop.operate("rotate-secret", "laptop", "tollgate-key-verify", types=["laptop"])
    assert said.code == 0 and not KEY.search(said.text), said.text
    assert workshop.secret("tollgate-key-verify") == {"api-key": held["next"]}
    keys = yaml.safe_load(workshop.policies())["organizations"]["platform"]["teams"]["applications"]["keys"]
    assert keys["verify"]["hash"] == digest(held["next"]) and "verify-next" not in keys
    assert keys["verify-previous"]["hash"] == digest(old) and keys["verify-previous"]["expires"]
    assert keys["verify-spent"]["limits"] == [{"budget": 0.000001, "per": "day"}, {"requests": 1, "per": "day"}]
    checked = workshop.tollgate("policy", "check", "manifests/clusters/laptop/policies")
    assert checked.code == 0, checked.text


def digest(secret: str) -> str:
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


def bring_policies_to_the_edge(workshop: Workshop) -> None:
    """What `make render`, a commit and Argo CD do."""
    said = workshop.run("scripts/render", "laptop")
    assert said.code == 0, said.text
    rendered = yaml.safe_load((workshop.root / "manifests/clusters/laptop/rendered/edge.yaml").read_text())
    assert workshop.server.apply([rendered]) == []


def test_another_secret_is_rotated_at_once(workshop, seeded):
    before = workshop.secret("serving-api-key")
    said = workshop.operate("rotate-secret", "laptop", "serving-api-key", types=["laptop"])
    assert said.code == 0 and "rollout restart deployment --namespace serving" in said.text, said.text
    assert workshop.secret("serving-api-key") != before


def test_the_repositorys_token_comes_from_a_file_and_is_not_shown(workshop, tmp_path):
    token = tmp_path / "token"
    token.write_text("secret-of-the-repository\n")
    assert "GIT_TOKEN_FILE=FILE names the file" in workshop.operate("argocd-repo", "laptop", types=["laptop"]).text
    said = workshop.operate("argocd-repo", "laptop", types=["laptop"], GIT_TOKEN_FILE=str(token))
    assert said.code == 0 and "secret-of-the-repository" not in said.text
    assert workshop.secret("fork", "argocd")["password"] == "secret-of-the-repository"


GCLOUD = """
import pathlib, sys
folder = pathlib.Path(__file__).parent.parent / "secret-manager"
folder.mkdir(exist_ok=True)
with (folder / "calls").open("a") as calls:
    print(*sys.argv[1:], file=calls)
if sys.argv[1:4] == ["secrets", "versions", "add"]:
    assert sys.argv[5:] == ["--project", "example-llm-production", "--data-file", "-"]
    (folder / sys.argv[4]).write_text(sys.stdin.read())
else:
    assert sys.argv[1:6] == ["secrets", "versions", "access", "latest", "--secret"]
    secret = folder / sys.argv[6]
    sys.exit(f"ERROR: NOT_FOUND: Secret [{secret.name}]") if not secret.exists() else print(secret.read_text())
"""


def test_secret_manager_is_filled_through_gclouds_standard_input(workshop, tmp_path):
    """Against a stand-in for gcloud, which keeps what it is given and each command line."""
    workshop.install("gcloud", GCLOUD)
    workshop.context("gke_example-llm-production_europe-west4_production")
    said = workshop.operate("seed-secrets", "production", types=["production"])
    assert said.code == 1 and "dex-connector is left out: DEX_CONNECTOR_FILE=FILE names the file with it" in said.text, said.text
    given = tmp_path / "connector"
    given.write_text("given-by-the-identity-provider\n")
    said = workshop.operate("seed-secrets", "production", types=["production"], DEX_CONNECTOR_FILE=str(given))
    assert said.code == 0 and "1 are missing" in said.text, said.text
    folder = workshop.bin.parent / "secret-manager"
    held = {path.name.removeprefix("production-"): json.loads(path.read_text()) for path in folder.glob("production-*")}
    assert set(held) == set(secrets_table.rows())
    assert held["dex-connector"] == {"client-secret": "given-by-the-identity-provider"}
    assert digest(held["tollgate-key-tabby"]["api-key"]) in workshop.policies("production")
    checked = workshop.tollgate("policy", "check", "manifests/clusters/production/policies")
    assert checked.code == 0, checked.text
    seen = said.text + (folder / "calls").read_text()
    assert not [name for name, values in held.items() for value in values.values() if value in seen]
    workshop.context("laptop")


def test_the_encryption_key_is_never_made_anew(workshop):
    said = workshop.operate("rotate-secret", "laptop", "n8n-encryption-key", types=["laptop"])
    assert said.code == 1 and "n8n-encryption-key is rotated never, since n8n could read none" in said.text


# The root, and waiting for what it brings


def test_the_root_is_applied_and_can_be_applied_again(workshop):
    for _ in range(2):
        said = workshop.operate("root", "laptop", types=["laptop"])
        assert said.code == 0, said.text
    got = json.loads(workshop.server.kubectl("get", "application", "root", "--namespace", "argocd", "--output", "json").stdout)
    assert got["spec"]["project"] == "root" and got["spec"]["source"]["path"] == "manifests/root"


def test_waiting_says_for_what_and_ends(workshop):
    workshop.operate("root", "laptop", types=["laptop"])
    status = {"sync": {"status": "OutOfSync"}, "health": {"status": "Progressing", "message": "a pod starts"}}
    report(workshop, status)
    said = workshop.operate("wait", "laptop", "1")
    assert said.code == 1 and re.search(r"^root +OutOfSync +Progressing +a pod starts$", said.text, re.MULTILINE), said.text
    report(workshop, {"sync": {"status": "Synced"}, "health": {"status": "Healthy"}})
    said = workshop.operate("wait", "laptop", "1")
    assert said.code == 0 and "every Application is synced and healthy" in said.text


def report(workshop: Workshop, status: dict) -> None:
    """What Argo CD would write; its Application has no status apart from its object."""
    arguments = ("application", "root", "--namespace", "argocd", "--type", "merge", "--patch", json.dumps({"status": status}))
    assert workshop.server.kubectl("patch", *arguments).returncode == 0


# What is not applied by Argo CD


def test_what_is_applied_by_hand_has_no_unknown_field_and_may_run(workshop):
    for chart in ("bootstrap", "git-mirror"):
        objects = rendering.helm(workshop.root, chart, f"manifests/{chart}", rendering.values_files("laptop"), chart, 0)
        assert workshop.server.apply([rendered.object for rendered in objects]) == []
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "git-mirror"}}
    assert workshop.server.apply([account]) == []
    mirror = next(rendered.object for rendered in objects if rendered.kind == "Deployment")
    template = mirror["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "namespace": "git-mirror"} | template["metadata"]}
    assert workshop.server.create(pod | {"spec": template["spec"]}) == ""


def test_the_isolation_probe_may_run_under_the_strictest_level(workshop):
    namespace = {"name": "strict", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "strict"}}
    assert workshop.server.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": namespace}, account]) == []
    pod = isolation.probe({"repository": "registry.example.com/probe", "tag": "1"})
    pod["metadata"]["namespace"] = "strict"
    assert workshop.server.create(pod) == ""


# Versions


def test_a_bump_is_one_line_of_the_values(workshop):
    said = workshop.operate("bump", "laptop", "cert-manager", "v1.20.3")
    assert said.code == 0 and "+  cert-manager: {repository: quay.io/jetstack/charts, version: v1.20.3}" in said.text
    assert "crds.cert-manager is read from its project at a commit: raise it too" in said.text
    assert "version: v1.20.3" in (workshop.root / "manifests/root/values.yaml").read_text()


@pytest.mark.parametrize("version", ["latest", "1.x", "^1.2.3"])
def test_a_bump_to_no_exact_version_is_refused(workshop, version):
    assert "an exact one is needed" in workshop.operate("bump", "laptop", "cert-manager", version).text


def test_production_does_not_start_with_images_by_tag(workshop):
    workshop.context("production")
    for command in ("bootstrap", "root"):
        said = workshop.operate(command, "production", types=["production"])
        assert said.code == 1 and "images.envoy: docker.io/envoyproxy/envoy:" in said.text and "make pin" in said.text
    workshop.context("laptop")
