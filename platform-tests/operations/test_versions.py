"""Another version of a chart, and images by digest: what scripts/operate does before it asks a cluster."""

import functools
import http.server
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness.authority import Authority
from harness.processes import free_ports, served
from harness.registry import registry
from harness.rendering import program
from harness.workshop import Workshop


@pytest.fixture
def workshop(tmp_path) -> Workshop:
    """Without any cluster, and a test's own: what is bumped here is bumped nowhere else."""
    return Workshop(tmp_path)


def test_a_bump_is_one_line_of_the_values(workshop):
    said = workshop.operate("bump", "laptop", "cert-manager", "v1.20.3")
    assert said.code == 0 and "+  cert-manager: {repository: quay.io/jetstack/charts, version: v1.20.3}" in said.text
    assert "crds.cert-manager (v1.20.2) is what its controller acts on, read from https://github.com/cert-manager/cert-manager" in said.text
    assert "version: v1.20.3" in (workshop.root / "manifests/root/values.yaml").read_text()


@pytest.mark.parametrize("chart, version, also", [
    ("kserve-crd", "v0.20.0", "charts.kserve-resources is of the same release: make bump LAYER=kserve-resources VERSION=v0.20.0"),
    ("kube-prometheus-stack", "90.0.0", "make bump LAYER=crds.prometheus-operator VERSION=X with the version that is in chart kube-prometheus-stack 90.0.0"),
    ("gpu-operator", "v26.3.4", "crds.node-feature-discovery (v26.3.3)"),
])  # fmt: skip
def test_what_is_of_the_same_release_is_named(workshop, chart, version, also):
    said = workshop.operate("bump", "laptop", chart, version)
    assert said.code == 0 and also in said.text, said.text


@pytest.mark.parametrize("layer", ["gateway-api", "crds.cert-manager"])
def test_crds_are_bumped_by_their_own_name(workshop, layer):
    said = workshop.operate("bump", "laptop", layer, "v1.99.0")
    name = layer.removeprefix("crds.")
    values = yaml.safe_load((workshop.root / "manifests/root/values.yaml").read_text())
    assert said.code == 0 and values["crds"][name]["version"] == "v1.99.0"
    assert f"git ls-remote {values['crds'][name]['repository']} 'refs/tags/v1.99.0' 'refs/tags/v1.99.0^{{}}'" in said.text
    assert "VERSION=X says which release" in workshop.operate("bump", "laptop", layer).text


@pytest.mark.parametrize("chart, version, alike", [("cert-manager", "1.20.3", "v1.20.3"), ("dex", "v0.25.0", "0.25.0")])
def test_a_version_has_the_form_of_the_present_one(workshop, chart, version, alike):
    said = workshop.operate("bump", "laptop", chart, version)
    assert said.code == 1 and said.text.endswith(f"is it {alike}?\n")


def test_a_version_of_a_clusters_own_is_told_of(workshop):
    file = workshop.root / "manifests/clusters/laptop/config.yaml"
    file.write_text(file.read_text() + "\ncharts: {cert-manager: {version: v1.19.0}}\n")
    said = workshop.operate("bump", "production", "cert-manager", "v1.20.3")
    assert "manifests/clusters/laptop/config.yaml has charts.cert-manager.version v1.19.0 of its own, which wins there." in said.text


# By number, and not as text or by when they came; a release candidate is none.
RELEASES = ("0.100.0", "0.101.0-rc.1", "0.99.0")


def packed(folder: Path) -> list[Path]:
    """A chart of each release."""
    chart = folder / "chart"
    chart.mkdir()
    for version in RELEASES:
        (chart / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "kueue", "version": version}))
        helm(folder, "package", str(chart), "--destination", "charts")
    return [folder / f"charts/kueue-{version}.tgz" for version in RELEASES]


def helm(folder: Path, *arguments: str) -> None:
    own = {"PATH": os.environ["PATH"], "HOME": str(folder), "SSL_CERT_FILE": str(folder / "authority/ca.crt")}
    done = subprocess.run([program("helm"), *arguments], cwd=folder, env=own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def over_http(tmp_path) -> Iterator[str]:
    """A Helm repository, with its index."""
    packed(tmp_path)
    helm(tmp_path, "repo", "index", "charts")
    [port] = free_ports(1)
    server = served(functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "charts"), port)
    yield f"http://127.0.0.1:{port}"
    server.shutdown()


@pytest.fixture
def in_a_registry(tmp_path) -> Iterator[str]:
    """As our values have it: without a scheme, and over TLS."""
    certificate = Authority(tmp_path, "authority").secret("registry", 2, address="127.0.0.1")
    with registry(tmp_path, certificate) as address:
        for chart in packed(tmp_path):
            helm(tmp_path, "push", str(chart), f"oci://{address}/kueue/charts")
        yield f"{address}/kueue/charts"


@pytest.mark.parametrize("kind", ["over_http", "in_a_registry"])
def test_without_a_version_it_is_the_newest_that_the_repository_has(workshop, tmp_path, kind, request):
    name_repository(workshop, request.getfixturevalue(kind))
    said = workshop.operate("bump", "laptop", "kueue", SSL_CERT_FILE=str(tmp_path / "authority/ca.crt"))
    assert said.code == 0 and "+  kueue: {repository: registry.k8s.io/kueue/charts, version: 0.100.0}" in said.text, said.text
    assert "version: 0.100.0}" in (workshop.root / "manifests/root/values.yaml").read_text()


def test_a_repository_that_does_not_answer_changes_nothing(workshop):
    [port] = free_ports(1)
    name_repository(workshop, f"http://127.0.0.1:{port}")
    before = (workshop.root / "manifests/root/values.yaml").read_text()
    said = workshop.operate("bump", "laptop", "kueue")
    assert said.code == 1 and said.text.startswith(f"bump: helm show chart kueue --repo http://127.0.0.1:{port}: ") and "connection refused" in said.text
    assert (workshop.root / "manifests/root/values.yaml").read_text() == before


def test_what_helm_does_not_find_by_itself_has_to_be_named(workshop):
    said = workshop.operate("bump", "laptop", "cert-manager")
    assert said.code == 1 and said.text.startswith("bump: VERSION=X says which release: cert-manager's versions begin with v"), said.text


def name_repository(workshop: Workshop, repository: str) -> None:
    """A cluster's own, in the place of the one that can't be reached from here."""
    file = workshop.root / "manifests/clusters/laptop/config.yaml"
    file.write_text(file.read_text() + f"\ncharts: {{kueue: {{repository: '{repository}'}}}}\n")


@pytest.mark.parametrize("version", ["latest", "1.x", "^1.2.3"])
def test_a_bump_to_no_exact_version_is_refused(workshop, version):
    assert "an exact one is needed" in workshop.operate("bump", "laptop", "cert-manager", version).text


def test_production_does_not_start_with_images_by_tag(workshop):
    for command in ("bootstrap", "root"):
        said = workshop.operate(command, "production", types=["production"])
        assert said.code == 1 and "images.envoy: docker.io/envoyproxy/envoy:" in said.text and "make pin" in said.text
