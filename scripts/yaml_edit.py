"""Changes single values of YAML that people write: all other text stays as it is, byte by byte.

PyYAML's nodes know where each value stands. What comes out is read again and has to say what was meant;
where it does not (an alias, a key that is there twice) nothing is changed and a Refusal says so.

A library that writes the whole file again (ruamel.yaml) would lose layout: it indents all lists alike, and
puts a new key below the comment that belongs to what follows."""

import difflib
import json
import re
from decimal import Decimal

import yaml

from refusal import Refusal

# Text that is text in every version of YAML without quotes: words, versions, addresses.
PLAIN = re.compile(r"[A-Za-z_/][\w./:+-]*(?<!:)|\d+(\.[\w+/-]+){2,}", re.ASCII)
WORDS = {"y", "n"}

Place = tuple[str, ...]


def put(text: str, path: Place, value: object) -> str:
    """Has the value at the path, which is added where it is missing. A map can be added, not replaced."""
    wanted = _data(text)
    if _place(wanted, path, value):
        return text
    return _checked(_put(text, path, value), wanted, path)


def put_all(text: str, wanted: dict[Place, object]) -> str:
    for path, value in wanted.items():
        text = put(text, path, value)
    return text


def diff(name: str, before: str, after: str) -> str:
    """What would change, as `git diff` shows it; '' where nothing would."""
    return "".join(difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"a/{name}", f"b/{name}"))


def remove(text: str, path: Place) -> str:
    """The text without the path's last key, which has to be there."""
    wanted = _data(text)
    above = wanted
    for key in path[:-1]:
        above = above[key]
    del above[path[-1]]
    return _checked(_remove(text, path), wanted, path)


def get(text: str, path: Place) -> object:
    """The value at the path, or None."""
    value = _data(text)
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _data(text: str) -> dict:
    try:
        return _unshared(yaml.load(text, Loader=yaml.CSafeLoader) or {})
    except yaml.MarkedYAMLError as error:
        raise Refusal(f"line {error.problem_mark.line + 1}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise Refusal(f"it is no YAML: {error}") from error


def _unshared(value):
    """What an alias names is one object in several places."""
    if isinstance(value, dict):
        return {key: _unshared(inner) for key, inner in value.items()}
    return [_unshared(inner) for inner in value] if isinstance(value, list) else value


def _place(data: dict, path: Place, value: object) -> bool:
    """Puts it into what was read; whether it was there already."""
    for key in path[:-1]:
        if not isinstance(data.get(key), dict):
            data[key] = {}
        data = data[key]
    same = path[-1] in data and data[path[-1]] == value and type(data[path[-1]]) is type(value)
    data[path[-1]] = value
    return same


def _checked(text: str, wanted: dict, path: Place) -> str:
    try:
        if yaml.load(text, Loader=yaml.CSafeLoader) == wanted:
            return text
    except yaml.YAMLError:
        pass
    raise Refusal(f"`{'.'.join(path)}` can't be changed without changing more: do it by hand")


def _put(text: str, path: Place, value: object) -> str:
    node, column, line = yaml.compose(text, Loader=yaml.CSafeLoader), -2, 0
    inside_flow = False
    for depth, key in enumerate(path):
        if not _is_empty(node) and not isinstance(node, yaml.MappingNode):
            raise Refusal(f"line {line + 1}: `{'.'.join(path[:depth])}` has a value; it should hold `{key}`")
        found = _entry(node, key)
        if not found:
            return _add(text, node, column, inside_flow, path[depth:], value)
        inside_flow = inside_flow or bool(node.flow_style)
        line, column, node = found[0].start_mark.line, found[0].start_mark.column, found[1]
    if not isinstance(node, yaml.ScalarNode) or node.style in ("|", ">") or isinstance(value, dict):
        raise Refusal(f"line {line + 1}: `{'.'.join(path)}` is no single value")
    start, end = node.start_mark.index, node.end_mark.index
    return text[:start] + " " * (start == end) + _spelled_alike(node, value) + text[end:]


def _add(text: str, node: yaml.Node | None, column: int, inside_flow: bool, keys: Place, value: object) -> str:
    """With a key more in a map that there is; `column` is where the map's own key stands."""
    for key in reversed(keys):
        value = {key: value}
    if node is None:
        return _with_lines(text, len(text), _block(value, 0))
    if node.value and isinstance(node, yaml.MappingNode):
        last = _end(node.value[-1][1])
        if node.flow_style:
            return f"{text[:last]}, {_flow(value)[1:-1]}{text[last:]}"
        lines = _block(value, node.value[0][0].start_mark.column)
        # A block of its own stands apart.
        apart = [""] if column < 0 and len(lines) > 1 else []
        return _with_lines(text, _next_line(text, last), apart + lines)
    start, end = node.start_mark.index, node.end_mark.index
    if inside_flow or "\n" in text[start:end]:
        return f"{text[:start]}{' ' * (start == end)}{_flow(value)}{text[end:]}"
    # `{}` or `null` gives way to lines of its own below.
    start = len(text[:start].rstrip(" "))
    return _with_lines(text[:start] + text[end:], _next_line(text[:start] + text[end:], start), _block(value, column + 2))


def _remove(text: str, path: Place) -> str:
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    for key in path[:-1]:
        node = _entry(node, key)[1]
    key, value = _entry(node, path[-1])
    number = [entry[0] for entry in node.value].index(key)
    start, end = key.start_mark.index, _end(value)
    if not node.flow_style:
        return text[: start - key.start_mark.column] + text[_next_line(text, end) :]
    if number + 1 < len(node.value):
        end = node.value[number + 1][0].start_mark.index
    elif number:
        start = _end(node.value[number - 1][1])
    return text[:start] + text[end:]


def _entry(node: yaml.Node | None, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    entries = node.value if isinstance(node, yaml.MappingNode) else []
    return next((entry for entry in entries if entry[0].value == key), None)


def _is_empty(node: yaml.Node | None) -> bool:
    return node is None or node.tag == "tag:yaml.org,2002:null"


def _end(node: yaml.Node) -> int:
    """Where its last word ends; what PyYAML calls the end of a block lies behind the comments after it."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style:
        return node.end_mark.index
    last = node.value[-1]
    return _end(last[1] if isinstance(node, yaml.MappingNode) else last)


def _next_line(text: str, index: int) -> int:
    if index and text[index - 1] == "\n":
        return index
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _with_lines(text: str, index: int, lines: list[str]) -> str:
    before = text[:index]
    if before and not before.endswith("\n"):
        before += "\n"
    return before + "".join(f"{line}\n" for line in lines) + text[index:]


def _block(value: dict, indent: int) -> list[str]:
    """A map as lines; of a list each item is one."""
    lines = []
    for key, inner in value.items():
        head = f"{' ' * indent}{_flow(key)}:"
        if inner and isinstance(inner, dict):
            lines += [head, *_block(inner, indent + 2)]
        elif inner and isinstance(inner, list):
            lines += [head, *(f"{' ' * indent}  - {_flow(item)}" for item in inner)]
        else:
            lines.append(f"{head} {_flow(inner)}")
    return lines


def _flow(value: object) -> str:
    """On one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, float):
        # No exponent: readers differ about what is one.
        return format(Decimal(repr(value)), "f")
    if not isinstance(value, str):
        return yaml.safe_dump([value], default_flow_style=True).strip()[1:-1]
    is_plain = PLAIN.fullmatch(value) and value.lower() not in WORDS and yaml.safe_load(value) == value
    return value if is_plain else json.dumps(value)


def _spelled_alike(node: yaml.ScalarNode, value: object) -> str:
    """In the quotes that are there."""
    if isinstance(value, str) and node.style == '"':
        return json.dumps(value)
    if isinstance(value, str) and node.style == "'":
        return "'" + value.replace("'", "''") + "'"
    return _flow(value)
