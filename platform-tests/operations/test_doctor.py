"""What the doctor says of a configuration that is still an example's."""

import pytest

from harness import forks
from harness.platforms import ROOT
from operations import doctor
from operations.session import Session


def lacking(root, cluster: str) -> list[str]:
    return [text for good, text, _ in doctor.configuration(Session.of(root, cluster, dry_run=True)) if not good]


def test_every_example_value_of_production_is_named():
    said = lacking(ROOT, "production")
    for text in ("domain: llm.example.com", "cluster.gcpProject: example-llm-production", "identity.connector.config.clientID: example-client-id",
                 "identity.connector.config.orgs[0].name: example-org", "identity.groups: example-org:platform",
                 "certificates.acme.email: platform@example.com", "substrate/gke/clusters/production.tfvars still says CHANGE-ME"):  # fmt: skip
        assert text in said, said


def test_the_laptop_has_none_and_a_fork_that_named_its_own_passes(tmp_path):
    fork = forks.copy(tmp_path)
    assert [text for text in lacking(fork, "laptop") if "example" in text] == []


@pytest.mark.parametrize("text, example", [("ghcr.io/tollgate/tollgate", False), ("team/examples", False), ("counterexample.company", False), ("a.example.org", True)])
def test_an_example_is_told_from_a_word(text, example):
    assert doctor.is_example(text) == example
