"""The changes that documents tell to make: each section's YAML blocks are put into the files that
they name, and what the cluster then renders passes every check. What they ask of kubectl, kubectl understands."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

import checks
from harness import forks, rendering
from harness.platforms import ROOT

BLOCK = re.compile(r"^```yaml\n# (manifests/clusters/(\w[\w-]*)/\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def sections() -> list[tuple[str, str]]:
    """Document and heading of every section that has such blocks."""
    found = []
    for document in sorted((ROOT / "docs").rglob("*.md")):
        for section in document.read_text().split("\n## ")[1:]:
            if BLOCK.search(section):
                found.append((str(document.relative_to(ROOT)), section.partition("\n")[0]))
    return found


@pytest.mark.parametrize("document, heading", sections())
def test_a_change_that_is_described_is_a_good_one(document, heading, tmp_path):
    forks.copy(tmp_path)
    text = (ROOT / document).read_text()
    section = next(part for part in text.split("\n## ") if part.startswith(heading))
    for path, _, content in BLOCK.findall(section):
        apply(tmp_path / path, yaml.safe_load(content))
    cluster = BLOCK.search(section)[2]
    done = subprocess.run([tmp_path / "scripts/render", cluster], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert checks.findings(rendering.render(tmp_path, cluster)) == []


def test_a_cluster_of_another_name_is_made_as_the_readme_says(tmp_path):
    forks.copy(tmp_path)
    (tmp_path / "platform-tests").symlink_to(ROOT / "platform-tests")
    section = (tmp_path / "manifests/README.md").read_text().split("\n## A cluster of another name\n")[1]
    for line in SHELL.search(section)[1].splitlines():
        # What make asks of a script, without building first.
        command = re.sub(r"^make (\w+) CLUSTERS=", r"scripts/\1 ", line)
        subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True, capture_output=True)
    assert rendering.clusters(tmp_path) == sorted([*rendering.clusters(ROOT), "mine"])
    for script in ("render", "allowances"):
        subprocess.run([tmp_path / "scripts" / script, "--check", "mine"], check=True)
    platform = rendering.render(tmp_path, "mine")
    assert checks.findings(platform) == []
    [root] = [one for one in platform.objects if one.kind == "Application" and one.name == "edge"]
    assert "/manifests/clusters/mine/config.yaml" in str(root.object)


SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOBODY = "127.0.0.1:1"


def kubectl_commands() -> list[tuple[str, str]]:
    """Document and command, without what comes after a pipe, of each that changes no file of this machine."""
    found = []
    for document in sorted((ROOT / "docs").rglob("*.md")):
        for block in SHELL.findall(document.read_text()):
            found += [(document.name, line.split(" | ")[0].split(" >")[0].split("  #")[0])
                      for line in block.splitlines() if line.startswith("kubectl ")]
    return found


@pytest.mark.parametrize("document, command", kubectl_commands())
def test_kubectl_understands_what_documents_ask_of_it(document, command):
    """It gets as far as to ask an API server, and there is none."""
    arguments = [rendering.program("kubectl"), "--server", f"http://{NOBODY}", *shlex.split(command)[1:]]
    done = subprocess.run(arguments, capture_output=True, text=True, env={"HOME": "/nowhere"}, timeout=60)
    assert NOBODY in done.stderr and "unknown" not in done.stderr, f"{document}: {command}: {done.stderr}"


def apply(file: Path, change: dict) -> None:
    file.write_text(yaml.safe_dump(merged(yaml.safe_load(file.read_text()), change)))


def merged(old, new):
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: merged(old.get(key), value) for key, value in new.items()}
    return new
