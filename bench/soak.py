"""Very many requests, streams that clients break off among them, and what they leave behind."""

import itertools

import load
import memory
from load import Load
from memory import MIB
from report import progress, table
from stage import LIMITED_RULES, Envoy, Stage
from streams import Breaker

WARM_UP = 100_000  # requests
PAGE = 64 << 10  # bytes by which a module's memory grows; a byte kept per request would be 15 pages
SLICE = 5  # seconds of load between two looks


def run(stage: Stage, requests: int) -> bool:
    """Whether the module's memory is where it was, give or take a page: more streams than ever
    before may happen to be open at once."""
    print(f"{requests:,} requests through one worker, broken-off streams among them")
    envoy = stage.envoy("soak", stage.upstream(), LIMITED_RULES)
    send(stage, envoy, WARM_UP, "warming up")
    before, resident = memory.of_modules(envoy.pid), memory.resident(envoy.pid)
    sent, broken = send(stage, envoy, requests, "soaking")
    after = memory.of_modules(envoy.pid)
    table(["", "before", "after"], [
        ["a VM's memory", f"{before[-1] / MIB:.3f} MiB", f"{after[-1] / MIB:.3f} MiB"],
        ["Envoy, resident", f"{resident / MIB:.1f} MiB",
         f"{memory.resident(envoy.pid) / MIB:.1f} MiB"],
    ])
    stayed = after[-1] - before[-1] <= PAGE
    print(f"\n  {sent:,} requests, {broken:,} of them streams broken off by the client: "
          f"the module's memory {'is where it was' if stayed else 'has GROWN'}")
    return stayed


def send(stage: Stage, envoy: Envoy, requests: int, title: str) -> tuple[int, int]:
    """At least so many requests; returns how many, and how many of them were broken off."""
    breaker = Breaker(envoy)
    breaker.start()
    sent = 0
    try:
        # Of four slices, three are of chats and one is of whole streams.
        for stream in itertools.cycle([False, False, False, True]):
            sent += load.run(stage, envoy, Load(16, SLICE, stream)).requests
            progress(f"{title}: {sent + breaker.count:,} of {requests:,}")
            if sent + breaker.count >= requests:
                break
    finally:
        breaker.end()
    progress("")
    return sent + breaker.count, breaker.count
