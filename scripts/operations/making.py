"""How the values of secrets are made, as the table says."""

import base64
import os
import secrets

from operations.policies import mint
from operations.session import Session
from operations.table import Secret


def make(session: Session, secret: Secret) -> dict[str, str]:
    """New values for all properties of a secret."""
    values = {}
    for name, how in secret.properties.items():
        if "random" in how:
            values[name] = random_text(how["random"], how.get("as", "base64url"))
        elif "virtual-key" in how:
            values[name] = mint(session)
    for name, how in secret.properties.items():
        if "text" in how:
            values[name] = how["text"].format(**values)
    return values


def random_text(size: int, encoding: str) -> str:
    if encoding == "hex":
        return secrets.token_hex(size)
    return base64.urlsafe_b64encode(os.urandom(size)).decode().rstrip("=")
