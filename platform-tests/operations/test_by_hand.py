"""What a person applies, and not Argo CD, is taken by a real API server."""

from harness import rendering
from operations import isolation


def test_what_is_applied_by_hand_has_no_unknown_field_and_may_run(workshop):
    for chart in ("bootstrap", "git-mirror"):
        objects = rendering.by_hand(workshop.root, chart, "laptop")
        assert workshop.server.apply(objects) == []
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "git-mirror"}}
    assert workshop.server.apply([account]) == []
    mirror = next(body for body in objects if body["kind"] == "Deployment")
    template = mirror["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "namespace": "git-mirror"} | template["metadata"]}
    assert workshop.server.create(pod | {"spec": template["spec"]}) == ""


def test_the_isolation_probe_may_run_under_the_strictest_level(workshop):
    namespace = {"name": "strict", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "strict"}}
    assert workshop.server.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": namespace}, account]) == []
    pod = isolation.probe({"repository": "registry.example.com/probe", "tag": "1"})
    pod["metadata"]["namespace"] = "strict"
    assert workshop.server.create(pod) == ""
