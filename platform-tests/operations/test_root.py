"""The root Application, and waiting for what it brings: scripts/operate against a real API server."""

import json
import re

from harness.workshop import Workshop


def test_the_root_is_applied_and_can_be_applied_again(workshop):
    for _ in range(2):
        said = workshop.operate("root", "laptop", types=["laptop"])
        assert said.code == 0, said.text
    got = json.loads(workshop.server.kubectl("get", "application", "root", "--namespace", "argocd", "--output", "json").stdout)
    assert got["spec"]["project"] == "root" and got["spec"]["source"]["path"] == "manifests/root"


def test_waiting_says_for_what_and_ends(workshop):
    workshop.operate("root", "laptop", types=["laptop"])
    status = {"sync": {"status": "OutOfSync"}, "health": {"status": "Progressing", "message": "a pod starts"}}
    report(workshop, status)
    said = workshop.operate("wait", "laptop", "1")
    assert said.code == 1 and re.search(r"^root +OutOfSync +Progressing +a pod starts$", said.text, re.MULTILINE), said.text
    report(workshop, {"sync": {"status": "Synced"}, "health": {"status": "Healthy"}})
    said = workshop.operate("wait", "laptop", "1")
    assert said.code == 0 and "every Application is synced and healthy" in said.text


def report(workshop: Workshop, status: dict) -> None:
    """What Argo CD would write; its Application has no status apart from its object."""
    arguments = ("application", "root", "--namespace", "argocd", "--type", "merge", "--patch", json.dumps({"status": status}))
    assert workshop.server.kubectl("patch", *arguments).returncode == 0
