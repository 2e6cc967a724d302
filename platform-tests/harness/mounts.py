"""Folders as the kubelet mounts ConfigMaps and Secrets: files are links into `..data`, itself a link
that is swapped to a new folder when the object changes."""

import itertools
import os
from pathlib import Path

_numbers = itertools.count()


def write(mount: Path, files: dict[str, str]) -> None:
    """Makes or swaps the mounted folder's contents, all at once."""
    mount.mkdir(parents=True, exist_ok=True)
    version = mount / f"..version-{next(_numbers)}"
    version.mkdir()
    for name, text in files.items():
        (version / name).write_text(text)
    link = mount / "..data_tmp"
    link.symlink_to(version.name)
    os.rename(link, mount / "..data")
    for name in files:
        if not (mount / name).is_symlink():
            (mount / name).symlink_to(f"..data/{name}")
