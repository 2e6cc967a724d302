"""What somebody gives as a secret is one line with something in it; what is empty counts as missing."""

from pathlib import Path

import pytest

from harness.platforms import ROOT
from operations import bootstrap, rotate, secret_values, seed
from operations.secret_table import table
from operations.session import Session
from refusal import Refusal

WRONG = {"": "it is empty", " \n": "it is empty", "a\nb\n": "it has several lines"}


@pytest.fixture
def session() -> Session:
    return Session.of(ROOT, "laptop", dry_run=False)


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "given"


@pytest.mark.parametrize("text, said", WRONG.items(), ids=["nothing", "a blank", "two lines"])
def test_no_secret_is_made_of_it(session, file, monkeypatch, text, said):
    file.write_text(text)
    monkeypatch.setenv("DEX_CONNECTOR_FILE", str(file))
    with pytest.raises(Refusal, match=f"^DEX_CONNECTOR_FILE={file}: {said}"):
        secret_values.make(session, table(session)["dex-connector"])
    monkeypatch.setenv("GIT_TOKEN_FILE", str(file))
    with pytest.raises(Refusal, match=f"^GIT_TOKEN_FILE={file}: {said}"):
        bootstrap.credentials_for("https://git.example.com/fork")


def test_a_deploy_key_is_a_key(file, monkeypatch):
    monkeypatch.setenv("GIT_KEY_FILE", str(file))
    file.write_text("")
    with pytest.raises(Refusal, match="it is no private key$"):
        bootstrap.credentials_for("git@git.example.com:fork")
    file.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n")
    assert bootstrap.credentials_for("git@git.example.com:fork") == {"sshPrivateKey": file.read_text()}


def test_the_file_is_looked_for_before_the_name_is_asked_for(session, monkeypatch):
    monkeypatch.delenv("GIT_TOKEN_FILE", raising=False)
    monkeypatch.setattr(Session, "confirm", lambda *_: pytest.fail("it was asked for"))
    with pytest.raises(Refusal, match="^GIT_TOKEN_FILE=FILE names the file"):
        bootstrap.repository(session)


class Store:
    def __init__(self, **held: str):
        self.held = held

    def read(self, name: str) -> dict[str, str]:
        return self.held


def test_a_secret_that_is_empty_is_made_before_it_is_rotated(session, monkeypatch):
    monkeypatch.setattr(rotate, "Kube", lambda _: None)
    monkeypatch.setattr(rotate, "store_of", lambda *_: Store(**{"api-key": ""}))
    with pytest.raises(Refusal, match="^tollgate-key-verify is not in the store: make seed-secrets CLUSTER=laptop$"):
        rotate.rotate(session, "tollgate-key-verify")


@pytest.mark.parametrize("value, lacks", [("", True), ("\n", True), ("x", False)])
def test_an_empty_property_is_missing(session, value, lacks):
    secret = table(session)["dex-connector"]
    store = Store(**{"client-secret": value})
    assert seed.lacks(store, secret) == lacks
    assert bool(seed.held(store, secret)) != lacks
