"""Who may call whom is what manifests/clusters/NAME/allowances.txt says, and nothing more: a policy that
opens or closes anything changes a line there, which is seen where it is reviewed."""

import runpy
import subprocess

import pytest

from harness import forks, rendering
from harness.platforms import ROOT

# What is opened: the file, and what is replaced in it.
OPENED = {
    "model servers": ("layers/serving/templates/access.yaml", "matchLabels: {kubernetes.io/metadata.name: llm-gateway}", ""),
    "what is near": ("root/templates/_platform.tpl", "[10.0.0.0/8, ", "["),
    "the metadata server": ("layers/foundation/templates/namespaces.yaml", ", except: [169.254.0.0/16]", ""),
    "every way out": ("layers/foundation/templates/namespaces.yaml", "policyTypes: [Ingress, Egress]\n---", "policyTypes: [Ingress]\n---"),
    "the edge's listener inside": ("layers/edge/templates/services.yaml", 'platform.tollgate.dev/edge-client: "true"', ""),
    "another port": ("layers/edge/templates/services.yaml", "port: 8081", "port: 9901"),
}


@pytest.mark.parametrize("cluster", rendering.clusters(ROOT))
def test_the_list_is_what_the_manifests_say(cluster):
    done = subprocess.run([ROOT / "scripts/allowances", "--check", cluster], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("what", OPENED)
def test_a_change_of_a_policy_changes_the_list(what, tmp_path):
    path, old, new = OPENED[what]
    file = forks.manifests(tmp_path) / "manifests" / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    allowances = runpy.run_path(str(ROOT / "scripts/allowances"))["allowances"]
    committed = (ROOT / "manifests/clusters/production/allowances.txt").read_text().splitlines()
    # Less than the list, or more: either is seen.
    assert allowances(rendering.render(tmp_path, "production")) != committed
