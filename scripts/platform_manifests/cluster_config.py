"""A cluster's values: the files that feed every chart, as Helm merges them."""

import json
from pathlib import Path

import yaml

from refusal import Refusal

# Of the API server that charts are rendered for.
KUBERNETES = "1.35.0"


def clusters(root: Path) -> list[str]:
    """By the folders that have a configuration."""
    return sorted(path.parent.name for path in (root / "manifests/clusters").glob("*/config.yaml"))


def files(cluster: str) -> list[str]:
    """The defaults, what differs from them, and what `make render` adds; the later one wins."""
    return ["manifests/root/values.yaml", config_file(cluster), f"manifests/clusters/{cluster}/rendered/values.yaml"]


def config_file(cluster: str) -> str:
    """What a fork edits."""
    return f"manifests/clusters/{cluster}/config.yaml"


def cold_start(model: dict) -> int:
    """Seconds until a server is warm, by its entry in `models`; the charts have the same default."""
    return model.get("coldStartSeconds", 600)


def merged(root: Path, cluster: str) -> dict:
    """The values of a cluster of the checkout at `root`.

    Raises Refusal where one of its files is missing, can't be read, or is another cluster's."""
    rendered = files(cluster)[2]
    if not (root / rendered).exists():
        raise Refusal(f"{rendered} is missing: make render CLUSTERS={cluster}")
    return merge(edited(root, cluster), values(root, rendered))


def edited(root: Path, cluster: str) -> dict:
    """Those that people write, which `make render` starts from."""
    defaults, config, _ = files(cluster)
    both = merge(values(root, defaults), values(root, config))
    section = both.get("cluster")
    name = section.get("name") if isinstance(section, dict) else None
    if name != cluster:
        raise Refusal(f"{config}: cluster.name is {json.dumps(name)}, and the folder is {json.dumps(cluster)}: they have to be the same")
    return both


def values(root: Path, file: str) -> dict:
    """The map in a file of the checkout."""
    try:
        read = load(root / file)
    except FileNotFoundError:
        raise Refusal(f"{file} is missing") from None
    except Refusal as refusal:
        raise Refusal(f"{file}: {refusal}") from None
    if not isinstance(read, dict):
        raise Refusal(f"{file}: it is a {type(read).__name__}, and has to be a map of keys and values")
    return read


def merge(base: dict, over: dict) -> dict:
    both = dict(base)
    for key, value in over.items():
        nested = isinstance(value, dict) and isinstance(base.get(key), dict)
        both[key] = merge(base[key], value) if nested else value
    return both


def load(path: Path) -> dict | list:
    """YAML as people write it: a key that is there twice is refused, where YAML's readers take the last one.

    Raises Refusal with the line."""
    try:
        loader = yaml.CSafeLoader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        if node:
            refuse_ambiguous(node)
        return (node and loader.construct_document(node)) or {}
    except UnicodeDecodeError as error:
        raise Refusal(f"byte {error.start} is no UTF-8") from error
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        raise Refusal(f"line {place.line + 1}: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise Refusal(f"it is no YAML: {' '.join(str(error).split())}") from error


def refuse_ambiguous(node: yaml.Node, above: tuple[yaml.Node, ...] = ()) -> None:
    """A key given twice, and what contains itself by an alias."""
    if node in above:
        raise Refusal(f"{line(node)}: it contains itself")
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            refuse_ambiguous(item, (*above, node))
    if not isinstance(node, yaml.MappingNode):
        return
    known: dict[tuple[str, str], yaml.Node] = {}
    for key, value in node.value:
        name = (key.tag, str(key.value))
        if name in known:
            raise Refusal(f"{line(key)}: `{key.value}` is given twice: the first is in {line(known[name])}")
        known[name] = key
        refuse_ambiguous(value, (*above, node))


def line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"
