"""The applications' virtual keys in a cluster's policies: names and hashes, never secrets.

policies/organizations/platform.yaml is a person's file like its neighbours; only the lines of the
keys are written here, so that limits and comments stay as they are."""

import base64
import datetime
import hashlib
import json
import os
import re
from pathlib import Path

from operations.kube import Kube
from operations.session import Refusal, Session

TEAM = "platform/applications"
NEW = """\
# The platform's own applications. `make seed-secrets` and `make rotate-secret` write their keys; limits
# are yours to set, for all of them or for each.
organizations:
  platform:
    teams:
      applications: {}
"""
# The team with all that is deeper, and the line below which its keys are.
APPLICATIONS = re.compile(r"^      applications:(?: \{\})?\n(?:(?: {8}.*)?\n)*", re.MULTILINE)
KEYS = re.compile(r"^        keys:(?: \{\})?\n", re.MULTILINE)
# A key's first two lines.
ENTRY = r"^          {}:\n            hash: (\S+)\n"


def mint(session: Session) -> str:
    """A new virtual key, by the command line tool that knows their form."""
    tool = os.environ.get("TOLLGATE_CLI")
    if not tool:
        raise Refusal("TOLLGATE_CLI does not name the command line tool: run this by `make`")
    found = re.search(r"^    (sk-tollgate-\S+)$", session.read(tool, "keys", "mint", "--team", TEAM), re.MULTILINE)
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

    def hash(self, key: str) -> str | None:
        found = re.search(ENTRY.format(re.escape(key)), self.text, re.MULTILINE)
        return found[1] if found else None

    def put(self, key: str, hash_: str, limits: list[dict] = ()) -> None:
        """Adds the key with its limits, or gives it another hash; limits that are there stay.

        Raises Refusal when the file has no place for keys as this command lays it out."""
        entry = f"          {key}:\n            hash: {hash_}\n"
        if self.hash(key):
            self.text = re.sub(ENTRY.format(re.escape(key)), entry, self.text, flags=re.MULTILINE)
            return
        entry += "            limits:\n" * bool(limits)
        entry += "".join(f"              - {json.dumps(limit).replace(chr(34), '')}\n" for limit in limits)
        if not APPLICATIONS.search(self.text):
            raise Refusal(f"{self.path.relative_to(self.session.root)}: there is no team `applications:` six spaces deep")
        self.text = APPLICATIONS.sub(lambda team: with_first_key(team[0], entry), self.text, count=1)

    def remove(self, key: str) -> None:
        self.text = re.sub(rf"^          {re.escape(key)}:\n(?: {{12}}.*\n)*", "", self.text, flags=re.MULTILINE)

    def end(self, key: str, day: datetime.date) -> None:
        """The key is refused from that day on."""
        begin = f"          {key}:\n"
        self.text = self.text.replace(begin, f"{begin}            expires: {day}\n", 1)

    def write(self) -> None:
        if self.path.exists() and self.path.read_text() == self.text:
            return
        print(f"+ write {self.path.relative_to(self.session.root)}")
        if not self.session.dry_run:
            self.path.write_text(self.text)
            print("  Then: make render, commit, push. Until the edge has it, the new key is refused.")


def with_first_key(team: str, entry: str) -> str:
    """The team's lines with one key more."""
    if KEYS.search(team):
        return KEYS.sub(lambda _: f"        keys:\n{entry}", team, count=1)
    head, _, rest = team.partition("\n")
    return f"{head.removesuffix(' {}')}\n        keys:\n{entry}{rest}"


def is_live(kube: Kube, hash_: str) -> bool:
    """Whether the rules that the cluster's edge mounts know a hash."""
    rules = kube.get("configmap", "tollgate-edge", "edge") or {}
    compiled = base64.urlsafe_b64encode(bytes.fromhex(hash_.removeprefix("sha256:"))).decode().rstrip("=")
    return any(compiled in text for text in rules.get("data", {}).values())
