"""Each health check of ours, run by the real Argo CD on objects as their controllers write them."""

import subprocess
from pathlib import Path

import pytest
import yaml

from harness import rendering
from harness.platforms import ROOT, cluster, everything

CASES = yaml.safe_load((Path(__file__).parent / "health.yaml").read_text())
PREFIX = "resource.customizations.health."


def checks() -> dict[str, str]:
    """The settings that are scripts of health, of all clusters together: some come with a feature."""
    found = {}
    for platform in [*map(cluster, rendering.clusters(ROOT)), everything()]:
        app = platform.find("Application", "argocd", "argocd").object
        settings = app["spec"]["sources"][0]["helm"]["valuesObject"]["configs"]["cm"]
        found |= {name: text for name, text in settings.items() if name.startswith(PREFIX)}
    return found


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Path:
    """argocd-cm as a file."""
    metadata = {"name": "argocd-cm", "namespace": "argocd", "labels": {"app.kubernetes.io/part-of": "argocd"}}
    file = tmp_path_factory.mktemp("settings") / "argocd-cm.yaml"
    file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": checks()}))
    return file


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['object']['kind']}-{case['name']}".replace(" ", "-"))
def test_health(case, settings, tmp_path):
    body = tmp_path / "object.yaml"
    body.write_text(yaml.safe_dump({"metadata": {"name": "it", "generation": 2}} | case["object"]))
    command = [rendering.program("argo-cd"), "admin", "settings", "resource-overrides", "health", str(body)]
    done = subprocess.run([*command, "--argocd-cm-path", str(settings)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"STATUS: {case['health']}\n" in done.stdout and case.get("message", "") in done.stdout, done.stdout


def test_every_check_has_a_case_of_each_outcome():
    seen = {(f"{group(case)}_{case['object']['kind']}", case["health"]) for case in CASES}
    wanted = {(name.removeprefix(PREFIX), health) for name, script in checks().items() for health in outcomes(script)}
    assert wanted - seen == set()


def outcomes(script: str) -> list[str]:
    """All but `Degraded`, of which a check may know nothing."""
    return ["Healthy", "Progressing", *(["Degraded"] if "Degraded" in script else [])]


def group(case: dict) -> str:
    return case["object"]["apiVersion"].partition("/")[0]
