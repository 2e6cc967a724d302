"""Production of a fork in which the applications have keys and the platform its own authority, rendered."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from harness import forks, rendering

APPLICATIONS = ("open-webui", "n8n")
# A few short answers.
LITTLE = {"limits": [{"budget": "0.00004", "per": "month"}]}


@dataclass(frozen=True)
class Fork:
    """`keys` has the applications' virtual keys, of which the rules hold the hashes."""

    folder: Path
    keys: dict[str, str]
    hashes: dict[str, str]

    def platform(self, short: bool = False) -> rendering.Platform:
        """As it renders; with `short`, after a commit that leaves each application money for a few answers."""
        rules = self.folder / "manifests/clusters/production/policies/organizations/platform.yaml"
        # Everyone else's models; what may only wait is for others.
        keys = {name: {"hash": self.hashes[name]} | (LITTLE if short else {}) for name in APPLICATIONS}
        team = {"models": ["qwen2.5-coder-14b-instruct", "code-completion"], "keys": keys}
        rules.write_text(json.dumps({"organizations": {"platform": {"teams": {"applications": team}}}}))
        subprocess.run([self.folder / "scripts/render", "production"], check=True, stdout=subprocess.DEVNULL)
        return rendering.render(self.folder, "production")


def made(folder: Path) -> Fork:
    fork = forks.copy(folder)
    file = fork / "manifests/clusters/production/config.yaml"
    config = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(config | {"certificates": {"public": "platform"}}))
    minted = {name: forks.minted_key("platform/applications", name) for name in APPLICATIONS}
    return Fork(fork, {name: key for name, (key, _) in minted.items()}, {name: digest for name, (_, digest) in minted.items()})
