"""Every layer is explained where it lies: what it is, why, how to change it, how to remove it; and is fed by
what all share."""

import re

import pytest
import yaml

import documents
from harness.platforms import ROOT

MANIFESTS = ROOT / "manifests"
LAYERS = sorted((MANIFESTS / "layers").iterdir())
CHANGE = r"^- \*\*To (change|add|size)\b"


def bullets(text: str) -> dict[str, bool]:
    wanted = {"why": r"^- \*\*Why\b", "how to change it": CHANGE, "how to remove it": r"^- \*\*To remove\b"}
    return {what: re.search(pattern, text, re.MULTILINE) is not None for what, pattern in wanted.items()}


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_a_layer_says_why_it_is_there_how_to_change_it_and_how_to_remove_it(layer):
    text = (layer / "README.md").read_text()
    assert text.startswith(f"# {layer.name}: ")
    assert [what for what, said in bullets(text).items() if not said] == []


@pytest.mark.parametrize("chart", [*LAYERS, MANIFESTS / "bootstrap", MANIFESTS / "git-mirror"], ids=lambda chart: chart.name)
def test_a_chart_of_ours_refuses_what_the_schema_does(chart):
    """Its own Application would take a wrong value that the root's refuses."""
    assert (chart / "values.schema.json").resolve() == MANIFESTS / "root/values.schema.json"


def test_every_chart_of_others_has_a_full_row():
    lines = (MANIFESTS / "root/README.md").read_text().partition("## Others' charts")[2].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    assert [row for row in rows if len(row) != 5 or not all(row)] == []
    named = [name for row in rows for name in re.findall(r"`([\w-]+)`", row[0])]
    assert sorted(named) == sorted(yaml.safe_load((MANIFESTS / "root/values.yaml").read_text())["charts"])


# Rows of README's table by how they begin, and the charts and images that they are of.
VERSIONS = {
    "Tenant edge": ["images.envoy"],
    "Endpoint picker": ["images.endpoint-picker"],
    "Queues": ["charts.kueue"],
    "Pods by load": ["charts.keda"],
    "GPU driver": ["charts.gpu-operator"],
    "Monitors": ["charts.kube-prometheus-stack"],
    "Costs": ["charts.opencost"],
    "Pools, routes": ["crds.gateway-api", "crds.inference-extension"],
    "vLLM Deployments": ["images.vllm", "images.vllm-cpu"],
    "The same by KServe": ["charts.kserve-crd", "charts.kserve-resources"],
    "Certificates": ["charts.cert-manager"],
    "Secrets": ["charts.external-secrets"],
    "Open WebUI, n8n": ["images.open-webui", "images.n8n"],
    "Tabby": ["images.tabby"],
    "MCP": ["charts.agentgateway"],
    "agentgateway's objects": ["charts.agentgateway", "charts.agentgateway-crds"],
    "DNS records": ["charts.external-dns"],
    "The module as": ["images.module"],
}


def test_readmes_table_has_the_versions_that_run():
    values = yaml.safe_load((MANIFESTS / "root/values.yaml").read_text())
    table = {layer: cell for layer, cell, _ in documents.rows("README.md", "The platform in Git")}
    wrong = []
    for begins, parts in VERSIONS.items():
        (cell,) = [cell for layer, cell in table.items() if layer.startswith(begins)]
        for kind, _, name in (part.partition(".") for part in parts):
            entry = values[kind][name]
            version = re.search(r"\d[\d.]*\d", entry.get("version") or entry["tag"])[0]
            if version not in re.findall(r"\d[\d.]*\d", cell):
                wrong.append(f"README.md: {begins}: {cell} is not {version}, of {kind}.{name}")
    assert wrong == []
    assert [layer for layer, cell in table.items() if not cell] == []
