"""The images that a fork builds: a model's, and the command line tool's.

They are built by the real buildah or podman where the machine has one, and pushed to a real registry."""

import json
import os
import shutil
import subprocess
import tarfile
import urllib.request
from io import BytesIO
from pathlib import Path

import pytest

from harness import registry as registries
from harness.platforms import ROOT, cluster

FILES = {"config.json": b"{}", "model-1.safetensors": b"one" * 999, "sub/model-2.safetensors": b"two"}
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
USER = "65532:65532"

builds = pytest.mark.skipif(
    not (shutil.which("buildah") or shutil.which("podman")), reason="no image is built: neither buildah nor podman is here"
)


@pytest.fixture
def model(tmp_path) -> Path:
    folder = tmp_path / "model"
    for name, content in (FILES | {".cache/log": b"a tool's own"}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    return folder


@pytest.fixture
def engine(tmp_path, monkeypatch) -> None:
    """The engine keeps what it builds in the test's folder, and needs nothing of the kernel's."""
    monkeypatch.setenv("STORAGE_DRIVER", "vfs")
    monkeypatch.setenv("BUILDAH_ISOLATION", "chroot")
    storage = tmp_path / "storage.conf"
    storage.write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/images"\nrunroot = "{tmp_path}/run"\n')
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(storage))


def script(name: str, *arguments: str | Path) -> subprocess.CompletedProcess:
    return subprocess.run([ROOT / "scripts" / name, *arguments], capture_output=True, text=True)


def get(reference: str, kind: str, digest: str) -> bytes:
    address, _, repository = reference.partition("@")[0].partition("/")
    request = urllib.request.Request(f"http://{address}/v2/{repository}/{kind}/{digest}", headers={"accept": MANIFEST})
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def pulled(reference: str) -> tuple[dict, list[dict[str, tuple[int, bytes]]]]:
    """An image's config, and of each layer the files by name: mode and content."""
    manifest = json.loads(get(reference, "manifests", reference.partition("@")[2]))
    config = json.loads(get(reference, "blobs", manifest["config"]["digest"]))
    return config, [unpacked(get(reference, "blobs", layer["digest"])) for layer in manifest["layers"]]


def unpacked(layer: bytes) -> dict[str, tuple[int, bytes]]:
    with tarfile.open(fileobj=BytesIO(layer)) as archive:
        return {entry.name: (entry.mode & 0o777, archive.extractfile(entry).read()) for entry in archive if entry.isfile()}


@builds
def test_a_model_is_one_layer_a_file_and_the_same_every_time(model, engine, tmp_path):
    with registries.registry(tmp_path) as address:
        references = []
        for tag in ("1", "2"):
            done = script("modelcar", f"{address}/models/tiny:{tag}", "--folder", model)
            assert done.returncode == 0, done.stderr
            references.append(done.stdout.strip())
        config, layers = pulled(references[0])
    assert references[0] == references[1]
    assert layers == [{f"models/{name}": (0o644, content)} for name, content in sorted(FILES.items())]
    assert config["config"]["User"] == USER


@builds
def test_the_tool_is_all_that_its_image_holds(engine, tmp_path):
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool/tollgate").write_bytes(b"the tool")
    (tmp_path / "tool/tollgate").chmod(0o555)
    with registries.registry(tmp_path) as address:
        done = script("push-image", ROOT / "images/tool/Containerfile", tmp_path / "tool", f"{address}/tollgate:1")
        assert done.returncode == 0, done.stderr
        config, layers = pulled(done.stdout.strip())
    assert layers == [{"tollgate": (0o555, b"the tool")}]
    assert (config["config"]["User"], config["config"]["Entrypoint"]) == (USER, ["/tollgate"])


def test_what_a_model_is_made_of_is_said_beforehand(model):
    done = script("modelcar", "registry.example.com/models/tiny:1", "--folder", model, "--containerfile")
    copies = [line for line in done.stdout.splitlines() if line.startswith("COPY")]
    assert copies == [f'COPY --chmod=0644 ["{name}", "/models/{name}"]' for name in sorted(FILES)]
    assert done.stdout.startswith((ROOT / "images/model/Containerfile").read_text())


def test_what_is_no_model_is_not_built(model):
    (model / "link").symlink_to("/etc/passwd")
    done = script("modelcar", "registry.example.com/models/tiny:1", "--folder", model)
    assert (done.returncode, done.stderr) == (1, f"modelcar: {model}/link is a link: the image would have the link, and not the file\n")
    done = script("modelcar", "registry.example.com/models/tiny:1", "--folder", ROOT / "docs")
    assert "docs holds no model: no file ends in .safetensors or .gguf" in done.stderr


def test_the_pods_run_what_the_tools_image_has():
    """The commands of the manifests are the image's arguments: its entry point is the tool."""
    spec = cluster("laptop").find("Deployment", "edge", "tollgate-edge").object["spec"]["template"]["spec"]
    for container in spec["initContainers"]:
        assert "command" not in container
        help = subprocess.run([os.environ["TOLLGATE_CLI"], container["args"][0], "--help"], capture_output=True)
        assert help.returncode == 0
