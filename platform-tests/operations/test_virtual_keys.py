"""What `make seed-secrets` and `make rotate-secret` write into a person's rule file is a good policy,
however that file is laid out."""

import datetime
import os
import subprocess

import pytest
import yaml

import yaml_edit
from harness import forks
from operations import policies as rule_keys
from operations import rotate, seed
from operations.policies import Keys
from operations.secret_table import table
from operations.session import Session
from platform_manifests import edge_config
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
    keys.put_next("verify", AFTER)
    keys.write()
    check(session)
    keys.switch("verify", AFTER, datetime.date(2031, 2, 3))
    keys.write()
    check(session)
    keys.remove("verify-previous")
    keys.remove("nobody")
    assert keys.text == before.replace(BEFORE, AFTER)


def test_the_keys_of_a_rotation_may_what_the_key_may_and_no_more(session):
    may = {"models": ["chat"], "cidrs": ["10.0.0.0/8"], "limits": [{"requests": 2, "per": "day"}]}
    keys = keys_of(session, TEAM)
    keys.text = yaml_edit.put(keys.text, (*rule_keys.KEYS, "verify"), {"hash": BEFORE} | may)
    entries = lambda: yaml_edit.get(keys.text, rule_keys.KEYS)  # noqa: E731
    keys.put_next("verify", AFTER)
    assert entries()["verify-next"] == {"hash": AFTER} | may
    keys.switch("verify", AFTER, datetime.date(2031, 2, 3))
    assert entries() == {
        "verify": {"hash": AFTER} | may,
        "verify-previous": {"hash": BEFORE, "expires": datetime.date(2031, 2, 3)} | may,
    }


def test_a_key_that_ends_is_not_made_to_last_by_a_rotation(session):
    keys = keys_of(session, TEAM + KEYS["another field first"])
    keys.switch("verify", AFTER, datetime.date(2031, 2, 3))
    assert yaml_edit.get(keys.text, (*rule_keys.KEYS, "verify-previous", "expires")) == datetime.date(2030, 1, 1)


def test_another_teams_key_of_the_same_name_stays(session):
    text = f"""\
organizations:
  platform:
    teams:
      people:
        keys:
          verify:
            hash: {BEFORE}
      applications: {{}}
"""
    keys = keys_of(session, text)
    keys.put("verify", AFTER, LIMITS)
    keys.put_next("verify", "sha256:" + "2" * 64)
    keys.write()
    teams = yaml_edit.get(keys.text, ("organizations", "platform", "teams"))
    assert teams["people"] == {"keys": {"verify": {"hash": BEFORE}}}
    assert teams["applications"]["keys"]["verify"] == {"hash": AFTER, "limits": LIMITS}
    check(session)


def test_what_would_be_no_policies_is_not_written(session):
    keys = keys_of(session, TEAM)
    keys.put("verify", "sha256:1", LIMITS)
    with pytest.raises(Refusal, match="the cluster's policies would not do:\n(.*\n)*.*organizations/platform.yaml"):
        keys.write()
    assert keys.path.read_text() == TEAM


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


class Ended(BaseException):
    """As if the process had been killed."""


class Cluster:
    """A store and an edge that knows the rules which were rendered last; a run ends at its n-th write, before
    that or after."""

    def __init__(self, session: Session, monkeypatch):
        self.session, self.held, self.known, self.writes_left = session, {"api-key": "first"}, set(), None
        self.secret = table(session)["tollgate-key-verify"]
        write, fresh = Keys.write, iter(["second", "third", "fourth", "fifth", "sixth"])
        monkeypatch.setattr(Keys, "write", lambda keys: self.counted(lambda: write(keys)))
        monkeypatch.setattr(Session, "confirm", lambda *_: None)
        monkeypatch.setattr(rotate, "is_live", lambda _, hash_: hash_ in self.known)
        monkeypatch.setattr(rotate, "reload", lambda *_: None)
        monkeypatch.setattr(rotate.secret_values, "make", lambda *_: {"api-key": next(fresh)})

    def read(self, name: str) -> dict[str, str]:
        return dict(self.held)

    def write(self, name: str, values: dict[str, str]) -> None:
        self.counted(lambda: setattr(self, "held", values))

    def counted(self, write) -> None:
        if self.writes_left == 0:
            raise Ended
        write()
        if self.writes_left == 1:
            raise Ended
        self.writes_left = self.writes_left and self.writes_left - 2

    def rotate(self, writes_left: int | None = None) -> None:
        """`writes_left` is even to end before a write, and odd to end after it."""
        self.writes_left = writes_left
        rotate.rotate_key(self.session, None, self, self.secret)

    def seed(self) -> None:
        self.writes_left = None
        seed.record(self.session, self, [self.secret])

    def rules(self) -> dict[str, dict]:
        text = (self.session.folder / "policies/organizations/platform.yaml").read_text()
        return yaml.safe_load(text)["organizations"]["platform"]["teams"]["applications"]["keys"]

    def render(self) -> None:
        """And the edge has it. Whoever sends the key that the store has is let in, all along."""
        check(self.session)
        self.known = {entry["hash"] for entry in self.rules().values()}
        assert rule_keys.hash_of(self.held["api-key"]) in self.known
        assert self.known <= {rule_keys.hash_of(key) for key in ("first", "second", "third")}


@pytest.mark.parametrize("seeds", [False, True], ids=["", "seed-secrets in between"])
@pytest.mark.parametrize("writes", range(4))
@pytest.mark.parametrize("step", ["prepare", "switch"])
def test_a_rotation_that_was_ended_anywhere_is_gone_on_with(session, monkeypatch, step, writes, seeds):
    cluster = Cluster(session, monkeypatch)
    cluster.seed()
    cluster.render()
    if step == "switch":
        cluster.rotate()
        cluster.render()
    with pytest.raises(Ended):
        cluster.rotate(writes)
    cluster.render()
    if seeds:
        cluster.seed()
        cluster.render()
    for _ in range(3):
        if "verify-previous" in cluster.rules():
            break
        cluster.rotate()
        cluster.render()
    new = cluster.held["api-key"]
    assert new in ("second", "third") and set(cluster.held) == {"api-key"}
    rules = cluster.rules()
    assert {name: entry["hash"] for name, entry in rules.items()} == {
        "verify": rule_keys.hash_of(new), "verify-previous": rule_keys.hash_of("first"),
    }  # fmt: skip


def test_the_hash_of_the_next_key_is_written_where_it_got_lost(session, monkeypatch):
    cluster = Cluster(session, monkeypatch)
    cluster.seed()
    cluster.held["next"] = "second"
    cluster.rotate()
    assert cluster.rules()["verify-next"]["hash"] == rule_keys.hash_of("second")
    assert cluster.held == {"api-key": "first", "next": "second"}
    with pytest.raises(Refusal, match="the edge does not know the next key yet"):
        cluster.rotate()


@pytest.mark.parametrize("keys, counts", [
    ({"verify-spent": {"hash": BEFORE, "limits": LIMITS}}, False),
    ({"verify": {"hash": BEFORE, "limits": LIMITS}}, True),
])  # fmt: skip
def test_the_key_that_is_always_spent_leaves_a_cluster_its_edges(session, keys, counts):
    rules = keys_of(session, TEAM.replace("        limits:\n        - {budget: 5, per: month}\n", ""))
    for name, entry in keys.items():
        rules.text = yaml_edit.put(rules.text, (*rule_keys.KEYS, name), entry)
    rules.write()
    files = edge_config.of_our_envoy(session.folder, session.values)
    assert edge_config.limits_anyone(edge_config.policy(files["module.json"])) == counts
