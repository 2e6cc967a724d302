"""The module's verification before Envoy starts: the rendered init container's own command, with its
mounts, run by the real tool on the real module."""

import os
import re
from pathlib import Path

import pytest
import yaml

import checks
from checks import cross_checks, secrets, strict_schemas
from harness import forks, rendering
from harness.module_verification import CONTAINER, pod, tollgate, verify
from harness.platforms import ROOT


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> dict:
    """What a release of the real module publishes, as the cluster's file has it."""
    folder = tmp_path_factory.mktemp("release")
    tollgate(folder, "keygen", "--output", "release")
    build = ["--module", os.environ["TOLLGATE_MODULE"], "--source", str(ROOT), "--signing-key", "release.key"]
    built = tollgate(folder, "build", *build, "--output", "bundle").stdout
    return {
        "publicKey": (folder / "release.pub").read_text(),
        "signature": (folder / "bundle/plugin.wasm.minisig").read_text(),
        "sha256": re.search(r"^module +sha256:(\w+)$", built, re.MULTILINE)[1],
        "image": re.search(r"^image +(\S+)$", built, re.MULTILINE)[1],
    }


def configured(fork: Path, module: dict, digest: str | None = None) -> rendering.Platform:
    """The laptop of a fork that verifies its module by this."""
    file = forks.manifests(fork) / "manifests/clusters/laptop/config.yaml"
    config = yaml.safe_load(file.read_text())
    config["edge"]["module"] = module
    config["images"] = {"module": {"digest": digest}} if digest else {}
    file.write_text(yaml.safe_dump(config))
    return rendering.render(fork, "laptop")


@pytest.mark.parametrize("proof", [["publicKey", "signature"], ["sha256"], ["publicKey", "signature", "sha256"]], ids="+".join)
def test_the_released_module_passes_and_another_does_not(release, proof, tmp_path):
    platform = configured(tmp_path, {name: release[name] for name in proof})
    assert checks.found(platform, strict_schemas, cross_checks, secrets) == []
    module = Path(os.environ["TOLLGATE_MODULE"]).read_bytes()
    passed = verify(platform, module, tmp_path / "released")
    assert (passed.returncode, passed.stderr) == (0, "")
    middle = len(module) // 2
    flipped = module[:middle] + bytes([module[middle] ^ 1]) + module[middle + 1 :]
    refused = verify(platform, flipped, tmp_path / "flipped")
    assert refused.returncode == 1
    assert refused.stderr.startswith("refused: ")


def test_it_is_verified_before_envoy_starts_by_an_image_that_is_not_its_own(release, tmp_path):
    spec = pod(configured(tmp_path, {"sha256": release["sha256"]}))
    [container] = [each for each in spec["initContainers"] if each["name"] == CONTAINER]
    module = next(volume["image"]["reference"] for volume in spec["volumes"] if volume["name"] == "module")
    repository = re.compile(r"[:@][^/]*$")
    assert repository.sub("", container["image"]) != repository.sub("", module)


def test_where_nothing_is_known_of_the_module_nothing_is_asked(tmp_path):
    platform = configured(tmp_path, {})
    assert CONTAINER not in [container["name"] for container in pod(platform)["initContainers"]]
    assert platform.find("ConfigMap", "edge", "tollgate-release") is None


def test_a_signature_of_another_image_is_found_before_it_is_rolled_out(release, tmp_path):
    signed = {name: release[name] for name in ("publicKey", "signature")}
    assert checks.found(configured(tmp_path / "same", signed, release["image"]), cross_checks) == []
    other = "sha256:" + "0" * 64
    [finding] = checks.found(configured(tmp_path / "other", signed, other), cross_checks)
    assert finding == f"manifests/clusters/laptop/config.yaml: edge.module.signature: it is for the image {release['image']}, not {other}"
