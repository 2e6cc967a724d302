"""The picture of the platform is drawn from its manifests, and can be read."""

import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from harness import rendering
from harness.platforms import ROOT

SVG = "{http://www.w3.org/2000/svg}"
# Of a document's page, beyond which its text gets too small; of a letter of a port's number.
WIDTH, LETTER, HEIGHT = 940, 6.1, 8
# Left, top, right, bottom.
Area = tuple[float, float, float, float]


def test_the_picture_shows_the_manifests_as_they_are():
    command = [sys.executable, ROOT / "scripts/topology", "--check", "production", "docs/topology.svg"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stderr == ""


@pytest.mark.parametrize("cluster", rendering.clusters(ROOT))
def test_nothing_hides_anything(cluster, tmp_path):
    file = tmp_path / "picture.svg"
    subprocess.run([sys.executable, ROOT / "scripts/topology", cluster, file], check=True)
    picture = ElementTree.parse(file).getroot()
    assert float(picture.get("width")) <= WIDTH
    boxes = [area(*(float(box.get(name)) for name in ("x", "y", "width", "height"))) for box in of(picture, "rect", "box")]
    lines = [line(path.get("d")) for path in (*of(picture, "path", "flow"), *of(picture, "path", "back"))]
    ports = [text(one) for one in of(picture, "text", "port")]
    assert boxes and lines and ports
    assert not [pair for pair in itertools.combinations(boxes, 2) if overlap(*pair)]
    assert not [pair for pair in itertools.product(boxes, lines) if overlap(*pair)], "an arrow passes behind a box"
    assert not [pair for pair in itertools.product(boxes, ports) if overlap(*pair)]
    assert not [pair for pair in itertools.product(lines, ports) if overlap(*pair)], "a line goes through a number"
    assert not [pair for pair in itertools.combinations(ports, 2) if overlap(*pair)]


def of(picture: ElementTree.Element, kind: str, style: str) -> list[ElementTree.Element]:
    return [one for one in picture.iter(SVG + kind) if style in (one.get("class") or "").split()]


def area(x: float, y: float, width: float, height: float) -> Area:
    return x, y, x + width, y + height


def line(way: str) -> Area:
    """Of one stretch, either way."""
    x, y, direction, end = re.fullmatch(r"M(\S+) ([\d.]+)([HVh])([\d.]+)", way).groups()
    if direction == "h":
        return float(x), float(y), float(x) + float(end), float(y)
    return (float(x), float(y), float(end), float(y)) if direction == "H" else (float(x), float(y), float(x), float(end))


def text(label: ElementTree.Element) -> Area:
    width, x, y = LETTER * len(label.text), float(label.get("x")), float(label.get("y"))
    return area(x - width if label.get("text-anchor") == "end" else x, y - HEIGHT, width, HEIGHT)


def overlap(one: Area, other: Area) -> bool:
    """More than touching."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
