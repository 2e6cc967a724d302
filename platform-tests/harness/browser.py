"""As much of a browser as signing in takes: redirects, and cookies that a host keeps for itself.

Hosts below our domain are reached where the test says, without TLS: what is in front of them ends it."""

import http.client
import ssl
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urljoin, urlsplit

MOST_REDIRECTS = 10


@dataclass(frozen=True)
class Answer:
    url: str
    status: int
    location: str
    body: str


@dataclass
class Browser:
    """`hosts` has the ports of our hosts on loopback; `headers` go with every request."""

    hosts: dict[str, int]
    trusted: Path
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, SimpleCookie] = field(default_factory=dict)

    def open(self, url: str) -> Answer:
        """Goes where it is sent, and returns the last answer."""
        for _ in range(MOST_REDIRECTS):
            answer = self.request(url)
            if answer.status not in (302, 303, 307):
                return answer
            url = urljoin(url, answer.location)
        raise RuntimeError(f"more than {MOST_REDIRECTS} redirects, the last one to {url}")

    def request(self, url: str, headers: dict[str, str] | None = None) -> Answer:
        parts = urlsplit(url)
        kept = self.cookies.setdefault(parts.hostname, SimpleCookie())
        sent = self.headers | {"host": parts.netloc} | (headers or {})
        if kept:
            sent["cookie"] = "; ".join(f"{name}={cookie.coded_value}" for name, cookie in kept.items())
        connection = self.connection(parts.hostname, parts.port)
        try:
            connection.request("GET", url.partition(parts.netloc)[2] or "/", headers=sent)
            answer = connection.getresponse()
            self.keep(kept, answer.msg.get_all("set-cookie", []))
            return Answer(url, answer.status, answer.getheader("location", ""), answer.read().decode())
        finally:
            connection.close()

    def connection(self, host: str, port: int | None) -> http.client.HTTPConnection:
        if host in self.hosts:
            return http.client.HTTPConnection("127.0.0.1", self.hosts[host], timeout=20)
        assert host == "localhost", f"the browser was sent to {host}"
        return http.client.HTTPSConnection(host, port, timeout=20, context=ssl.create_default_context(cafile=self.trusted))

    def keep(self, kept: SimpleCookie, lines: list[str]) -> None:
        for line in lines:
            kept.load(line)
        for name in [name for name, cookie in kept.items() if not cookie.value]:
            del kept[name]
