"""Copies of what a fork has, for tests that change it."""

import os
import shutil
import subprocess
from pathlib import Path

from harness import rendering

ROOT = Path(__file__).resolve().parents[2]


def copy(folder: Path) -> Path:
    """The manifests, and the scripts that write into them."""
    for name in ("manifests", "scripts", "images"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True)
    return folder


def manifests(folder: Path) -> Path:
    """Those alone, for what is rendered and not written; where they are already, they are as they were."""
    shutil.copytree(ROOT / "manifests", folder / "manifests", symlinks=True, dirs_exist_ok=True)
    return folder


def with_key(folder: Path) -> tuple[rendering.Platform, str]:
    """The laptop of a fork in which a commit added a key, rendered; and the key."""
    fork = copy(folder)
    secret, digest = minted_key("home/people", "me")
    rules = fork / "manifests/clusters/laptop/policies/organizations/home.yaml"
    rules.write_text(rules.read_text().replace("people: {}", f"people: {{keys: {{me: {{hash: '{digest}'}}}}}}"))
    subprocess.run([fork / "scripts/render", "laptop"], check=True)
    return rendering.render(fork, "laptop"), secret


def minted_key(team: str, name: str) -> tuple[str, str]:
    """The key, and the hash that the rules have."""
    command = [os.environ["TOLLGATE_CLI"], "keys", "mint", "--team", team, "--name", name]
    words = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return tuple(next(word for word in words if word.startswith(start)) for start in ("sk-tollgate-", "sha256:"))
