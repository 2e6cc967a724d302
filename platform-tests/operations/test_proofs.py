"""What a cluster with `requireDigests` has to have before it starts: scripts/operate, as far as it comes with
no cluster."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness import forks

STARTS = ("bootstrap", "root")


@pytest.fixture
def fork(tmp_path) -> Path:
    return forks.copy(tmp_path)


def operate(fork: Path, command: str, cluster: str) -> tuple[int, str]:
    environment = os.environ | {"DRY_RUN": "1"}
    called = [sys.executable, fork / "scripts/operate", command, cluster]
    done = subprocess.run(called, cwd=fork, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def pin_everything(fork: Path) -> None:
    """What `make pin` does where it can ask."""
    lock = fork / "manifests/images.lock.yaml"
    digests = {name: "sha256:" + hashlib.sha256(name.encode()).hexdigest() for name in yaml.safe_load(lock.read_text())}
    lock.write_text(yaml.safe_dump(digests))
    subprocess.run([sys.executable, fork / "scripts/render", "production"], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("command", STARTS)
def test_production_does_not_start_with_images_by_tag(command, fork):
    code, said = operate(fork, command, "production")
    assert code == 1 and "images.envoy: docker.io/envoyproxy/envoy:" in said and "make pin" in said


def test_production_does_not_start_with_a_module_that_nothing_verifies(fork):
    pin_everything(fork)
    remedy = "put publicKey and signature of its release, or its sha256, into manifests/clusters/production/config.yaml (docs/images.md)"
    for command in STARTS:
        code, said = operate(fork, command, "production")
        assert code == 1 and f"edge.module is empty, so nothing would verify the module before Envoy starts: {remedy}\n" in said
    code, said = operate(fork, "doctor", "production")
    assert code == 1 and f"lack edge.module: empty: nothing verifies the module before Envoy starts\n     -> {remedy}\n" in said

    config = fork / "manifests/clusters/production/config.yaml"
    config.write_text(config.read_text().replace("edge:\n", f"edge:\n  module: {{sha256: {'a' * 64}}}\n"))
    for command in STARTS:
        code, said = operate(fork, command, "production")
        assert code == 0, said
    assert "ok   edge.module: sha256\n" in operate(fork, "doctor", "production")[1]


def test_a_cluster_that_does_not_ask_for_it_starts(fork):
    assert operate(fork, "root", "laptop")[0] == 0
    assert "edge.module" not in operate(fork, "doctor", "laptop")[1]
