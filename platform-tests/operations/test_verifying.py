"""What `make verify` asks: of the edge, asked of the real Envoy with the laptop's rules and seeded keys, and all of
it together."""

import base64
import contextlib
import dataclasses
from dataclasses import dataclass, field

import pytest
from test_isolation import Kubectl

from harness import api_server, git_server, rendering, running_edge, stand_in_hosts
from harness.platforms import ROOT, cluster
from harness.processes import eventually
from harness.workshop import Workshop
from operations import edge as client
from operations import sign_in, verify
from operations.session import Session


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    with running_edge.running(tmp_path_factory.mktemp("edge"), cluster("laptop"), application=stand_in_hosts.serve) as edge:
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


@dataclass
class Cluster(Kubectl):
    """A kubectl that knows Applications and Secrets besides, and leads to the edge and to the mirror."""

    ports: dict = field(default_factory=dict)
    status: dict = field(default_factory=dict)
    keys: dict = field(default_factory=dict)

    def applications(self) -> list[dict]:
        source = {"repoURL": self.session.values["git"]["repository"]}
        return [{"metadata": {"name": "root"}, "spec": {"source": source}, "status": self.status}]

    def get(self, kind: str, name: str, namespace: str) -> dict:
        key = self.keys[name.removeprefix("tollgate-key-")]
        return {"data": {"api-key": base64.b64encode(key.encode()).decode()}}

    @contextlib.contextmanager
    def forwarded(self, namespace: str, service: str, port: int):
        yield self.ports[namespace, service, port]


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    with git_server.mirror(tmp_path_factory.mktemp("mirror")) as mirror:
        mirror.commit()
        yield mirror


@pytest.fixture
def whole(edge, keys, mirror, monkeypatch) -> Cluster:
    """A laptop in which people sign in, and all is well."""
    stand_in_hosts.found(edge, monkeypatch)
    laptop = Session.of(ROOT, "laptop", dry_run=False)
    people = {"features": dict.fromkeys(("dex", *sign_in.GUARDED), True), "models": {}}
    whole = Cluster(dataclasses.replace(laptop, values=laptop.values | people), keys=dict(keys))
    whole.ports = {("edge", "tollgate-edge-internal", 8081): edge.ports["applications"], ("git-mirror", "git", 80): mirror.port}
    whole.status = {"sync": {"status": "Synced", "revision": mirror.git("rev-parse", "HEAD")}, "health": {"status": "Healthy"}}
    monkeypatch.setattr(verify, "Kube", lambda _: whole)
    return whole


def lines(whole: Cluster, capsys) -> tuple[int, list[str], list[str]]:
    """The exit code, what is well and what is not."""
    code = verify.verify(whole.session)
    said = capsys.readouterr().out.splitlines()
    return code, [line[5:] for line in said if line.startswith("ok ")], [line[5:] for line in said if line.startswith("FAIL")]


def test_a_well_cluster_is_asked_everything(whole, capsys):
    code, well, failed = lines(whole, capsys)
    assert (code, failed) == (0, [])
    parts = ["every Application is synced and healthy", "Applications are at the commit of main", "without a key nobody is let in",
             "qwen2.5-0.5b-instruct answers", "a spent budget refuses", "default may not reach serving/chat-1:8000",
             "tenant-a may not reach the internet", "the issuer is who it says", "mcp.tollgate.localhost asks who is there"]  # fmt: skip
    assert [line for line in well if line in parts] == parts, well


def progress(whole: Cluster, _) -> None:
    whole.status["health"] = {"status": "Progressing"}


def fall_behind(whole: Cluster, _) -> None:
    whole.status["sync"]["revision"] = "0" * 40


def spend_nothing(whole: Cluster, _) -> None:
    whole.keys["verify-spent"] = whole.keys["verify"]


def open_the_models(whole: Cluster, _) -> None:
    whole.says = {("default", "10.0.0.2:8000"): ""}


def open_the_tools(_, monkeypatch) -> None:
    monkeypatch.setitem(stand_in_hosts.ANSWERS, ("mcp", "/mcp"), (200, {}, ""))


@pytest.mark.parametrize("amiss, named", [
    (progress, "every Application is synced and healthy: root"),
    (fall_behind, "Applications are at the commit of main: root is at 0000000000000000000000000000000000000000; Git has "),
    (spend_nothing, "a spent budget refuses: 200, and 429 is expected"),
    (open_the_models, "default may not reach serving/chat-1:8000: it does"),
    (open_the_tools, "mcp.tollgate.localhost asks who is there: 200 without a session"),
])  # fmt: skip
def test_what_is_amiss_in_one_part_is_the_one_that_fails(whole, capsys, monkeypatch, amiss, named):
    amiss(whole, monkeypatch)
    code, _, failed = lines(whole, capsys)
    assert code == 1 and len(failed) == 1 and failed[0].startswith(named), failed
