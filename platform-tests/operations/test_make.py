"""What a person gives to make reaches the command as it was given, and runs nothing by itself."""

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.platforms import ROOT


@pytest.fixture
def checkout(tmp_path) -> Path:
    """With the Makefile, and commands that print what they are given, a line each."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "manifests/clusters/one").mkdir(parents=True)
    for name in ("setup", "step"):
        stand_in(tmp_path / "scripts" / name, "")
    for name in ("substrate", "tool-image", "modelcar", "python"):
        stand_in(tmp_path / "scripts" / name, """printf '%s\\n' "$@\"""")
    return tmp_path


def stand_in(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def make(checkout: Path, *arguments: str) -> list[str]:
    command = ["make", "--silent", "PYTHON_ENV=scripts/python", *arguments]
    done = subprocess.run(command, cwd=checkout, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("value", ["$(shell touch ran)", "$$(touch ran)", "`touch ran`", '"; touch ran; "', "'; touch ran; '", "$${HOME}"])
@pytest.mark.parametrize("target, variable", [
    ("doctor", "CLUSTER"), ("wait", "SECONDS"), ("rotate-secret", "SECRET"), ("bump", "LAYER"), ("bump", "VERSION"), ("tf-plan", "SUBSTRATE"),
    ("tool-image", "IMAGE"), ("modelcar", "MODEL"), ("modelcar", "FOLDER"), ("modelcar", "REVISION"), ("envoy-gateway", "CLUSTER"), ("serve", "PORT"),
])  # fmt: skip
def test_nothing_in_it_is_run(checkout, target, variable, value):
    assert value in make(checkout, target, f"{variable}={value}")
    assert not (checkout / "ran").exists()


@pytest.mark.parametrize("given, seen", [([], ["one"]), (["CLUSTER=two"], ["two"]), (["CLUSTERS=two three"], ["two", "three"]), (["CLUSTERS=$(shell touch ran)"], ["$(shell", "touch", "ran)"])])
def test_render_is_for_the_clusters_that_are_asked_for(checkout, given, seen):
    assert make(checkout, "render", *given) == ["scripts/render", *seen]
    assert not (checkout / "ran").exists()
