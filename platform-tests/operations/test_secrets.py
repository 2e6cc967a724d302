"""Secrets are made once and rotated, on a laptop and in Secret Manager: scripts/operate at a terminal,
against a real API server, with the real kubectl and Helm."""

import hashlib
import json
import re

import pytest
import yaml

from checks import secrets_table
from harness.workshop import Workshop

KEY = re.compile(r"sk-tollgate-\w+")
SECRETS = ("serving-api-key", "tollgate-key-verify", "tollgate-key-verify-spent")


@pytest.fixture(scope="module")
def seeded(workshop) -> dict[str, dict[str, str]]:
    """After `seed-secrets`: the store's secrets."""
    said = workshop.operate("seed-secrets", "laptop", types=["laptop"])
    assert said.code == 0, said.text
    assert not KEY.search(said.text)
    return held(workshop)


def held(workshop: Workshop) -> dict[str, dict[str, str]]:
    return {name: workshop.secret(name) for name in SECRETS}


def test_every_secret_is_made(seeded):
    assert all(set(values) == {"api-key"} and values["api-key"] for values in seeded.values()), seeded.keys()
    assert len({values["api-key"] for values in seeded.values()}) == len(SECRETS)


def test_the_policies_have_the_hash_and_nothing_else_of_a_key(workshop, seeded):
    for name in ("verify", "verify-spent"):
        assert f"          {name}:\n            hash: {digest(seeded[f'tollgate-key-{name}']['api-key'])}\n" in workshop.policies()
    assert not KEY.search(workshop.policies())
    checked = workshop.tollgate("policy", "check", "manifests/clusters/laptop/policies")
    assert checked.code == 0, checked.text


def test_what_is_there_is_not_made_again(workshop, seeded):
    before = held(workshop), workshop.policies()
    said = workshop.operate("seed-secrets", "laptop", types=[])
    assert said.code == 0 and "3 secrets are asked for, 0 are missing" in said.text
    assert (held(workshop), workshop.policies()) == before


def test_a_hash_that_the_policies_lost_comes_back(workshop, seeded):
    path = workshop.root / "manifests/clusters/laptop/policies/organizations/platform.yaml"
    before = path.read_text()
    path.unlink()
    assert workshop.operate("seed-secrets", "laptop", types=[]).code == 0
    assert yaml.safe_load(path.read_text()) == yaml.safe_load(before)


def test_only_what_is_missing_is_made(workshop, seeded):
    before = held(workshop)
    workshop.server.kubectl("delete", "secret", "serving-api-key", "--namespace", "external-secrets")
    said = workshop.operate("seed-secrets", "laptop", types=["laptop"])
    assert said.code == 0 and "3 secrets are asked for, 1 are missing" in said.text
    after = held(workshop)
    assert {name for name in SECRETS if after[name] != before[name]} == {"serving-api-key"}


def test_a_virtual_key_is_rotated_in_two_runs_and_is_never_unknown_to_the_edge(workshop, seeded):
    old = workshop.secret("tollgate-key-verify")["api-key"]
    assert workshop.operate("rotate-secret", "laptop", "tollgate-key-verify", types=["laptop"]).code == 0
    waiting = workshop.secret("tollgate-key-verify")
    assert waiting["api-key"] == old and waiting["next"] != old

    said = workshop.operate("rotate-secret", "laptop", "tollgate-key-verify", types=["laptop"])
    assert said.code == 1 and "the edge does not know the next key yet" in said.text
    bring_policies_to_the_edge(workshop)

    said = workshop.operate("rotate-secret", "laptop", "tollgate-key-verify", types=["laptop"])
    assert said.code == 0 and not KEY.search(said.text), said.text
    assert workshop.secret("tollgate-key-verify") == {"api-key": waiting["next"]}
    keys = yaml.safe_load(workshop.policies())["organizations"]["platform"]["teams"]["applications"]["keys"]
    assert keys["verify"]["hash"] == digest(waiting["next"]) and "verify-next" not in keys
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
    given = tmp_path / "connector"
    given.write_text("given-by-the-identity-provider\n")
    with workshop.as_context("gke_example-llm-production_europe-west4_production"):
        said = workshop.operate("seed-secrets", "production", types=["production"])
        assert said.code == 1 and "dex-connector is left out: DEX_CONNECTOR_FILE=FILE names the file with it" in said.text, said.text
        said = workshop.operate("seed-secrets", "production", types=["production"], DEX_CONNECTOR_FILE=str(given))
        assert said.code == 0 and "1 are missing" in said.text, said.text
    folder = workshop.bin.parent / "secret-manager"
    kept = {path.name.removeprefix("production-"): json.loads(path.read_text()) for path in folder.glob("production-*")}
    assert set(kept) == set(secrets_table.rows())
    assert kept["dex-connector"] == {"client-secret": "given-by-the-identity-provider"}
    assert digest(kept["tollgate-key-tabby"]["api-key"]) in workshop.policies("production")
    checked = workshop.tollgate("policy", "check", "manifests/clusters/production/policies")
    assert checked.code == 0, checked.text
    seen = said.text + (folder / "calls").read_text()
    assert not [name for name, values in kept.items() for value in values.values() if value in seen]


def test_the_encryption_key_is_never_made_anew(workshop):
    said = workshop.operate("rotate-secret", "laptop", "n8n-encryption-key", types=["laptop"])
    assert said.code == 1 and "n8n-encryption-key is rotated never, since n8n could read none" in said.text
