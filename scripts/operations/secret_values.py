"""How the values of secrets are made, as the table says."""

import os
import secrets
from pathlib import Path

from operations.policies import mint
from operations.secret_table import Secret
from operations.session import Refusal, Session


def make(session: Session, secret: Secret) -> dict[str, str]:
    """New values for all properties of a secret."""
    values = {}
    for name, how in secret.properties.items():
        if "random" in how:
            values[name] = secrets.token_urlsafe(how["random"])
        elif "virtual-key" in how:
            values[name] = mint(session)
        else:
            values[name] = given(secret.name)
    return values


def is_left_to_others(secret: Secret) -> bool:
    """Somebody else makes it, and has not said in which file it is."""
    return any("given" in how for how in secret.properties.values()) and not os.environ.get(variable(secret.name))


def variable(name: str) -> str:
    """What names the file with a secret that somebody gave: on no command line, and in no history."""
    return f"{name.upper().replace('-', '_')}_FILE"


def given(name: str) -> str:
    path = Path(os.environ.get(variable(name), ""))
    if not path.is_file():
        raise Refusal(f"{variable(name)}=FILE names the file with {name}")
    return one_line(path, variable(name))


def one_line(path: Path, named_by: str) -> str:
    """The one line of a file. What is empty would look as if it were a secret, and never be mended."""
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{named_by}={path}: it can't be read as text ({type(error).__name__})") from None
    if len(text.splitlines()) != 1:
        raise Refusal(f"{named_by}={path}: {'it is empty' if not text else 'it has several lines, and a secret is one'}")
    return text
