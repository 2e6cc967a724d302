"""Reads Tollgate's metrics from Envoy's admin interface, in Prometheus' text format."""

import re
import urllib.request
from collections import Counter

SAMPLE = re.compile(r"^(tollgate_\w+)\{(.*)\} (\d+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def tokens(admin: str) -> Counter:
    """Tokens by (organization, team, model, kind)."""
    return by(admin, "tollgate_tokens_total", "organization", "team", "model", "kind")


def refusals(admin: str) -> Counter:
    """Refusals by their reason."""
    counts = by(admin, "tollgate_refusals_total", "reason")
    return Counter({reason: count for (reason,), count in counts.items()})


def costs(admin: str) -> Counter:
    """Billionths of a dollar by (organization, team), as settled."""
    counts = by(admin, "tollgate_cost_nanodollars_total", "organization", "team", "part")
    return Counter({account[:2]: cost for account, cost in counts.items()
                    if account[2] == "settled"})


def by(admin: str, metric: str, *labels: str) -> Counter:
    """Sums of a metric by these labels."""
    with urllib.request.urlopen(f"{admin}/stats/prometheus", timeout=10) as response:
        text = response.read().decode()
    counts = Counter()
    for name, pairs, value in SAMPLE.findall(text):
        if name == metric:
            label = dict(LABEL.findall(pairs))
            counts[tuple(label[each] for each in labels)] += int(value)
    return counts
