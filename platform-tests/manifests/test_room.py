"""How many keys one cluster's ConfigMap holds: what manifests/README.md says is so."""

import hashlib
import re
import subprocess
from pathlib import Path

from harness import forks
from harness.platforms import ROOT

STATED = re.compile(r"room for about ([\d,]+) keys")


def test_as_many_keys_fit_as_the_readme_says(tmp_path):
    stated = int(STATED.search((ROOT / "manifests/README.md").read_text())[1].replace(",", ""))
    fork = forks.copy(tmp_path)
    assert render(fork, stated).returncode == 0
    refused = render(fork, stated * 5 // 4)
    assert refused.returncode == 1
    assert re.search(r"the edge's files are \d+ KiB, and a ConfigMap may hold 900 KiB: split", refused.stderr)


def render(root: Path, keys: int) -> subprocess.CompletedProcess:
    """The largest of the clusters that ship, with so many keys more."""
    lines = ["organizations:", "  many:", "    teams:", "      team:", "        keys:"]
    for number in range(keys):
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        lines.append(f"          key-{number:05}: {{hash: 'sha256:{digest}'}}")
    (root / "manifests/clusters/production/policies/organizations/many.yaml").write_text("\n".join(lines) + "\n")
    return subprocess.run([root / "scripts/render", "production"], capture_output=True, text=True)
