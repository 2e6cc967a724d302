"""What documents tell to do with the secrets that lie in a cluster, on a real API server: the copy can be
applied to another cluster, and what goes to Secret Manager is what External Secrets reads there."""

import base64
import json
import os
import subprocess

import pytest
import yaml

from harness import api_server, rendering
from harness.platforms import ROOT

VALUES = {"api-key": "of more than one line\n", "api-key-next": "sk-ü"}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "external-secrets"}}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "serving-api-key", "namespace": "external-secrets"},
          "data": {name: base64.b64encode(value.encode()).decode() for name, value in VALUES.items()}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with api_server.running(tmp_path_factory.mktemp("api-server")) as server:
        assert server.apply([NAMESPACE]) == [] and server.apply([SECRET]) == []
        yield server


def test_the_copy_can_be_applied_where_nothing_is(server, tmp_path):
    copy = run("docs/platform/day-2.md", "get secrets", server, tmp_path)
    assert server.kubectl("delete", "secret", "--namespace", "external-secrets", "--all").returncode == 0
    assert server.apply(yaml.safe_load(copy)["items"]) == []
    back = json.loads(server.kubectl("get", "secret", "serving-api-key", "--namespace", "external-secrets", "-o", "json").stdout)
    assert back["data"] == SECRET["data"]


def test_secret_manager_gets_the_values_by_name(server, tmp_path):
    (tmp_path / "gcloud").write_text("#!/bin/sh\necho \"$@\"\ncat\n")
    (tmp_path / "gcloud").chmod(0o755)
    arguments, _, sent = run("docs/platform/changes.md", "get secret serving-api-key", server, tmp_path).partition("\n")
    assert arguments.startswith("secrets versions add single-gpu-serving-api-key ")
    assert json.loads(sent) == VALUES


def run(document: str, which: str, server: api_server.ApiServer, folder) -> str:
    """What the command of the document that begins so prints."""
    [command] = [line for line in (ROOT / document).read_text().splitlines() if line.startswith("kubectl ") and which in line]
    (folder / "kubectl").symlink_to(rendering.program("kubectl"))
    (folder / "config").write_text(yaml.safe_dump(server.kubeconfig()))
    environment = os.environ | {"KUBECONFIG": str(folder / "config"), "PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder)}
    return subprocess.run(["bash", "-euo", "pipefail", "-c", command], env=environment, check=True, capture_output=True, text=True).stdout
