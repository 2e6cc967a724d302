"""Files that scripts write and Git keeps."""

import os
from pathlib import Path

from refusal import Refusal

ROOT = Path(__file__).resolve().parent.parent


def settle(files: dict[Path, str], check: bool, remedy: str) -> str:
    """Writes what is not there as it should be, and says whether anything was. To check is to write nothing,
    and to refuse what is stale."""
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    if check and stale:
        names = ", ".join(os.path.relpath(path, ROOT) for path in stale)
        raise Refusal(f"stale: {names}: run `{remedy}` and commit what it writes")
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[path])
    return "written" if stale else "current"
