"""The applications' virtual keys in a cluster's policies: names and hashes, never secrets.

policies/organizations/platform.yaml is a person's file like its neighbours; only the keys are written
here, so that limits and comments stay as they are."""

import base64
import contextlib
import datetime
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import yaml_edit
from operations.kube import Kube
from operations.session import Refusal, Session
from refusal import tollgate

TEAM = "platform/applications"
NEW = """\
# The platform's own applications. `make seed-secrets` and `make rotate-secret` write their keys; limits
# are yours to set, for all of them or for each.
organizations:
  platform:
    teams:
      applications: {}
"""
KEYS = ("organizations", "platform", "teams", "applications", "keys")


def mint(session: Session) -> str:
    """A new virtual key, by the command line tool that knows their form."""
    found = re.search(r"^    (sk-tollgate-\S+)$", session.read(tollgate(), "keys", "mint", "--team", TEAM), re.MULTILINE)
    if not found:
        raise Refusal("`tollgate keys mint` printed no key")
    return found[1]


def hash_of(secret: str) -> str:
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


class Keys:
    """The keys of one cluster's file, in memory until it is written."""

    def __init__(self, session: Session):
        self.session = session
        self.path: Path = session.folder / "policies/organizations/platform.yaml"
        self.text = self.path.read_text() if self.path.exists() else NEW

    def put(self, key: str, hash_: str, limits: list[dict] = ()) -> None:
        """Adds the key with its limits, or gives it another hash; limits that are there stay."""
        with self._named_in_refusals():
            if yaml_edit.get(self.text, (*KEYS, key)):
                self.text = yaml_edit.put(self.text, (*KEYS, key, "hash"), hash_)
            else:
                entry = {"hash": hash_} | ({"limits": list(limits)} if limits else {})
                self.text = yaml_edit.put(self.text, (*KEYS, key), entry)

    def remove(self, key: str) -> None:
        with self._named_in_refusals():
            if yaml_edit.get(self.text, (*KEYS, key)):
                self.text = yaml_edit.remove(self.text, (*KEYS, key))

    def end(self, key: str, day: datetime.date) -> None:
        """The key is refused from that day on."""
        with self._named_in_refusals():
            self.text = yaml_edit.put(self.text, (*KEYS, key, "expires"), day)

    @contextlib.contextmanager
    def _named_in_refusals(self) -> Iterator[None]:
        try:
            yield
        except Refusal as refusal:
            raise Refusal(f"{self.path.relative_to(self.session.root)}: {refusal}") from None

    def write(self) -> None:
        if self.path.exists() and self.path.read_text() == self.text:
            return
        print(f"+ write {self.path.relative_to(self.session.root)}")
        if not self.session.dry_run:
            self.path.write_text(self.text)
            print("  Then: make render, commit, push. Until the edge has it, the new key is refused.")


def is_live(kube: Kube, hash_: str) -> bool:
    """Whether the rules that the cluster's edge mounts know a hash."""
    rules = kube.get("configmap", "tollgate-edge", "edge") or {}
    compiled = base64.urlsafe_b64encode(bytes.fromhex(hash_.removeprefix("sha256:"))).decode().rstrip("=")
    return any(compiled in text for text in rules.get("data", {}).values())
