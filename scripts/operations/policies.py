"""The applications' virtual keys in a cluster's policies: names and hashes, never secrets.

policies/organizations/platform.yaml is a person's file like its neighbours; only the keys are written
here, so that limits and comments stay as they are."""

import base64
import contextlib
import datetime
import hashlib
import re
import shutil
import subprocess
import tempfile
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

    def hash_of(self, key: str) -> str | None:
        with self._named_in_refusals():
            return yaml_edit.get(self.text, (*KEYS, key, "hash"))

    def put(self, key: str, hash_: str, limits: list[dict] = ()) -> None:
        """Adds the key with its limits, or gives it another hash; limits that are there stay."""
        with self._named_in_refusals():
            if yaml_edit.get(self.text, (*KEYS, key)):
                self.text = yaml_edit.put(self.text, (*KEYS, key, "hash"), hash_)
            else:
                entry = {"hash": hash_} | ({"limits": list(limits)} if limits else {})
                self.text = yaml_edit.put(self.text, (*KEYS, key), entry)

    def put_next(self, key: str, hash_: str) -> None:
        """The key that will take this one's place, and may no more than it."""
        self._copy(key, next_of(key), {"hash": hash_})

    def switch(self, key: str, hash_: str, ends: datetime.date) -> None:
        """The next key takes this one's place, which is refused from that day on, and until then may what it might."""
        with self._named_in_refusals():
            entry = yaml_edit.get(self.text, (*KEYS, key))
        sooner = entry.get("expires")
        self._copy(key, previous_of(key), {"expires": min(sooner, ends) if is_day(sooner) else ends})
        self.put(key, hash_)
        self.remove(next_of(key))

    def _copy(self, key: str, to: str, other: dict) -> None:
        self.remove(to)
        with self._named_in_refusals():
            entry = yaml_edit.get(self.text, (*KEYS, key))
            self.text = yaml_edit.put(self.text, (*KEYS, to), entry | other)

    def remove(self, key: str) -> None:
        with self._named_in_refusals():
            if yaml_edit.get(self.text, (*KEYS, key)):
                self.text = yaml_edit.remove(self.text, (*KEYS, key))

    @contextlib.contextmanager
    def _named_in_refusals(self) -> Iterator[None]:
        try:
            yield
        except Refusal as refusal:
            raise Refusal(f"{self.path.relative_to(self.session.root)}: {refusal}") from None

    def check(self) -> None:
        """Refuses what would be no good policies, before anything is written anywhere."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "policies"
            shutil.copytree(self.session.folder / "policies", copy, dirs_exist_ok=True)
            file = copy / self.path.relative_to(self.session.folder / "policies")
            file.parent.mkdir(exist_ok=True)
            file.write_text(self.text)
            # From there, so that what is wrong is named as in the cluster's folder.
            done = subprocess.run([tollgate(), "policy", "check", "policies"], cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise Refusal(f"the cluster's policies would not do:\n{(done.stderr or done.stdout).strip()}")

    def write(self) -> None:
        if self.path.exists() and self.path.read_text() == self.text:
            return
        print(f"+ write {self.path.relative_to(self.session.root)}")
        if not self.session.dry_run:
            self.check()
            self.path.parent.mkdir(exist_ok=True)
            new = self.path.with_suffix(".new")
            new.write_text(self.text)
            new.replace(self.path)
            print("  Then: make render, commit, push. Until the edge has it, the new key is refused.")


def next_of(key: str) -> str:
    return f"{key}-next"


def previous_of(key: str) -> str:
    return f"{key}-previous"


def is_day(value: object) -> bool:
    """And not a moment of one, nor text."""
    return type(value) is datetime.date


def is_live(kube: Kube, hash_: str) -> bool:
    """Whether the rules that the cluster's edge mounts know a hash."""
    rules = kube.get("configmap", "tollgate-edge", "edge") or {}
    compiled = base64.urlsafe_b64encode(bytes.fromhex(hash_.removeprefix("sha256:"))).decode().rstrip("=")
    return any(compiled in text for text in rules.get("data", {}).values())
