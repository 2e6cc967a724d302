"""Another version of a chart, and images by digest: what scripts/operate does before it asks a cluster."""

import pytest

from harness.workshop import Workshop


@pytest.fixture
def workshop(tmp_path) -> Workshop:
    """Without any cluster, and a test's own: what is bumped here is bumped nowhere else."""
    return Workshop(tmp_path)


def test_a_bump_is_one_line_of_the_values(workshop):
    said = workshop.operate("bump", "laptop", "cert-manager", "v1.20.3")
    assert said.code == 0 and "+  cert-manager: {repository: quay.io/jetstack/charts, version: v1.20.3}" in said.text
    assert "crds.cert-manager is read from its project at a commit: raise it too" in said.text
    assert "version: v1.20.3" in (workshop.root / "manifests/root/values.yaml").read_text()


@pytest.mark.parametrize("version", ["latest", "1.x", "^1.2.3"])
def test_a_bump_to_no_exact_version_is_refused(workshop, version):
    assert "an exact one is needed" in workshop.operate("bump", "laptop", "cert-manager", version).text


def test_production_does_not_start_with_images_by_tag(workshop):
    for command in ("bootstrap", "root"):
        said = workshop.operate(command, "production", types=["production"])
        assert said.code == 1 and "images.envoy: docker.io/envoyproxy/envoy:" in said.text and "make pin" in said.text
