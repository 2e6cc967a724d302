"""The documents of this repository, and the fenced blocks and tables in them."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the document that it begins in."""

    language: str
    text: str
    line: int


def every() -> list[str]:
    """Every Markdown file that git knows or would know, by its path below the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted(name for name in names.split("\0") if name and (ROOT / name).exists())


def read(document: str) -> str:
    return (ROOT / document).read_text()


def blocks(document: str) -> list[Block]:
    text = read(document)
    return [Block(match[1], match[2], text.count("\n", 0, match.start()) + 2)
            for match in FENCE.finditer(text)]


def sentences(document: str) -> str:
    """Its text without the fenced blocks."""
    return FENCE.sub("", read(document))


def rows(document: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    section = re.split(rf"^#+ {re.escape(heading)}$", read(document), flags=re.MULTILINE)[1]
    table = re.search(r"^\|.*\n\|[ :|-]+\n((?:\|.*\n)+)", section, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")]
            for line in table[1].splitlines()]


def quoted(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)
