"""What a request and an event of a stream cost in Envoy's processor time, by variant.

The variants take turns, round by round, so that whatever else the machine does falls on all of
them; what is compared is always of one round.
"""

from concurrent.futures import ThreadPoolExecutor
from statistics import mean, median

import load
import streams
from load import Load, Sample
from report import Goal, Spread, progress, table
from stage import (
    EMPTY,
    FLOOR,
    GATEWAY,
    INPUTS,
    LIMITED,
    LIMITED_RULES,
    PLAIN,
    UNLIMITED_RULES,
    Envoy,
    Stage,
)

EVENTS = 400  # of a streamed answer: so many that the request itself is below 1 % of it
GAP = 60  # microseconds between them at least: each is read by itself
PROBES = 5  # streams that are looked at more closely


def requests(stage: Stage, rounds: int, seconds: int) -> list[Goal]:
    """Chats that are answered in one document."""
    chats = Load(connections=16, seconds=seconds)
    size = (INPUTS / "request.json").stat().st_size
    print(f"""
A request: a chat of {size:,} bytes with the headers of OpenAI's SDK,
{chats.connections} connections; medians (and extremes) of {rounds} rounds of {seconds} s""")
    envoys = start(stage, (PLAIN, EMPTY, FLOOR, GATEWAY, LIMITED), stage.upstream())
    samples = take_turns(stage, envoys, chats, rounds)

    table(["", "CPU µs/request", "requests/s"], [
        [variant, Spread([each.cpu_per_request for each in of]).show(".1f"),
         f"{median(each.rate for each in of):,.0f}"]
        for variant, of in samples.items()
    ])
    cpu, rates, rows = {}, {}, []
    for above, below in [(EMPTY, PLAIN), (FLOOR, PLAIN), (GATEWAY, PLAIN), (GATEWAY, FLOOR),
                         (LIMITED, PLAIN), (LIMITED, FLOOR), (LIMITED, GATEWAY)]:
        pairs = list(zip(samples[above], samples[below], strict=True))
        cpu[above, below] = Spread([a.cpu_per_request / b.cpu_per_request for a, b in pairs])
        rate = rates[above, below] = Spread([a.rate / b.rate for a, b in pairs])
        rows.append([f"{above} / {below}", cpu[above, below].show(".2f"), rate.show(".2f")])
    table(["", "CPU", "requests/s"], rows)
    return [
        Goal("CPU per request, gateway / floor", cpu[GATEWAY, FLOOR].median, 1.08, ".2f"),
        Goal("CPU per request, everything on / floor", cpu[LIMITED, FLOOR].median, 1.15, ".2f"),
        Goal("requests/s, plain / everything on", 1 / rates[LIMITED, PLAIN].median, 1.43, ".2f"),
    ]


def delays(stage: Stage, rounds: int, seconds: int) -> list[Goal]:
    """Chats one after the other: what a client waits longer for an answer."""
    print(f"""
A request alone: chats on one connection, each sent when the one before is answered;
medians (and extremes) of {rounds} rounds of {seconds} s""")
    envoys = start(stage, (PLAIN, GATEWAY, LIMITED), stage.upstream())
    samples = take_turns(stage, envoys, Load(connections=1, seconds=seconds), rounds)
    table(["", "p50, µs"], [[variant, Spread([each.p50 for each in of]).show(".0f")]
                            for variant, of in samples.items()])
    added = Spread([a.p50 - b.p50 for a, b in zip(samples[LIMITED], samples[PLAIN], strict=True)])
    return [Goal("p50 added, everything on", added.median, 60, ".0f", "µs")]


def events(stage: Stage, rounds: int, seconds: int) -> list[Goal]:
    """Streamed chats whose events come one by one."""
    chats = Load(connections=8, seconds=seconds, stream=True)
    print(f"""
An event: streamed chats, {EVENTS} events apart in time,
{chats.connections} connections; medians (and extremes) of {rounds} rounds of {seconds} s""")
    envoys = start(stage, (PLAIN, EMPTY, GATEWAY), stage.upstream(EVENTS, GAP))
    samples = take_turns(stage, envoys, chats, rounds)

    cost = {variant: [each.cpu_per_request / EVENTS for each in of]
            for variant, of in samples.items()}
    table(["", "CPU µs/event", "events in a piece"], [
        [variant, Spread(of).show(".2f"), f"{events_in_a_piece(stage, envoys[variant], chats):.2f}"]
        for variant, of in cost.items()
    ])
    over = {below: Spread([a - b for a, b in zip(cost[GATEWAY], cost[below], strict=True)])
            for below in (PLAIN, EMPTY)}
    table(["", "CPU µs/event"],
          [[f"{GATEWAY} - {below}", spread.show(".2f")] for below, spread in over.items()])
    return [Goal("CPU per event, gateway - plain", over[PLAIN].median, 2, ".2f", "µs")]


def start(stage: Stage, variants: tuple[str, ...], upstream: int) -> dict[str, Envoy]:
    """An Envoy for each variant; they idle when it is not their turn."""
    rules = {variant: LIMITED_RULES if variant == LIMITED else UNLIMITED_RULES
             for variant in variants}
    return {variant: stage.envoy(f"{variant}-{upstream}", upstream, rules[variant], variant)
            for variant in variants}


def take_turns(
    stage: Stage, envoys: dict[str, Envoy], what: Load, rounds: int
) -> dict[str, list[Sample]]:
    """Samples by variant, one for each round. A first round warms up (V8 compiles what is hot)
    and does not count; each round begins with another variant."""
    samples: dict[str, list[Sample]] = {variant: [] for variant in envoys}
    variants = list(envoys)
    for number in range(rounds + 1):
        progress(f"round {number} of {rounds}" if number else "warming up")
        start = number % len(variants)
        for variant in variants[start:] + variants[:start]:
            sample = load.run(stage, envoys[variant], what)
            if number > 0:
                samples[variant].append(sample)
    progress("")
    return samples


def events_in_a_piece(stage: Stage, envoy: Envoy, what: Load) -> float:
    """How many events Envoy got at once, on the average, while it was loaded."""
    with ThreadPoolExecutor(1) as background:
        loaded = background.submit(load.wrk, stage, envoy, what)
        count = mean(streams.pieces(envoy) for _ in range(PROBES))
        loaded.result()
    return EVENTS / count
