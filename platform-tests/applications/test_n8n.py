"""The real n8n 2.27.4 as our pod starts it, behind the real oauth2-proxy: who comes in, workflows that ask
a model through the edge, whose key they have, what its encryption key is for. `make test-applications`."""

import re
import sqlite3

import pytest
import workflows
from pod import PROBES
from workflows import OWNER, Editor, asking

from checks.identity import values_of
from harness import sign_in, stand_in_application
from harness.processes import eventually, free_ports
from harness.sign_in import HOST

STRANGER = "mallory@example.com=other-org:engineering"


@pytest.fixture(scope="module")
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def pod(forked, platform, edge, port, tmp_path_factory):
    return workflows.pod_of(platform, tmp_path_factory.mktemp("n8n"), port, edge.ports["applications"], forked.keys["n8n"])


@pytest.fixture(scope="module")
def door(platform, pod, port, tmp_path_factory):
    """oauth2-proxy, with n8n behind it."""
    with pod.running(port), sign_in.oauth2_proxy(tmp_path_factory.mktemp("sign-in"), values_of(platform, "oauth2-proxy")[1], port) as door:
        yield door


@pytest.fixture(scope="module")
def owner(door) -> Editor:
    """The first who came."""
    editor = Editor(door.browser())
    assert editor.ask("/rest/owner/setup", OWNER)["email"] == OWNER["email"]
    return editor


def test_every_variable_is_one_that_it_reads(pod):
    wanted = {entry["name"].removesuffix("_FILE") for entry in pod.container["env"]}
    assert wanted - workflows.variables_read() == set()


def test_the_probes_ask_for_nobody(door, pod, port):
    assert [pod.probed(probe, port) for probe in PROBES] == [200, 200, 200]


def test_who_has_not_signed_in_does_not_meet_it(door):
    assert door.browser().request(f"https://{HOST}/rest/settings").status == 302
    assert door.browser(STRANGER).open(f"https://{HOST}/rest/settings").status == 403
    assert door.browser().request(f"https://{HOST}/webhook/ask").status == 302


def test_the_first_is_the_owner_and_lets_nobody_else_in(owner, door):
    other = Editor(door.browser("john@example.com=example-org:support"))
    assert other.asked("/rest/workflows").status == 401
    assert "already setup" in other.asked("/rest/owner/setup", OWNER | {"email": "john@example.com"}).body
    assert owner.asked("/rest/workflows").status == 200


def test_it_writes_to_its_mounts_alone_and_calls_nobody(owner, pod):
    assert not re.search(r"EROFS|EACCES|ENOTFOUND|EAI_AGAIN", pod.log())


def test_a_workflow_asks_a_model_with_the_edges_key(owner, edge, port):
    assert owner.run(asking(owner.credential({})), port) == (200, "Paris")
    eventually(lambda: [line["key"] for line in edge.answered()] == ["n8n"])


@pytest.fixture
def elsewhere():
    """Where a builder of workflows may want the key to go."""
    (port,) = free_ports(1)
    heard = []

    class Listener(stand_in_application.Application):
        def do_GET(self):
            heard.append(str(self.headers))
            self.tell()

        do_POST = do_GET

    server = stand_in_application.serve(port, Listener)
    yield f"http://127.0.0.1:{port}", heard
    server.shutdown()


def test_the_key_goes_nowhere_else(owner, elsewhere, forked, port):
    address, heard = elsewhere
    plain = owner.credential({})
    attempts = [
        asking(owner.credential({"url": address})),
        asking(owner.credential({"url": address, "allowedHttpRequestDomains": "all"})),
        workflows.requesting(plain, address),
        workflows.requesting(owner.credential({"allowedHttpRequestDomains": "all"}), address),
        workflows.chaining(plain, address),
    ]
    for attempt in attempts:
        owner.run(attempt, port)
    # The first two arrive, without it.
    assert heard and forked.keys["n8n"] not in "".join(heard)


def test_credentials_are_unreadable_with_another_key(owner, pod, platform, edge, forked):
    secret = "what somebody has typed"
    owner.credential({"apiKey": secret})
    database = pod.folder / "volumes/data/database.sqlite"
    with sqlite3.connect(database) as connection:
        stored = "".join(row[0] for row in connection.execute("select data from credentials_entity"))
    assert secret not in stored and stored
    shown = pod.run("export:credentials", "--all", "--decrypted")
    assert secret in shown.stdout, shown.stderr
    other = workflows.pod_of(platform, pod.folder, 1, edge.ports["applications"], forked.keys["n8n"], "another key")
    refused = other.run("export:credentials", "--all", "--decrypted")
    assert refused.returncode != 0 and secret not in refused.stdout
    assert "encryption key" in refused.stdout + refused.stderr
