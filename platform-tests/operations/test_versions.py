"""Another version of a chart, and images by digest: what scripts/operate does before it asks a cluster."""

import pytest
import yaml

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


@pytest.mark.parametrize("version", ["latest", "1.x", "^1.2.3"])
def test_a_bump_to_no_exact_version_is_refused(workshop, version):
    assert "an exact one is needed" in workshop.operate("bump", "laptop", "cert-manager", version).text


def test_production_does_not_start_with_images_by_tag(workshop):
    for command in ("bootstrap", "root"):
        said = workshop.operate(command, "production", types=["production"])
        assert said.code == 1 and "images.envoy: docker.io/envoyproxy/envoy:" in said.text and "make pin" in said.text
