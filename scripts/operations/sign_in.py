"""Whether people can sign in: one issuer, and no page that is served without a session."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

from operations.session import Session

# Which pages a feature puts behind the sign-in.
PAGES = {"openWebui": "chat", "n8n": "n8n"}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def findings(session: Session) -> Iterator[tuple[str, str]]:
    features, domain = session.values.get("features", {}), session.values["domain"]
    if not features.get("dex"):
        return
    issuer = f"https://dex.{domain}"
    yield "the issuer is who it says", issued_by(issuer)
    for feature, host in PAGES.items():
        if features.get(feature):
            yield f"{host}.{domain} asks for a session", guarded(f"https://{host}.{domain}/")


def issued_by(issuer: str) -> str:
    try:
        with urllib.request.urlopen(f"{issuer}/.well-known/openid-configuration", timeout=20) as answer:
            named = json.load(answer)["issuer"]
    except (OSError, ValueError, KeyError) as error:
        return str(error)
    return "" if named == issuer else f"it calls itself {named}"


def guarded(url: str) -> str:
    """'' where the page sends to the sign-in, or refuses."""
    try:
        with urllib.request.build_opener(_NoRedirect).open(url, timeout=20) as answer:
            return f"{answer.status} without a session"
    except urllib.error.HTTPError as error:
        return "" if error.code in (302, 303, 307, 401, 403) else f"{error.code}"
    except OSError as error:
        return str(error)
