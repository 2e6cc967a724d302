"""Whether people can sign in: one issuer, and no page that is served without a session."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator

from operations.session import Session

# What each feature keeps from whoever has not signed in, or has no token: the host, and a path that is no page for all.
GUARDED = {
    "dex": ("argocd", "/api/v1/applications"),
    "openWebui": ("chat", "/api/v1/chats/"),
    "n8n": ("n8n", "/"),
    "prometheus": ("grafana", "/api/org"),
    "mcp": ("mcp", "/mcp"),
}
# Whatever keeps an answer away.
NO_ANSWER = (OSError, http.client.HTTPException)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def findings(session: Session) -> Iterator[tuple[str, str]]:
    features, domain = session.values.get("features", {}), session.values["domain"]
    if not features.get("dex"):
        return
    issuer = f"https://dex.{domain}"
    yield "the issuer is who it says", issued_by(issuer)
    for feature, (host, path) in GUARDED.items():
        if features.get(feature):
            yield f"{host}.{domain} asks who is there", guarded(f"https://{host}.{domain}{path}", issuer)


def issued_by(issuer: str) -> str:
    try:
        with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration", timeout=20) as answer:
            named = json.load(answer)["issuer"]
    except NO_ANSWER as error:
        return str(error).strip()
    except (ValueError, KeyError, TypeError):
        return "what it answers names no issuer"
    return "" if named == issuer else f"it calls itself {named}"


def guarded(url: str, issuer: str) -> str:
    """'' where the page sends to the issuer, or refuses."""
    try:
        with urllib.request.build_opener(_NoRedirect).open(url, timeout=20) as answer:
            return f"{answer.status} without a session"
    except urllib.error.HTTPError as error:
        location = error.headers.get("location", "")
        if error.code in (302, 303, 307):
            return "" if location.startswith(f"{issuer}/") else f"it sends to {location or 'nowhere'}, and not to {issuer}"
        return "" if error.code in (401, 403) else f"{error.code}"
    except NO_ANSWER as error:
        return str(error).strip()
