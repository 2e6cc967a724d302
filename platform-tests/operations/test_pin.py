"""`make pin` against a real registry, and what a render makes of the lock file."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness import forks, rendering
from harness import registry as registries
from harness.platforms import ROOT
from platform_manifests import cluster_config
from platform_manifests import images as named_images

MODULE = b"\0asm\x01\0\0\0"
LOCK = "manifests/images.lock.yaml"


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A registry with the image of two platforms that `tollgate bundle` makes, tagged 1.0: its repository and its digest."""
    folder = tmp_path_factory.mktemp("registry")
    (folder / "module.wasm").write_bytes(MODULE)
    build = ["build", "--module", "module.wasm", "--version", "1.0", "--source", str(ROOT), "--output", "bundle"]
    built = bundle(folder, *build)
    with registries.registry(folder) as address:
        repository = f"{address}/tollgate/gateway"
        bundle(folder, "push", "bundle", repository)
        yield repository, re.search(r"^image +(\S+)$", built, re.MULTILINE)[1]


def bundle(folder: Path, *arguments: str) -> str:
    command = [os.environ["TOLLGATE_CLI"], "bundle", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def fork(tmp_path) -> Path:
    return forks.copy(tmp_path)


def script(fork: Path, name: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, fork / "scripts" / name, *arguments], capture_output=True, text=True)


def name_images(fork: Path, **images: str) -> None:
    """Makes these, by their tags, the only images of the fork."""
    shutil.rmtree(fork / "manifests/clusters")
    (fork / "manifests/clusters/one").mkdir(parents=True)
    (fork / "manifests/clusters/one/config.yaml").write_text("cluster: {name: one}\n")
    named = {name: dict(zip(("repository", "tag"), reference.rsplit(":", 1))) for name, reference in images.items()}
    (fork / "manifests/root/values.yaml").write_text(yaml.safe_dump({"images": named}))


def lock(fork: Path) -> dict:
    return yaml.safe_load((fork / LOCK).read_text())


def test_a_tag_is_pinned_to_its_index_and_stays_there(fork, registry):
    repository, image = registry
    name_images(fork, gateway=f"{repository}:1.0")
    done = script(fork, "pin")
    assert (done.returncode, done.stderr) == (0, "")
    assert lock(fork) == {f"{repository}:1.0": image}

    # What is known is asked for again only on demand, and a tag that was moved is told of.
    other = "sha256:" + hashlib.sha256(b"before").hexdigest()
    (fork / LOCK).write_text(f"{repository}:1.0: {other}\n")
    assert (script(fork, "pin").stdout, lock(fork)) == ("", {f"{repository}:1.0": other})
    done = script(fork, "pin", "--update")
    assert done.stderr == f"pin: {repository}:1.0 was moved from {other}\n"
    assert lock(fork) == {f"{repository}:1.0": image}


def test_what_can_not_be_resolved_stays_a_tag(fork, registry):
    repository, image = registry
    absent, away = f"{repository}:9.9", "127.0.0.1:1/a:1.0"
    name_images(fork, gateway=f"{repository}:1.0", absent=absent, away=away)
    done = script(fork, "pin")
    assert done.returncode == 1
    assert f"pin: {absent}: refused: {repository} has no tag 9.9\n" in done.stderr
    assert f"pin: {away}: error: GET http://127.0.0.1:1/v2/a/manifests/1.0: " in done.stderr
    assert lock(fork) == {away: "digest unresolved", f"{repository}:1.0": image, absent: "digest unresolved"}


@pytest.mark.parametrize("cluster", rendering.clusters(ROOT))
def test_a_render_has_every_digest_of_the_lock_and_no_other(fork, cluster):
    named = {reference: "sha256:" + hashlib.sha256(reference.encode()).hexdigest() for reference in lock(ROOT)}
    (fork / LOCK).write_text(yaml.safe_dump(named))
    stale = script(fork, "render", "--check", cluster)
    assert (stale.returncode, "rendered/values.yaml: run `make render`" in stale.stderr) == (1, True)
    # What would be pulled, not what the lock knows by now.
    listed = script(fork, "pin", "--unresolved", cluster)
    envoy = f"{cluster}: digest unresolved: images.envoy: docker.io/envoyproxy/envoy:distroless-v1.40.0\n"
    assert (listed.returncode, envoy in listed.stdout) == (1, True)
    assert script(fork, "render", cluster).returncode == 0
    listed = script(fork, "pin", "--unresolved", cluster)
    assert (listed.returncode, listed.stdout) == (0, "")
    text = "\n".join(yaml.safe_dump(rendered.object) for rendered in rendering.render(fork, cluster).objects)
    assert [reference for reference in named if reference in text] == []
    by_digest = {reference.rpartition(":")[0] + "@" + digest for reference, digest in named.items()}
    # Those that the cluster's own file has.
    images = cluster_config.edited(fork, cluster)["images"].values()
    by_digest |= {f"{image['repository']}@{image['digest']}" for image in images if "digest" in image}
    found = set(re.findall(r"[\w./:-]+@sha256:[0-9a-f]{64}", text))
    assert len(found) >= 4 and found <= by_digest


def test_the_lock_names_the_images_of_the_clusters_and_no_others(fork):
    before = lock(fork)
    subprocess.run([sys.executable, fork / "scripts/pin"], env=os.environ | {"TOLLGATE_CLI": "false"}, capture_output=True)
    assert lock(fork) == before, "run `make pin`"


@pytest.mark.parametrize("digest", [None, ""])
def test_an_empty_digest_is_none(digest):
    values = {"images": {"edge": {"repository": "registry.example.com/edge", "tag": "1", "digest": digest}}}
    assert list(named_images.by_tag(values)) == [(("images", "edge"), "registry.example.com/edge:1")]
    pinned = named_images.digests(values, {"registry.example.com/edge:1": "sha256:12"})
    assert pinned == {"images": {"edge": {"digest": "sha256:12"}}}
