"""Boxes and arrows as an SVG that reads at a document's width.

Boxes stand in columns, by how many arrows it takes to reach them. Arrows run in lanes between columns, never
behind a box: those of one source share a lane; those that lead back over a column share a channel below all."""

import itertools
import textwrap
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.sax.saxutils import escape

# A letter's width, a line's height, from a box's edge to its text; a letter of the ports', and an arrow's head.
LETTER, LINE, PAD, DIGIT, HEAD = 6.63, 14, 8, 6.1, 8
# Between lanes, between arrows at a box, between boxes, around all.
LANE, DOOR, ROW, MARGIN = 9, 15, 12, 10
STYLE = """
text { font: 11px ui-monospace, monospace; fill: #1f2328 } .title { font-weight: bold } .port { font-size: 10px; fill: #57606a }
.box { fill: #f6f8fa; stroke: #57606a } .public { fill: #ddf4ff; stroke: #0969da }
.flow { fill: none; stroke: #0969da } .back { fill: none; stroke: #8250df; stroke-dasharray: 4 3 }
.flow-head { fill: #0969da } .back-head { fill: #8250df }
"""


Point = tuple[float, float]


class Arrow(NamedTuple):
    source: str
    target: str
    ports: str


@dataclass
class Box:
    """A namespace, and where it stands. `left` and `right` are its doors: what meets that edge, and where."""

    name: str
    lines: list[str]
    depth: int
    x: float = 0
    y: float = 0
    left: dict[tuple, float] = field(default_factory=dict)
    right: dict[tuple, float] = field(default_factory=dict)

    @property
    def width(self) -> float:
        return 2 * PAD + LETTER * max(map(len, [self.name, *self.lines]))

    @property
    def height(self) -> float:
        return max(PAD + LINE * (1 + len(self.lines)), DOOR * (1 + max(len(self.left), len(self.right))))

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def drawing(contents: dict[str, list[str]], arrows: list[Arrow], first: str, notes: list[str]) -> str:
    """Of each box its lines, the arrows between them, the box where all begins, and what is said below."""
    depths = reached(first, arrows)
    boxes = {name: Box(name, lines, depths[name]) for name, lines in contents.items()}
    routes = [Route(boxes[source], boxes[target], ports) for source, target, ports in arrows]
    for route in routes:
        route.announce()
    columns = [[box for box in boxes.values() if box.depth == depth] for depth in range(max(depths.values()) + 1)]
    place(columns, routes)
    open_doors(boxes, routes)
    gaps = stand_apart(columns, routes)
    below = channels(boxes, routes)
    width = gaps[-1].end + MARGIN
    ways = [(route.style, route.way(gaps, below)) for route in routes]
    heads = [route.head(corners[-1]) for route, (_, corners) in zip(routes, ways)]
    bottom = max(below.values(), default=max(box.y + box.height for box in boxes.values())) + 2 * ROW
    texts = [*legend(bottom), *wrapped(notes, width, bottom + LINE)]
    return page(width, texts, [*lines_of(ways), *map(shape, boxes.values()), *dict.fromkeys(heads)])


def reached(first: str, arrows: list[Arrow]) -> dict[str, int]:
    """How many arrows it takes from the first box. What none leads to is where the arrows begin, too."""
    depths, waiting = {first: 0}, [first]
    while waiting:
        source = waiting.pop(0)
        for near, target, _ in arrows:
            if near == source and target not in depths:
                depths[target] = depths[source] + 1
                waiting.append(target)
    return {name: 0 for arrow in arrows for name in arrow[:2]} | depths


@dataclass
class Route:
    """One arrow: forwards to the next column, beside its own, back by one, or back over a column."""

    source: Box
    target: Box
    ports: str

    @property
    def kind(self) -> str:
        step = self.target.depth - self.source.depth
        return {1: "forwards", 0: "beside", -1: "back"}.get(step, "over")

    @property
    def gap(self) -> int:
        """Of which column the lane is on the right."""
        return self.source.depth - (self.kind == "back")

    @property
    def lane(self) -> tuple:
        if self.kind == "forwards":
            return "forwards", self.source.name
        if self.kind == "over":
            return "over", self.target.name, self.ports
        return self.kind, self.source.name, self.target.name

    def announce(self) -> None:
        """To both boxes that they need a door; how many decides how high they are."""
        for side, door in ((self.leaves(), self.out()), (self.arrives(), self.into())):
            if side is not None:
                side[door] = 0

    def leaves(self) -> dict:
        return self.source.left if self.kind == "back" else self.source.right

    def arrives(self) -> dict | None:
        """None: from below."""
        return {"forwards": self.target.left, "over": None}.get(self.kind, self.target.right)

    def out(self) -> tuple:
        return self.lane if self.kind in ("forwards", "over") else ("out", self.target.name)

    def into(self) -> tuple:
        return "in", self.source.name

    @property
    def style(self) -> str:
        return "flow" if self.kind == "forwards" else "back"

    def way(self, gaps: list["Gap"], below: dict[tuple, float]) -> list[Point]:
        """From corner to corner."""
        lane = gaps[self.gap].lanes[self.lane]
        start = (self.source.x if self.kind == "back" else self.source.x + self.source.width, self.leaves()[self.out()])
        if self.kind == "over":
            end = (self.target.x + self.target.width / 2 + aside(below, self.lane), self.target.y + self.target.height)
            return [start, (lane, start[1]), (lane, below[self.lane]), (end[0], below[self.lane]), end]
        end = (self.target.x if self.kind == "forwards" else self.target.x + self.target.width, self.arrives()[self.into()])
        return [start, (lane, start[1]), (lane, end[1]), end]

    def head(self, end: Point) -> str:
        """The arrow's, and its ports beside it."""
        x, y = end
        turned = {"forwards": "l-8 -4v8", "over": "l-4 8h8"}.get(self.kind, "l8 -4v8")
        right, down = {"forwards": (-HEAD - 2, -3), "over": (5, 17)}.get(self.kind, (HEAD + 2, -3))
        anchor = "end" if right < 0 else "start"
        text = f'<text class="port" x="{x + right:g}" y="{y + down:g}" text-anchor="{anchor}">{self.ports}</text>'
        return f'<path class="{self.style}-head" d="M{x:g} {y:g}{turned}z"/>{text}'


def aside(below: dict[tuple, float], lane: tuple) -> float:
    """Arrows that meet one box from below do so side by side."""
    return 40 * [other for other in below if other[1] == lane[1]].index(lane)


def lines_of(ways: list[tuple[str, list[Point]]]) -> list[str]:
    """Each stretch once, however many arrows share it: dashes over dashes are no dashes."""
    stretches: dict[tuple, list[list[float]]] = {}
    for style, corners in ways:
        for (x, y), (next_x, next_y) in itertools.pairwise(corners):
            if y == next_y and x != next_x:
                stretches.setdefault((style, "H", y), []).append(sorted((x, next_x)))
            elif y != next_y:
                stretches.setdefault((style, "V", x), []).append(sorted((y, next_y)))
    drawn = []
    for (style, direction, at), parts in stretches.items():
        for start, end in joined(sorted(parts)):
            begin = f"{start:g} {at:g}" if direction == "H" else f"{at:g} {start:g}"
            drawn.append(f'<path class="{style}" d="M{begin}{direction}{end:g}"/>')
    return drawn


def joined(parts: list[list[float]]) -> list[list[float]]:
    whole = [list(parts[0])]
    for start, end in parts[1:]:
        if start <= whole[-1][1]:
            whole[-1][1] = max(whole[-1][1], end)
        else:
            whole.append([start, end])
    return whole


def place(columns: list[list[Box]], routes: list[Route]) -> None:
    """The fullest column from top to bottom; the others beside what they lead to, or what leads to them."""
    fullest = max(columns, key=lambda column: sum(box.height for box in column))
    order = columns.index(fullest)
    fullest.sort(key=lambda box: (sorted(route.source.name for route in routes if route.target is box and route.kind == "forwards"), box.name))
    y = MARGIN
    for box in fullest:
        box.y, y = y, y + box.height + ROW
    for column in [*reversed(columns[:order]), *columns[order + 1:]]:
        before = columns.index(column) > order
        for box in column:
            near = [route.source if before else route.target for route in routes
                    if route.kind == "forwards" and box is (route.target if before else route.source)]
            box.y = (sum(other.middle for other in near) / len(near) if near else fullest[0].middle) - box.height / 2
        column.sort(key=lambda box: box.y)
        y = MARGIN
        for box in column:
            box.y, y = max(box.y, y), max(box.y, y) + box.height + ROW


def open_doors(boxes: dict[str, Box], routes: list[Route]) -> None:
    """Evenly over an edge, in the order of what is at the other end; what arrives from there comes first."""
    wanted: dict[int, dict[tuple, list[float]]] = {}
    for route in routes:
        bottom = float("inf") if route.kind == "over" else route.target.middle
        wanted.setdefault(id(route.leaves()), {}).setdefault(route.out(), []).append(bottom)
        if route.arrives() is not None:
            wanted.setdefault(id(route.arrives()), {}).setdefault(route.into(), []).append(route.source.middle)
    for box in boxes.values():
        for side in (box.left, box.right):
            ends = wanted.get(id(side), {})
            for number, door in enumerate(sorted(side, key=lambda door: (sum(ends[door]) / len(ends[door]), door[0] != "in")), 1):
                side[door] = box.y + box.height * number / (len(side) + 1)


class Gap(NamedTuple):
    lanes: dict[tuple, float]
    end: float


def stand_apart(columns: list[list[Box]], routes: list[Route]) -> list[Gap]:
    """Columns from left to right, between them room for lanes and, where arrows end, for their ports."""
    x, gaps = MARGIN, []
    for depth, column in enumerate(columns):
        for box in column:
            box.x = x
        x += max(box.width for box in column)
        for box in column:
            box.x = x - max(other.width for other in column)
        inside = [route for route in routes if route.gap == depth]
        sides = {"left": ("beside", "back"), "middle": ("over",), "right": ("forwards",)}
        room = {side: [route for route in inside if route.kind in kinds] for side, kinds in sides.items()}
        x += room_for(room["left"]) or LANE
        lanes = {}
        for route in [*room["left"], *room["middle"], *sorted(room["right"], key=lambda one: one.source.y)]:
            if route.lane not in lanes:
                lanes[route.lane], x = x, x + LANE
        x += room_for(room["right"])
        gaps.append(Gap(lanes, x if lanes else x - LANE))
    return gaps


def room_for(routes: list[Route]) -> float:
    return max((HEAD + DIGIT * len(route.ports) + 4 for route in routes), default=0)


def channels(boxes: dict[str, Box], routes: list[Route]) -> dict[tuple, float]:
    """Below all boxes, one for each target and its ports."""
    lanes = dict.fromkeys(route.lane for route in routes if route.kind == "over")
    bottom = max(box.y + box.height for box in boxes.values())
    return {lane: bottom + LANE * (2 + number) for number, lane in enumerate(lanes)}


def shape(box: Box) -> str:
    kind = "box" if box.depth > 1 else "box public"
    lines = [f'<text class="title" x="{box.x + PAD:g}" y="{box.y + 17:g}">{escape(box.name)}</text>']
    for number, line in enumerate(box.lines, 1):
        inset = PAD + LETTER * (len(line) - len(line.lstrip()))
        lines.append(f'<text x="{box.x + inset:g}" y="{box.y + 17 + LINE * number:g}">{escape(line.strip())}</text>')
    return f'<rect class="{kind}" x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="5"/>' + "".join(lines)


def legend(y: float) -> list[tuple[float, str]]:
    """A sample of each arrow, and what it means."""
    texts, x = [], MARGIN
    for style, words in (("flow", "is let in, at these ports"), ("back", "the same, back towards the edge or to a neighbour")):
        head = f'<path class="{style}" d="M{x} {y - 4:g}h32"/><path class="{style}-head" d="M{x + 40} {y - 4:g}l-8 -4v8z"/>'
        texts.append(f'{head}<text x="{x + 50}" y="{y:g}">{words}</text>')
        x += 300
    return [(y, "".join(texts))]


def wrapped(notes: list[str], width: float, y: float) -> list[tuple[float, str]]:
    lines = [line for note in notes for line in textwrap.wrap(note, int((width - 2 * MARGIN) / LETTER), subsequent_indent="  ")]
    return [(y + 4 + LINE * number, f'<text x="{MARGIN}" y="{y + 4 + LINE * number:g}">{escape(line)}</text>') for number, line in enumerate(lines)]


def page(width: float, texts: list[tuple[float, str]], drawn: list[str]) -> str:
    height = texts[-1][0] + MARGIN
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    # White, since the text is dark and a page may be.
    background = '<rect width="100%" height="100%" fill="#ffffff"/>'
    body = "\n".join([background, *drawn, *(text for _, text in texts)])
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{STYLE}</style>\n{body}\n</svg>\n'
