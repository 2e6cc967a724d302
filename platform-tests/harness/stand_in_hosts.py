"""Stand-ins for what people and tools sign in to, below the laptop's domain: each host answers as its product does
to whoever has not."""

import json
import socket
from http.server import ThreadingHTTPServer

from harness.processes import served
from harness.running_edge import DOMAIN, Edge
from harness.stand_in_application import Application

ISSUER = f"https://dex.{DOMAIN}"
# By host and path, status, headers and body. Any other page is one for all.
ANSWERS: dict[tuple[str, str], tuple[int, dict[str, str], str]] = {
    ("dex", "/.well-known/openid-configuration"): (200, {}, json.dumps({"issuer": ISSUER})),
    ("argocd", "/api/v1/applications"): (401, {}, ""),
    ("chat", "/api/v1/chats/"): (403, {}, ""),
    ("n8n", "/"): (302, {"location": f"{ISSUER}/auth?client_id=oauth2-proxy"}, ""),
    ("grafana", "/api/org"): (401, {}, ""),
    ("mcp", "/mcp"): (401, {"www-authenticate": "Bearer"}, ""),
}


class Hosts(Application):
    def do_GET(self):
        status, headers, body = ANSWERS.get((self.headers["host"].partition(".")[0], self.path), (200, {}, "a page"))
        self.send_response(status)
        for name, value in (headers | {"content-length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())


def serve(port: int) -> ThreadingHTTPServer:
    return served(Hosts, port)


def found(edge: Edge, monkeypatch) -> None:
    """Names below the edge's domain lead to it, as DNS would have it, and who signed its certificate is believed."""
    connect = socket.create_connection

    def to_edge(address, *arguments, **more):
        its_own = address[0].endswith(f".{edge.domain}") and address[1] == 443
        return connect(("127.0.0.1", edge.ports["https"]) if its_own else address, *arguments, **more)

    monkeypatch.setattr(socket, "create_connection", to_edge)
    monkeypatch.setenv("SSL_CERT_FILE", str(edge.authority.folder / "ca.crt"))
