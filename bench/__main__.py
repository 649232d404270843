"""``python -m bench``: measure, and print a table of ratios."""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path

import msgspec

from bench import accept, admission, cancel, fanout, footprint, growth, loop, memory, status
from bench.machine import facts
from bench.measure import table

ROWS = {
    "accept": accept.measure,
    "loop": loop.measure,
    "status": status.measure,
    "events": fanout.measure,
    "fan-out": fanout.measure_many,
    "cancel": cancel.measure,
    "admission": admission.measure,
    "footprint": footprint.measure,
    "memory": memory.measure,
    "growth": growth.measure,
    "replicas": growth.measure_replicas,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default=",".join(ROWS), help="rows to measure (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the lines to this file, too")
    arguments = parser.parse_args()
    unknown = set(arguments.only.split(",")) - set(ROWS)
    if unknown:
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    if arguments.rounds < 1:
        parser.error("--rounds must be 1 or more")
    return arguments


async def _main(arguments: argparse.Namespace) -> None:
    machine = facts()
    print("\n".join(f"{name}: {fact}" for name, fact in machine.items()))
    lines = []
    for name in arguments.only.split(","):
        start = time.perf_counter()
        lines += await ROWS[name](arguments.rounds)
        print(f"{name}: measured in {time.perf_counter() - start:.0f} s", flush=True)
    print(f"\n{table(lines)}\n\nratio: ours / baseline, median of {arguments.rounds} rounds of both in turn")
    if arguments.json:
        report = {"machine": machine, "rounds": arguments.rounds, "lines": lines}
        arguments.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)))


if __name__ == "__main__":
    asyncio.run(_main(_arguments()))
