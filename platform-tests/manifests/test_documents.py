"""The changes that documents tell to make: each section's YAML blocks are put into the files that
they name, and what the cluster then renders passes every check. What they ask of kubectl, kubectl understands."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

import checks
import documents
from harness import forks, rendering
from harness.platforms import ROOT

CHANGE = re.compile(r"# (manifests/clusters/(\w[\w-]*)/\S+)\n")
GUIDES = [name for name in documents.every() if name.startswith("docs/")]


def sections() -> dict[tuple[str, str], list[str]]:
    """By document and heading, the blocks of each section that are changes of a cluster's files."""
    found = {}
    for document in GUIDES:
        headings = [""] + [section.partition("\n")[0] for section in documents.read(document).split("\n## ")[1:]]
        for block in documents.blocks(document):
            if block.language == "yaml" and CHANGE.match(block.text):
                before = "\n".join(documents.read(document).splitlines()[: block.line])
                found.setdefault((document, headings[before.count("\n## ")]), []).append(block.text)
    return found


@pytest.mark.parametrize("document, heading", sections())
def test_a_change_that_is_described_is_a_good_one(document, heading, tmp_path):
    forks.copy(tmp_path)
    blocks = sections()[document, heading]
    for block in blocks:
        apply(tmp_path / CHANGE.match(block)[1], yaml.safe_load(block))
    cluster = CHANGE.match(blocks[0])[2]
    done = subprocess.run([tmp_path / "scripts/render", cluster], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert checks.findings(rendering.render(tmp_path, cluster)) == []


def test_a_cluster_of_another_name_is_made_as_the_readme_says(tmp_path):
    forks.copy(tmp_path)
    (tmp_path / "platform-tests").symlink_to(ROOT / "platform-tests")
    section = documents.read("manifests/README.md").partition("\n## A cluster of another name\n")[0]
    block = next(one for one in documents.blocks("manifests/README.md") if one.line > section.count("\n"))
    for line in block.text.splitlines():
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


NOBODY = "127.0.0.1:1"


def kubectl_commands() -> list[tuple[str, str]]:
    """Document and command, without what comes after a pipe, of each that changes no file of this machine:
    in blocks, and in sentences of every document where it is whole."""
    found = []
    for document in documents.every():
        found += [(document, command) for command in re.findall(r"`(kubectl [^`]+ [^`]+)`", documents.sentences(document))]
        for block in documents.blocks(document):
            if block.language == "sh":
                found += [(document, line.split(" | ")[0].split(" >")[0].split("  #")[0])
                          for line in block.text.splitlines() if line.startswith("kubectl ")]
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
