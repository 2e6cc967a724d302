"""The recording rules, by promtool: they parse, and come to these numbers."""

import subprocess
from pathlib import Path

import pytest

from harness.platforms import ROOT
from harness.rendering import program

RULES = sorted((ROOT / "manifests/layers/observability/rules").glob("*.yaml"))
CASES = sorted((Path(__file__).parent / "rules").glob("*.yaml"))


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess:
    return subprocess.run([program("promtool"), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_promtool_takes_them(file):
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", file)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_they_come_to_these_numbers(file):
    done = promtool("test", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_file_of_rules_has_a_test():
    used = {line.rpartition("/")[2].rstrip("]") for case in CASES for line in case.read_text().splitlines() if "/rules/" in line}
    assert {file.name for file in RULES} == used
