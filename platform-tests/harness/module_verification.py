"""The edge's init container that verifies its module: the command out of the manifest, run by the real tool."""

import os
import subprocess
from pathlib import Path

from harness import mounts, rendering

CONTAINER = "verify-module"


def pod(platform: rendering.Platform) -> dict:
    return platform.find("Deployment", "edge", "tollgate-edge").object["spec"]["template"]["spec"]


def verify(platform: rendering.Platform, module: bytes, folder: Path) -> subprocess.CompletedProcess:
    """Runs what the init container runs, on folders that hold what its volumes would."""
    [container] = [each for each in pod(platform)["initContainers"] if each["name"] == CONTAINER]
    (folder / "modules").mkdir(parents=True)
    (folder / "modules/plugin.wasm").write_bytes(module)
    if release := platform.find("ConfigMap", "edge", "tollgate-release"):
        mounts.write(folder / "release", release.object["data"])
    places = {"module": folder / "modules", "release": folder / "release"}
    command = " ".join(container["args"])
    for mount in container["volumeMounts"]:
        command = command.replace(mount["mountPath"], str(places[mount["name"]]))
    assert command.startswith("bundle ")
    return tollgate(folder, *command.split()[1:])


def tollgate(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [os.environ["TOLLGATE_CLI"], "bundle", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)
