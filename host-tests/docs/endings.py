"""Requests that end in every way there is, and a gateway to send them to."""

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from processes import Program
from shell import free_ports

KEY = "sk-docs-tests"
# With limits.
SPENDER, SPENT, BROKE = "sk-docs-spender", "sk-docs-spent", "sk-docs-broke"
RULES = """
models:
  chat: {aliases: [alias], price: free, targets: {only: {model: detailed}}}
  unreported: {price: free, targets: {only: {}}}
  failing: {price: free, targets: {only: {}}}
  asleep: {price: free, targets: {only: {cold_start: 10m}}}
  broken: {price: free, targets: {only: {}}}
  slow: {price: free, targets: {only: {}}}
  dead: {price: free, targets: {only: {upstreams: [dead]}}}
  no-credential: {price: free, targets: {only: {credential: absent}}}
  reserved: {price: free, targets: {only: {}}}
  priced: {targets: {only: {model: detailed}}}
prices:
  version: docs
  models:
    priced: [{per_million_tokens: {input: 1, output: 2}}]
organizations:
  docs:
    models: [chat, unreported, failing, asleep, broken, slow, dead, no-credential, priced]
    teams:
      tests:
        limits: [{budget: 100, per: month}, {tokens: 1000k, per: day}]
        keys:
          active:
            hash: sha256:<sk-docs-tests>
          spender:
            hash: sha256:<sk-docs-spender>
            limits: [{budget: 0, per: ever, soft: true}, {budget: 1, per: month}]
          spent:
            hash: sha256:<sk-docs-spent>
            limits: [{budget: 0, per: day, fallback: chat}]
          broke:
            hash: sha256:<sk-docs-broke>
            limits: [{budget: 0, per: day}]
"""
RULES = re.sub("<(.*?)>", lambda m: hashlib.sha256(m[1].encode()).hexdigest(), RULES)


@dataclass(frozen=True)
class Gateway:
    url: str
    admin: str
    log: Path

    def lines(self) -> list[dict]:
        """The log, but for the probes that waited for the start."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line["path"] != "/readyz"]


@contextmanager
def running(folder: Path):
    """Yields a `Gateway` whose Envoy and upstream end with the context."""
    upstream, dead, listener, admin = free_ports(4)
    (folder / "policies").mkdir()
    (folder / "policies" / "rules.yaml").write_text(RULES)
    subprocess.run(
        [os.environ["TOLLGATE_CLI"], "envoy-config", "--policies", folder / "policies",
         "--module", os.environ["TOLLGATE_MODULE"], "--upstream", f"127.0.0.1:{upstream}",
         "--upstream", f"dead=127.0.0.1:{dead}", "--credential", f"absent={folder / 'absent'}",
         "--listen", str(listener), "--admin", str(admin), "-o", folder / "envoy"],
        check=True, stdout=subprocess.DEVNULL)
    server = [sys.executable, str(Path(__file__).parent / "upstream.py"), str(upstream)]
    envoy = [os.environ["TOLLGATE_ENVOY"], "-c", str(folder / "envoy" / "bootstrap.json"),
             "--disable-hot-restart", "--concurrency", "1", "--log-level", "warn",
             "--file-flush-interval-msec", "50"]
    programs = [Program("the upstream", server, folder / "upstream.log", folder / "upstream.out"),
                Program("Envoy", envoy, folder / "envoy.log", folder / "access.log")]
    gateway = Gateway(f"http://127.0.0.1:{listener}", f"http://127.0.0.1:{admin}",
                      folder / "access.log")
    try:
        programs[1].wait_until(lambda: ask(gateway, "/readyz")[0] == 200, seconds=20)
        yield gateway
    finally:
        for program in programs:
            program.stop()


# --- ways to ask


def ask(gateway: Gateway, path: str, body=None, **headers) -> tuple[int, dict]:
    """Status and JSON of an answer; (0, {}) where there is none."""
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    request = urllib.request.Request(f"{gateway.url}{path}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
    except OSError:
        return 0, {}


def chat(gateway: Gateway, model: str, **fields) -> tuple[int, dict]:
    return ask(gateway, "/v1/chat/completions", {"model": model, **fields})


def spend(gateway: Gateway, key: str) -> tuple[int, dict]:
    return ask(gateway, "/v1/chat/completions", {"model": "priced", "max_tokens": 10},
               authorization=f"Bearer {key}")


# The end of an answer whose length nobody knew. A client that leaves before it has left early.
LAST_CHUNK = b"\r\n0\r\n\r\n"


def raw(gateway: Gateway, text: str, until: bytes = b"}}") -> tuple[int, dict]:
    """Sends bytes, and leaves when the answer has brought what it waits for, or is over."""
    host, port = gateway.url.removeprefix("http://").split(":")
    said = b""
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(text.encode())
        while until not in said and (piece := connection.recv(65536)):
            said += piece
    body = said[said.index(b"{"):] if until == b"}}" else b"{}"
    return int(said.split()[1]), json.loads(body)


def stream(gateway: Gateway, model: str, until: bytes) -> tuple[int, dict]:
    body = json.dumps({"model": model, "stream": True})
    return raw(gateway, "POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\n"
               f"authorization: Bearer {KEY}\r\ncontent-type: application/json\r\n"
               f"content-length: {len(body)}\r\n\r\n{body}", until)


# Status, `code` of the error if it is one, and the outcome in the log.
ENDINGS = {
    "a chat by an alias": (lambda g: chat(g, "alias"), 200, None, "ok"),
    "a stream": (lambda g: stream(g, "chat", LAST_CHUNK), 200, None, "ok"),
    "an answer without usage": (lambda g: chat(g, "unreported"), 200, None, "ok"),
    "a message": (lambda g: ask(g, "/v1/messages", {"model": "chat"}), 200, None, "ok"),
    "a model list": (lambda g: ask(g, "/v1/models"), 200, None, "ok"),
    "an unknown key": (lambda g: ask(g, "/v1/models", authorization="Bearer x"),
                       401, "invalid_api_key", "refused"),
    "two keys": (lambda g: ask(g, "/v1/models", x_api_key="a,b"),
                 400, "conflicting_credentials", "refused"),
    "an unknown path": (lambda g: ask(g, "/v1/files"), 404, "unsupported_endpoint", "refused"),
    "a wrong method": (lambda g: ask(g, "/v1/messages"), 405, None, "refused"),
    "no body": (lambda g: chat_bytes(g, b""), 400, "missing_body", "refused"),
    "no JSON": (lambda g: chat_bytes(g, b"{"), 400, "invalid_json", "refused"),
    "a field twice": (lambda g: chat_bytes(g, b'{"model":"chat","model":"x"}'),
                      400, "duplicate_field", "refused"),
    "a field of a wrong type": (lambda g: chat(g, 7), 400, "invalid_request", "refused"),
    "a form": (lambda g: ask(g, "/v1/completions", b"a=b", content_type="text/plain"),
               415, "unsupported_media_type", "refused"),
    "a compressed body": (lambda g: ask(g, "/v1/completions", b"x", content_encoding="gzip"),
                          415, "unsupported_content_encoding", "refused"),
    "a body that says it is too large": (
        lambda g: raw(g, "POST /v1/embeddings HTTP/1.1\r\nhost: gateway\r\n"
                      f"authorization: Bearer {KEY}\r\ncontent-length: 99999999\r\n\r\n"),
        413, "request_too_large", "refused"),
    "an unknown model": (lambda g: chat(g, "x\x7f" * 100), 404, "model_not_found", "refused"),
    "a forbidden model": (lambda g: chat(g, "reserved"), 403, "model_not_allowed", "refused"),
    "kept state": (lambda g: ask(g, "/v1/responses", {"model": "chat", "background": True}),
                   400, "stateful_responses_disabled", "refused"),
    "a hosted tool": (lambda g: chat(g, "chat", web_search_options={}),
                      400, "hosted_tools_disabled", "refused"),
    "headers without end": (lambda g: ask(g, "/v1/models", x="x" * 70_000),
                            431, "request_headers_too_large", "refused"),
    "no HTTP": (lambda g: raw(g, "\x00\r\n\r\n"), 400, "invalid_http_request", "refused"),
    "an old HTTP": (lambda g: raw(g, "GET / HTTP/1.0\r\n\r\n"),
                    426, "http_version_not_supported", "refused"),
    "an upgrade": (lambda g: raw(g, "GET /v1/models HTTP/1.1\r\nhost: gateway\r\n"
                                 "connection: upgrade\r\nupgrade: websocket\r\n\r\n"),
                   404, "unsupported_endpoint", "refused"),
    "an upstream that fails": (lambda g: chat(g, "failing"), 500, None, "upstream_error"),
    "a model that sleeps": (lambda g: chat(g, "asleep"), 503, "model_waking", "refused"),
    "an upstream that is gone": (lambda g: chat(g, "dead"),
                                 503, "upstream_unavailable", "upstream_error"),
    "no upstream credential": (lambda g: chat(g, "no-credential"),
                               503, "upstream_credential_missing", "upstream_error"),
    "a priced chat": (lambda g: spend(g, SPENDER), 200, None, "ok"),
    "a budget that is used up, and a cheaper model": (lambda g: spend(g, SPENT), 200, None, "ok"),
    "a budget that is smaller than the request": (lambda g: spend(g, BROKE),
                                                  400, "request_exceeds_limit", "refused"),
    "an answer that breaks off": (lambda g: stream(g, "broken", b"never"), 200, None,
                                  "interrupted"),
    "a client that leaves": (lambda g: stream(g, "slow", b"France"), 200, None, "client_closed"),
}


def chat_bytes(gateway: Gateway, body: bytes) -> tuple[int, dict]:
    return ask(gateway, "/v1/chat/completions", body)
