"""How results are printed."""

import sys
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """Values of the same thing."""

    values: list[float]

    @property
    def median(self) -> float:
        return median(self.values)

    def show(self, form: str) -> str:
        least, most = min(self.values), max(self.values)
        return f"{self.median:{form}} ({least:{form}} to {most:{form}})"


@dataclass(frozen=True)
class Goal:
    """Something that is to be at most so much."""

    what: str
    value: float
    limit: float
    form: str
    unit: str = ""

    @property
    def is_met(self) -> bool:
        return self.value <= self.limit

    def row(self) -> list[str]:
        limit = f"at most {self.limit:,} {self.unit}".rstrip()
        value = f"{self.value:{self.form}} {self.unit}".rstrip()
        return [self.what, limit, value, "met" if self.is_met else "MISSED"]


def goals(goals: list[Goal]) -> None:
    print("\nGoals")
    table(["", "goal", "result", ""], [goal.row() for goal in goals])


def table(head: list[str], rows: list[list[str]]) -> None:
    """Columns as wide as what stands in them."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    print()
    for row in [head, *rows]:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  " + "   ".join(cells).rstrip())
    sys.stdout.flush()


def progress(text: str) -> None:
    """On a terminal: replaces the line before; an empty text takes it away."""
    if sys.stdout.isatty():
        print(f"\r{text:<40}" if text else "\r" + " " * 40 + "\r", end="", flush=True)
