"""The picture of the platform is drawn from its manifests."""

import subprocess
import sys

from harness.platforms import ROOT


def test_the_picture_shows_the_manifests_as_they_are():
    command = [sys.executable, ROOT / "scripts/topology", "--check", "production", "docs/topology.svg"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stderr == ""
