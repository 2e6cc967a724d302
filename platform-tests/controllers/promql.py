"""What a query asks for, from the syntax tree that Prometheus itself makes of it: which series, and
which labels are expected of them."""

from collections.abc import Callable, Iterator

# Labels that every series has, from where it was scraped.
TARGET = {"job", "instance", "namespace", "pod", "container", "endpoint"}

LabelsOf = Callable[[str], set[str]]


def selectors(tree: dict) -> Iterator[dict]:
    """Every selector of series in it."""
    if tree["type"] in ("vectorSelector", "matrixSelector"):
        yield tree
    for child in children(tree):
        yield from selectors(child)


def children(tree: dict) -> list[dict]:
    parts = [tree.get(key) for key in ("expr", "lhs", "rhs", "param")] + tree.get("args", [])
    return [part for part in parts if part]


def strange_labels(tree: dict, labels_of: LabelsOf) -> Iterator[str]:
    """Labels that it speaks of and that its series don't have."""
    if tree["type"] in ("vectorSelector", "matrixSelector"):
        asked = {matcher["name"] for matcher in tree["matchers"]} - {"__name__"}
        yield from (f"{tree['name']} has no label {label}" for label in sorted(asked - labels_of(tree["name"])))
    if tree["type"] == "aggregation" and not tree["without"]:
        absent = set(tree["grouping"]) - labels(tree["expr"], labels_of)
        yield from (f"{tree['op']} by {label}: no series below has it" for label in sorted(absent))
    if tree["type"] == "binaryExpr" and tree["matching"] and tree["matching"]["on"]:
        for side in ("lhs", "rhs"):
            absent = set(tree["matching"]["labels"]) - labels(tree[side], labels_of)
            yield from (f"on ({label}): the {side} has it not" for label in sorted(absent))
    for child in children(tree):
        yield from strange_labels(child, labels_of)


def labels(tree: dict, labels_of: LabelsOf) -> set[str]:
    """The labels that its result may have."""
    match tree["type"]:
        case "vectorSelector" | "matrixSelector":
            return labels_of(tree["name"])
        case "aggregation":
            below = labels(tree["expr"], labels_of)
            return below - set(tree["grouping"]) if tree["without"] else below & set(tree["grouping"])
        case "call":
            return labels_of_call(tree, labels_of)
        case "binaryExpr":
            return labels_of_operation(tree, labels_of)
        case "numberLiteral" | "stringLiteral":
            return set()
    return labels(tree["expr"], labels_of)


def labels_of_call(tree: dict, labels_of: LabelsOf) -> set[str]:
    below = set().union(*(labels(argument, labels_of) for argument in tree["args"]))
    if tree["func"]["name"] == "label_replace":
        return below | {tree["args"][1]["val"]}
    return below - {"le"} if tree["func"]["name"] == "histogram_quantile" else below


def labels_of_operation(tree: dict, labels_of: LabelsOf) -> set[str]:
    left, right = (labels(tree[side], labels_of) for side in ("lhs", "rhs"))
    matching = tree["matching"]
    if not matching or tree["op"] == "or":
        return left | right
    if matching["card"] == "one-to-one" and matching["on"] and tree["op"] in ("+", "-", "*", "/"):
        return set(matching["labels"])
    return left | set(matching["include"])
