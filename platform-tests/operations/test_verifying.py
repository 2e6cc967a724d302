"""What `make verify` asks the edge, asked of the real Envoy with the laptop's rules and seeded keys."""

import pytest

from harness import api_server, rendering, running_edge
from harness.platforms import cluster
from harness.processes import eventually
from harness.workshop import Workshop
from operations import edge as client
from operations import verify


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    with running_edge.running(tmp_path_factory.mktemp("edge"), cluster("laptop")) as edge:
        yield edge


@pytest.fixture(scope="module")
def keys(edge, tmp_path_factory) -> dict[str, str]:
    """After `seed-secrets` and `render`, with the rules swapped in."""
    folder = tmp_path_factory.mktemp("verify")
    with api_server.running(folder) as server:
        workshop = Workshop(folder, server)
        assert workshop.operate("seed-secrets", "laptop", types=["laptop"]).code == 0
        assert workshop.run("scripts/render", "laptop").code == 0
        edge.mount(running_edge.config_map(rendering.render(workshop.root, "laptop")))
        found = {name: workshop.secret(f"tollgate-key-{name}")["api-key"] for name in ("verify", "verify-spent")}
    eventually(lambda: edge.chat("hello", found["verify"])[0] == 200)
    return found


def test_a_well_edge_passes_every_check(edge, keys):
    findings = list(verify.asked(client.Edge(edge.ports["applications"]), keys["verify"], keys["verify-spent"], {}))
    assert [name for name, wrong in findings if wrong] == [], findings
    assert [name for name, _ in findings] == [
        "without a key nobody is let in",
        "a key that nobody made is refused",
        "a key is let in",
        "qwen2.5-0.5b-instruct answers",
        "a spent budget refuses",
    ]


def test_a_key_that_is_not_limited_is_no_spent_budget(edge, keys):
    findings = list(verify.asked(client.Edge(edge.ports["applications"]), keys["verify"], keys["verify"], {}))
    assert findings[-1] == ("a spent budget refuses", "200, and 429 is expected")


def test_a_key_that_the_edge_does_not_know_is_named(edge, keys):
    findings = verify.asked(client.Edge(edge.ports["applications"]), "sk-nobody", keys["verify-spent"], {})
    with pytest.raises(Exception, match="/v1/models has no list of models: 401"):
        list(findings)
