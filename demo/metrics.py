"""Reads Tollgate's metrics from Envoy's admin interface, in Prometheus' text format."""

import re
import urllib.request
from collections import Counter

SAMPLE = re.compile(r"^tollgate_tokens_total\{(.*)\} (\d+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def tokens(admin: str) -> Counter:
    """Tokens by (organization, team, model, kind)."""
    with urllib.request.urlopen(f"{admin}/stats/prometheus", timeout=10) as response:
        text = response.read().decode()
    counts = Counter()
    for labels, value in SAMPLE.findall(text):
        label = dict(LABEL.findall(labels))
        counts[label["organization"], label["team"], label["model"], label["kind"]] += int(value)
    return counts
