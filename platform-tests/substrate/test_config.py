"""`make config`: what OpenTofu's outputs become in a cluster's config.yaml."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUBSTRATE = ROOT / "substrate"

CONFIG = """\
# One cluster.
domain: old.example.com   # as clients see it
cluster:
  name: llm

edge:
  service:
    # the public address
    address: "192.0.2.1" # static
    type: LoadBalancer
# the end
"""


def config(tmp_path, outputs: dict, *options: str, text: str = CONFIG):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    document = {name: {"value": value, "sensitive": False} if not isinstance(value, dict) else value
                for name, value in outputs.items()}
    done = subprocess.run([sys.executable, ROOT / "scripts/config-from-outputs", "config.yaml", *options], cwd=tmp_path,
                          input=json.dumps(document), capture_output=True, text=True)
    return done, path.read_text()


def test_config_shows_a_diff_and_writes_nothing(tmp_path):
    done, text = config(tmp_path, {"edge_address": "203.0.113.9", "cluster_name": "llm"})
    assert done.returncode == 0 and text == CONFIG
    assert '-    address: "192.0.2.1" # static\n+    address: "203.0.113.9" # static\n' in done.stdout


def test_config_is_written_with_its_comments(tmp_path):
    outputs = {"edge_address": "203.0.113.9", "dns_domain": "llm.example.com", "project": "example-project",
               "control_plane_cidr": "172.16.0.0/28", "dns_zone": None, "webhook_ports": ["9443"]}
    done, text = config(tmp_path, outputs, "--write")
    assert done.returncode == 0, done.stderr
    assert text == """\
# One cluster.
domain: llm.example.com   # as clients see it
cluster:
  name: llm
  gcpProject: example-project
  controlPlaneCidr: 172.16.0.0/28

edge:
  service:
    # the public address
    address: "203.0.113.9" # static
    type: LoadBalancer
# the end
"""
    again, same = config(tmp_path, outputs, "--write", text=text)
    assert again.stdout == "config.yaml: agrees with the outputs\n" and same == text


@pytest.mark.parametrize("outputs, text, said", [
    ({"edge_adress": "x"}, CONFIG, "no place is known for the output `edge_adress`"),
    ({"project": {"value": "x", "sensitive": True}}, CONFIG, "`project` is sensitive"),
    ({"edge_address": "x"}, "edge: [a]\n", "line 1: `edge` has a value; it should hold `service`"),
    ({"domain": "x"}, CONFIG, "`domain`"),
    ({"dns_domain": "x"}, "domain:\n  a: b\n", "line 1: `domain` is no single value"),
])
def test_config_refuses(outputs, text, said, tmp_path):
    done, after = config(tmp_path, outputs, "--write", text=text)
    assert done.returncode == 1 and said in done.stderr and after == text


GPUS = """\
gpu:
  kinds:
    small: {nodeLabels: {example.com/gpu: small}, max: 2}
    large:
      nodeLabels: {tollgate.dev/pool: gpu}   # as the nodes of the pool have it
      max: 1
"""
POOL = {"tollgate.dev/pool": "gpu", "cloud.google.com/gke-accelerator": "nvidia-l4"}


def pool(quota: int, labels: dict[str, str]) -> dict:
    return {"gpu_quota": quota, "gpu_node_labels": {"value": labels}}


def test_the_gpu_pools_maximum_goes_to_the_kind_that_its_nodes_are(tmp_path):
    done, text = config(tmp_path, pool(4, POOL), "--write", text=GPUS)
    assert done.returncode == 0, done.stderr
    assert "-      max: 1\n+      max: 4\n" in done.stdout and text == GPUS.replace("max: 1", "max: 4")


def test_a_cluster_without_a_kind_of_gpu_has_no_place_for_a_quota(tmp_path):
    assert config(tmp_path, pool(4, POOL))[0].stdout == "config.yaml: agrees with the outputs\n"


@pytest.mark.parametrize("labels, which", [({"a": "b"}, "no kind is"), (POOL | {"example.com/gpu": "small"}, "small and large is")])
def test_a_quota_that_is_not_one_kinds_is_refused(labels, which, tmp_path):
    done, after = config(tmp_path, pool(4, labels), "--write", text=GPUS)
    assert done.returncode == 1 and after == GPUS
    assert f"one has to be the GPU pool's, by `nodeLabels` that its nodes have ({', '.join(f'{k}={v}' for k, v in sorted(labels.items()))}); {which}" in done.stderr


def test_every_output_has_a_place():
    script = (ROOT / "scripts/config-from-outputs").read_text()
    for path in SUBSTRATE.rglob("*.tf"):
        for name in re.findall(r'^output "(\w+)"', path.read_text(), re.MULTILINE):
            if path.parent.name != "bucket":
                assert f'"{name}"' in script, f"{path}: output {name}"


def test_every_place_is_one_that_the_configuration_has():
    script = runpy.run_path(str(ROOT / "scripts/config-from-outputs"))
    schema = json.loads((ROOT / "manifests/root/values.schema.json").read_text())
    for place in script["PLACES"].values():
        at = schema
        for key in place.split("."):
            assert key in at["properties"], f"{place}: values.schema.json has no {key}"
            at = at["properties"][key]
