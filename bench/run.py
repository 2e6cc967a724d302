"""Measurements. `run.py bench` compares the module's cost with its goals, `run.py soak` puts a
million requests through it and looks at its memory."""

import argparse
import sys
from pathlib import Path

# Starting and ending programs is the demo's as well.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "demo"))

import calls
import costs
import instructions
import keys
import report
import soak
from processes import StackError, end_on_signals
from report import Goal
from stage import Stage, setting, stage

LARGEST_MODULE = 500_000  # bytes


def main() -> int:
    arguments = parse_arguments()
    end_on_signals()
    try:
        with stage() as started:
            if arguments.command == "soak":
                return 0 if soak.run(started, arguments.requests) else 1
            bench(started, arguments)
    except StackError as error:
        print(f"\nbench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: everything that was started has been stopped.")
        return 130
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["bench", "soak"])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=2, help="of each variant in each round")
    parser.add_argument("--requests", type=int, default=1_000_000, help="of a soak")
    return parser.parse_args()


def bench(started: Stage, arguments: argparse.Namespace) -> None:
    print("""Envoy's processor time, with one worker on a core of its own: no filter (plain), one
that does nothing (empty), one that only buffers, reads and replaces the body (floor), and the
gateway module. The access log is on for all, in the same format, and goes to /dev/null.""")
    goals = costs.requests(started, arguments.rounds, arguments.seconds)
    goals += costs.events(started, arguments.rounds, arguments.seconds)
    goals += costs.delays(started, arguments.rounds, arguments.seconds)
    instructions.count(started.folder)
    goals += calls.count(started.folder)
    goals += keys.many(started)
    size = Path(setting("TOLLGATE_MODULE")).stat().st_size
    goals.append(Goal("the module's size", size, LARGEST_MODULE, ",", "bytes"))
    report.goals(goals)


if __name__ == "__main__":
    sys.exit(main())
