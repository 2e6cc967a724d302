"""The real Open WebUI 0.9.6 as our pod starts it: who comes in and as what, its models through the edge
with its own key and the name of who asks, a spent budget in words, a restart. `make test-applications`."""

import json
import re
import time
import uuid

import open_webui
import pytest
from open_webui import HOST, Person
from pod import PROBES

from harness import running_edge, sign_in
from harness.processes import eventually, free_ports

ADMIN = "root@example.com=example-org:platform"
MEMBER = "jane@example.com=example-org:engineering"
STRANGER = "mallory@example.com=other-org:engineering"
MODEL = "qwen2.5-coder-14b-instruct"
# Read by Python and its libraries.
OF_PYTHON = {"HOME", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"}


@pytest.fixture(scope="module")
def chat(forked, platform, edge, tmp_path_factory):
    (port,) = free_ports(1)
    folder, key = tmp_path_factory.mktemp("open-webui"), forked.keys["open-webui"]
    with sign_in.issuer(tmp_path_factory.mktemp("issuer"), "open-webui") as provider:
        pod = open_webui.pod_of(platform, folder, port, provider, edge.ports["applications"], key)
        with open_webui.running(pod, port, provider.trusted) as chat:
            yield chat


@pytest.fixture(scope="module")
def stranger(chat) -> Person:
    """The first who ever comes, before anyone of the platform's."""
    return chat.signed_in(STRANGER)


@pytest.fixture
def jane(stranger, chat) -> Person:
    return chat.signed_in(MEMBER)


def test_every_variable_is_one_that_it_reads(platform):
    (container,) = platform.find("Deployment", "open-webui", "open-webui").object["spec"]["template"]["spec"]["containers"]
    source = "".join(file.read_text() for file in open_webui.package().glob("*.py"))
    wanted = {entry["name"] for entry in container["env"]} - OF_PYTHON
    assert {name for name in wanted if not re.search(rf"""['"]{name}['"]""", source)} == set()


def test_the_probes_ask_for_nobody(chat):
    assert [chat.pod.probed(probe, chat.port) for probe in PROBES] == [200, 200, 200]


def test_who_is_first_and_in_no_group_of_ours_does_not_administer(stranger):
    assert stranger.role() is None


def test_groups_are_roles(stranger, chat):
    people = {ADMIN: "admin", MEMBER: "user", STRANGER: None, "somebody@example.com": "pending"}
    assert {person: chat.signed_in(person).role() for person in people} == people


def test_who_has_to_wait_asks_no_model(chat, stranger):
    waiting = chat.signed_in("somebody@example.com")
    assert waiting.ask("/api/models").status == 401
    assert waiting.ask("/api/chat/completions", question("hello")).status == 401


def question(text: str) -> dict:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}]}


def test_there_are_no_passwords(chat):
    nobody = Person(chat.browser(MEMBER))
    shown = json.loads(nobody.ask("/api/config").body)
    assert shown["oauth"]["providers"] == {"oidc": "Dex"}
    assert (shown["features"]["enable_login_form"], shown["features"]["enable_signup"]) == (False, False)
    first = {"email": f"nobody@{HOST}", "password": chat.pod.secrets["open-webui"]["session"]}
    assert nobody.ask("/api/v1/auths/signin", first).status == 403
    assert nobody.ask("/api/v1/auths/signup", first | {"email": "me@example.com", "name": "me"}).status == 403


def test_the_first_account_is_no_ones_by_its_address(chat, stranger):
    assert chat.signed_in(f"nobody@{HOST}=example-org:engineering").role() != "admin"


def test_models_are_those_of_its_key(jane):
    models = {model["id"] for model in json.loads(jane.ask("/api/models").body)["data"]}
    # Not the one for what can wait, which the fork gives to others.
    assert models == {MODEL, "code-completion"}


def test_a_question_arrives_at_the_edge_with_its_key_and_the_name_of_who_asks(jane, edge):
    answer = jane.ask("/api/chat/completions", question("The capital of France?"))
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == "Paris"
    expected = f"serial=02 model={MODEL} authorization=- user=jane@example.com signed-in=-"
    eventually(lambda: expected in edge.log("llm-access").splitlines())
    eventually(lambda: [one["key"] for one in edge.answered()] == ["open-webui"])


def kept(person: Person, text: str) -> tuple[str, dict]:
    """A question as the page asks it, in a chat that is kept: its id, and the answer's message when it is
    there."""
    asked, answer = str(uuid.uuid4()), str(uuid.uuid4())
    message = {"id": asked, "parentId": None, "childrenIds": [], "role": "user", "content": text, "timestamp": int(time.time())}
    body = question(text) | {"stream": True, "parent_id": None, "id": answer, "user_message": message, "session_id": "a-page"}
    chat = json.loads(person.ask("/api/chat/completions", body).body)["chat_id"]

    def message_of_the_answer() -> dict:
        return json.loads(person.ask(f"/api/v1/chats/{chat}").body)["chat"]["history"]["messages"][answer]

    eventually(lambda: message_of_the_answer().get("done") or message_of_the_answer().get("error"))
    return chat, message_of_the_answer()


def test_it_calls_nobody_else(jane, chat):
    assert not re.search(r"Name or service not known|name resolution|Cannot connect to host", chat.pod.log())


def test_what_was_said_outlives_a_restart(jane, chat):
    said, answer = kept(jane, "stream 1")
    assert answer["content"].startswith("xx")
    chat.restart()
    # With the cookie from before.
    assert jane.role() == "user"
    assert "stream 1" in jane.ask(f"/api/v1/chats/{said}").body


def test_a_spent_budget_is_said_in_words(jane, edge, forked):
    edge.mount(running_edge.config_map(forked.platform(short=True)))
    eventually(lambda: edge.log("edge").count("is in force") > 1)
    answers = (jane.ask("/api/chat/completions", question("hello")) for _ in range(20))
    refused = next(answer for answer in answers if answer.status != 200)
    # To programs it makes another status of the edge's 429.
    assert refused.status == 400 and "budget" in json.loads(refused.body)["detail"]
    eventually(lambda: edge.log("edge").count('"reason":"insufficient_quota"'))
    _, message = kept(jane, "one more")
    assert "budget" in message["error"]["content"]
