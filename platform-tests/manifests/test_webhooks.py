"""GKE's firewall opens exactly the ports on which the rendered namespaces expect webhook calls."""

import json

from harness import rendering
from harness.platforms import ROOT, cluster, everything


def test_the_firewall_opens_what_the_render_contains():
    opened = json.loads((ROOT / "substrate/webhook-ports.json").read_text())
    expected = set()
    for platform in [*map(cluster, rendering.clusters(ROOT)), everything()]:
        for policy in platform.of("NetworkPolicy"):
            if policy.name == "allow-webhooks":
                for rule in policy.object["spec"]["ingress"]:
                    expected |= {(policy.namespace, port["port"]) for port in rule["ports"]}
    assert {(entry["namespace"], entry["port"]) for entry in opened} == expected
