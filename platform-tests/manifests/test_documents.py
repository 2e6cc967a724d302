"""The changes that documents tell to make: each section's YAML blocks are put into the files that
they name, and what the cluster then renders passes every check."""

import re
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


def apply(file: Path, change: dict) -> None:
    file.write_text(yaml.safe_dump(merged(yaml.safe_load(file.read_text()), change)))


def merged(old, new):
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: merged(old.get(key), value) for key, value in new.items()}
    return new
