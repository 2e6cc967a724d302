"""Requests to the tenant edge, through kubectl and the listener for applications in the cluster: the same
way on a laptop and in a cloud, before any name, address or certificate is public."""

import contextlib
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass

from operations.kube import Kube


@dataclass(frozen=True)
class Answer:
    """Status 0 is none, and the body then says why."""

    status: int
    body: str

    def __str__(self) -> str:
        return f"{self.status} {self.code}".strip() if self.status else f"no answer ({self.body})"

    @property
    def code(self) -> str:
        """The error's code, as clients of the API see it."""
        with contextlib.suppress(ValueError, AttributeError):
            return json.loads(self.body).get("error", {}).get("code") or ""
        return ""


@dataclass(frozen=True)
class Edge:
    port: int

    def get(self, path: str, key: str | None = None) -> Answer:
        return self._ask("GET", path, key)

    def chat(self, model: str, key: str | None) -> Answer:
        """One short chat; a model that sleeps may take as long as it takes to wake."""
        body = {"model": model, "max_tokens": 8, "messages": [{"role": "user", "content": "Say OK."}]}
        return self._ask("POST", "/v1/chat/completions", key, json.dumps(body))

    def _ask(self, method: str, path: str, key: str | None, body: str | None = None) -> Answer:
        headers = {"content-type": "application/json"}
        if key:
            headers["authorization"] = f"Bearer {key}"
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                return Answer(answer.status, answer.read().decode(errors="replace"))
            except (OSError, http.client.HTTPException) as error:
                return Answer(0, str(error))


@contextlib.contextmanager
def forwarded(kube: Kube) -> Iterator[Edge]:
    """The edge, for as long as it is asked."""
    with kube.forwarded("edge", "tollgate-edge-internal", 8081) as port:
        yield Edge(port)
