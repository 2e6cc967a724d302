"""What `make seed-secrets` and `make rotate-secret` write into a person's rule file is a good policy,
however that file is laid out."""

import datetime
import os
import subprocess

import pytest

from harness import forks
from operations import rotate
from operations.policies import Keys
from operations.secret_table import table
from operations.session import Session
from refusal import Refusal

BEFORE, AFTER = "sha256:" + "0" * 64, "sha256:" + "1" * 64
LIMITS = [{"budget": 0.000001, "per": "day"}]
TEAM = """\
organizations:
  platform:
    teams:
      applications:   # ours
        limits:
        - {budget: 5, per: month}
        keys:
"""
KEYS = {
    "a comment first": f"          verify:\n            # for `make verify`\n            hash: {BEFORE}\n",
    "another field first": f"          verify:\n            expires: 2030-01-01\n            hash: {BEFORE}  # of the laptop\n",
    "on one line": f"          verify: {{hash: '{BEFORE}', expires: 2030-01-01}}\n",
    "deeper": f"            verify:\n                hash: {BEFORE}\n",
}


@pytest.fixture
def session(tmp_path) -> Session:
    return Session.of(forks.manifests(tmp_path), "laptop", dry_run=False)


def keys_of(session: Session, text: str) -> Keys:
    (session.folder / "policies/organizations/platform.yaml").write_text(text)
    return Keys(session)


def check(session: Session) -> None:
    command = [os.environ["TOLLGATE_CLI"], "policy", "check", session.folder / "policies"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_key_that_is_there_gets_another_hash_and_nothing_else(session, key):
    keys = keys_of(session, TEAM + key)
    keys.put("verify", AFTER, LIMITS)
    keys.write()
    assert keys.path.read_text() == (TEAM + key).replace(BEFORE, AFTER)
    check(session)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_rotation_leaves_the_file_as_it_was_but_for_its_keys(session, key):
    before = TEAM + key + "# The end.\n"
    keys = keys_of(session, before)
    keys.put("verify-previous", AFTER, LIMITS)
    keys.end("verify-previous", datetime.date(2031, 2, 3))
    keys.write()
    check(session)
    keys.remove("verify-previous")
    keys.remove("nobody")
    assert keys.text == before


@pytest.mark.parametrize("text", ["", "organizations: {}\n", "organizations: {platform: {teams: {applications: {}}}}\n"])
def test_a_team_that_is_not_there_yet_is_made(session, text):
    keys = keys_of(session, text)
    keys.put("verify", AFTER, LIMITS)
    keys.write()
    check(session)


def test_what_the_policies_can_not_take_does_not_reach_the_store(session, monkeypatch):
    keys_of(session, "organizations: [platform]\n")
    monkeypatch.setattr(Session, "confirm", lambda *_: None)
    with pytest.raises(Refusal, match="^manifests/clusters/laptop/policies/organizations/platform.yaml: line 1: `organizations`"):
        rotate.prepare(session, None, table(session)["tollgate-key-verify"], {"api-key": "sk-tollgate-old"})
