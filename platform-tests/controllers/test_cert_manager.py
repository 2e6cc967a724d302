"""cert-manager's own controllers on our issuers and Certificates: what each is given, who mounts it, and
that a renewed one is as good. For the public authority nobody answers here (test_acme.py has one)."""

import tempfile
from pathlib import Path

import cert_manager
import pytest
from cert_manager import PATIENCE, private
from certificates import Certificate
from secret_mounts import wanted

from harness import rendering
from harness.authority import Authority
from harness.platforms import EVERYTHING, FEATURES, ROOT, cluster, everything, with_features
from harness.processes import eventually

CLOSED = "production with every feature and no public authority"
DAYS = 24 * 3600
PURPOSES = {"server auth": ("sslserver", "TLS Web Server Authentication"), "client auth": ("sslclient", "TLS Web Client Authentication")}


@pytest.fixture(scope="module", params=[*rendering.clusters(ROOT), EVERYTHING, CLOSED])
def manager(request, tmp_path_factory):
    with cert_manager.running(rendered(request.param), tmp_path_factory.mktemp("cert-manager")) as manager:
        yield manager


def rendered(name: str) -> rendering.Platform:
    if name == CLOSED:
        with tempfile.TemporaryDirectory() as folder:
            return with_features(Path(folder), set(FEATURES), certificates={"public": "platform"})
    return everything() if name == EVERYTHING else cluster(name)


def test_every_certificate_of_the_private_authority_becomes_ready(manager):
    assert len(private(manager.platform)) >= 4
    for certificate in private(manager.platform):
        assert set(manager.issued(certificate)) == {"tls.crt", "tls.key", "ca.crt"}, certificate
    for issuer in ("self-signed", "platform"):
        assert manager.is_true("clusterissuer", None, issuer, "Ready")


def test_every_mounted_file_is_there(manager):
    """Where the public authority has not answered, the front door's too: its pod must start."""
    found = wanted(manager.platform)
    assert {("edge", "tollgate-edge-client"), ("edge", "front-door"), ("llm-gateway", "llm-gateway-tls")} <= set(found)
    for (namespace, name), files in found.items():
        eventually(lambda where=(namespace, name), files=files: files <= set(manager.secret(*where)), PATIENCE)
        assert all(manager.secret(namespace, name)[file] for file in files)


def test_every_certificate_is_used_where_it_is(manager):
    issuer = (cert_manager.NAME, manager.platform.find("ClusterIssuer", None, "platform").object["spec"]["ca"]["secretName"])
    made = {(one.namespace, one.object["spec"]["secretName"]) for one in manager.platform.of("Certificate")}
    assert made == set(wanted(manager.platform)) | {issuer}


def test_certificates_are_what_was_asked_for(manager):
    for certificate in private(manager.platform):
        spec, made = certificate.object["spec"], Certificate(manager.issued(certificate)["tls.crt"])
        assert made.is_authority() == spec.get("isCA", False)
        hours = int(spec["duration"].removesuffix("h"))
        assert made.lasts(hours * 3600 - 300) and not made.lasts(hours * 3600 + 300), certificate
        if not made.is_authority():
            assert made.names() == {f"DNS:{name}" for name in spec.get("dnsNames", [])}, certificate
            assert made.usages() == {PURPOSES[usage][1] for usage in spec["usages"]}, certificate
            assert made.subject() == (f"CN={spec['commonName']}" if "commonName" in spec else ""), certificate


def test_each_is_verified_by_the_authority_and_no_other(manager, tmp_path):
    root = manager.issued(manager.platform.find("Certificate", cert_manager.NAME, "platform-authority"))["tls.crt"]
    other = (Authority(tmp_path, "other").folder / "ca.crt").read_text()
    for certificate in private(manager.platform):
        secret = manager.issued(certificate)
        assert secret["ca.crt"] == root, certificate
        for usage in certificate.object["spec"].get("usages", []):
            made = Certificate(secret["tls.crt"])
            assert made.trouble(secret["ca.crt"], PURPOSES[usage][0], tmp_path) == "", certificate
            assert "unable to get local issuer" in made.trouble(other, PURPOSES[usage][0], tmp_path)


def test_renewal_is_planned_thirty_days_ahead(manager):
    for certificate in private(manager.platform):
        manager.issued(certificate)
        status = manager.get("certificate", certificate.namespace, certificate.name)["status"]
        ahead = int(certificate.object["spec"]["renewBefore"].removesuffix("h")) * 3600
        assert cert_manager.seconds(status["notAfter"]) - cert_manager.seconds(status["renewalTime"]) == ahead
        assert ahead >= 30 * DAYS


def test_a_renewed_certificate_has_a_new_key_and_is_verified(manager, tmp_path):
    certificate = manager.platform.find("Certificate", "edge", "tollgate-edge-client")
    before = manager.issued(certificate)
    after = manager.renew(certificate)
    old, new = Certificate(before["tls.crt"]), Certificate(after["tls.crt"])
    assert new.serial() != old.serial() and new.key() != old.key() and after["tls.key"] != before["tls.key"]
    assert new.trouble(before["ca.crt"], "sslclient", tmp_path) == ""


def test_a_secret_that_is_lost_is_made_again(manager, tmp_path):
    certificate = manager.platform.find("Certificate", "llm-gateway", "llm-gateway")
    before = manager.issued(certificate)
    assert manager.server.kubectl("delete", "secret", "llm-gateway-tls", "--namespace", "llm-gateway").returncode == 0
    eventually(lambda: manager.secret("llm-gateway", "llm-gateway-tls").get("tls.crt"), PATIENCE)
    after = manager.issued(certificate)
    assert after["tls.key"] != before["tls.key"]
    assert Certificate(after["tls.crt"]).trouble(before["ca.crt"], "sslserver", tmp_path) == ""


def test_a_renewed_authority_still_vouches_for_what_it_signed(manager, tmp_path):
    """Its key stays: who trusts the old root takes what the new one signs, and the other way around."""
    authority = manager.platform.find("Certificate", cert_manager.NAME, "platform-authority")
    edge = manager.platform.find("Certificate", "edge", "tollgate-edge-client")
    before, signed = manager.issued(authority)["tls.crt"], manager.issued(edge)["tls.crt"]
    after = manager.renew(authority)["tls.crt"]
    assert Certificate(after).serial() != Certificate(before).serial()
    assert Certificate(after).key() == Certificate(before).key()
    assert Certificate(signed).trouble(after, "sslclient", tmp_path) == ""
    assert Certificate(manager.renew(edge)["tls.crt"]).trouble(before, "sslclient", tmp_path) == ""
