"""Values put into a cluster's config.yaml, line by line: comments and the order of the lines stay.

Of YAML it knows what that file consists of: mappings one key a line."""

import difflib
import json
import re

LINE = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z0-9_.-]+):(?P<value>[^#]*?)(?P<comment>\s+#.*)?$")
QUOTED = re.compile(r'^(?P<indent> *)(?P<key>[A-Za-z0-9_.-]+):(?P<value> +(?:"(?:[^"\\]|\\.)*"|\'[^\']*\'))(?P<comment>\s+#.*)?$')
PLAIN = re.compile(r"^[A-Za-z_/][A-Za-z0-9_./-]*$")
WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


class Unwritable(Exception):
    """Where the file is not as it has to be, in words for whoever edits it."""


def edited(text: str, wanted: dict[str, object]) -> str:
    """The file with each value at its place, such as `edge.service.address`.

    Raises Unwritable where a place holds something else than a single value."""
    lines = text.splitlines()
    for place, value in wanted.items():
        lines = put(list(lines), place.split("."), value)
    return "".join(f"{line}\n" for line in lines)


def diff(name: str, before: str, after: str) -> str:
    """What would change, as `git diff` shows it; '' where nothing would."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{name}", f"b/{name}"
    )
    return "".join(lines)


def put(lines: list[str], path: list[str], value: object) -> list[str]:
    """Replaces the value at the path, or adds what is missing below the deepest key there is."""
    start, end, indent = 0, len(lines), 0
    for depth, key in enumerate(path):
        found = find(lines, start, end, indent, key)
        if found is None:
            return added(lines, last_line(lines, start, end) + 1, indent, path[depth:], value)
        number, match = found
        if depth == len(path) - 1:
            lines[number] = replaced(lines, number, match, path, value)
            return lines
        if match["value"].strip() == "{}":
            lines[number] = f"{match['indent']}{key}:{match['comment'] or ''}"
        elif match["value"].strip():
            raise Unwritable(f"line {number + 1}: `{'.'.join(path[:depth + 1])}` has a value; it should hold `{path[depth + 1]}`")
        start, end = number + 1, block_end(lines, number + 1, end, len(match["indent"]))
        indent = inner_indent(lines, start, end, len(match["indent"]) + 2)
    return lines


def parsed(line: str) -> re.Match | None:
    return QUOTED.match(line) or LINE.match(line)


def find(lines: list[str], start: int, end: int, indent: int, key: str):
    for number in range(start, end):
        match = parsed(lines[number])
        if match and len(match["indent"]) == indent and match["key"] == key:
            return number, match
    return None


def blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def block_end(lines: list[str], start: int, end: int, indent: int) -> int:
    """The first line after `start` that is not deeper than `indent`."""
    for number in range(start, end):
        if not blank(lines[number]) and len(lines[number]) - len(lines[number].lstrip()) <= indent:
            return number
    return end


def inner_indent(lines: list[str], start: int, end: int, default: int) -> int:
    for line in lines[start:end]:
        if not blank(line):
            return len(line) - len(line.lstrip())
    return default


def last_line(lines: list[str], start: int, end: int) -> int:
    """The last line of the block that says something; comments behind it belong to what follows."""
    used = [number for number in range(start, end) if not blank(lines[number])]
    return used[-1] if used else start - 1


def added(lines: list[str], at: int, indent: int, keys: list[str], value: object) -> list[str]:
    new = [f"{' ' * (indent + 2 * depth)}{key}:" for depth, key in enumerate(keys)]
    new[-1] += f" {scalar(value)}"
    # A block of its own stands apart.
    apart = [""] if indent == 0 and len(keys) > 1 and at > 0 else []
    return lines[:at] + apart + new + lines[at:]


def replaced(lines: list[str], number: int, match: re.Match, path: list[str], value: object) -> str:
    old = match["value"].strip()
    below = block_end(lines, number + 1, len(lines), len(match["indent"])) - number - 1
    if old[:1] in ("{", "[", "|", ">", "&", "*") or (not old and any(not blank(line) for line in lines[number + 1 : number + 1 + below])):
        raise Unwritable(f"line {number + 1}: `{'.'.join(path)}` is no single value")
    # The same value in another spelling is no change.
    new = old if old.strip("\"'") == scalar(value).strip('"') else scalar(value)
    return f"{match['indent']}{match['key']}: {new}{match['comment'] or ''}"


def scalar(value: object) -> str:
    if isinstance(value, str) and PLAIN.match(value) and value.lower() not in WORDS:
        return value
    return json.dumps(value)
