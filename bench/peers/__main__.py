"""``python -m bench.peers``: the same 13-step no-op workflow on blog-writer and on four peers, in alternation."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median

from bench.peers.install import FOLDER, NotInstalled
from bench.peers.servers import Run, RunFailed
from bench.peers.systems import SYSTEMS, Figures, System

from blog_writer.errors import CommandError

HEAD = "| system | version | steps/s (min-max) | ratio to blog-writer | CPU/step | lone p50 | lone p99 | durability |"

COLUMNS = ("steps_per_second", "processor_ms_per_step", "lone_p50_ms", "lone_p99_ms")


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    chosen = [system for system in SYSTEMS if not options.only or system.name in options.only]
    rounds: dict[str, list[Figures]] = {system.name: [] for system in chosen}
    errors: dict[str, str] = {}
    for number in range(1, options.rounds + 1):
        for system in chosen:
            try:
                figures = _measured(system, options)
            except (NotInstalled, RunFailed, CommandError) as error:
                errors[system.name] = str(error)
                print(f"round {number}: {system.name} failed: {error}", file=sys.stderr)
            else:
                rounds[system.name].append(figures)
                print(f"round {number}: {_told(system, figures)}", file=sys.stderr)
    print(_table(chosen, rounds, errors))
    return 1 if errors else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workflows", type=int, default=400, help="in one round of one system")
    parser.add_argument("--concurrent", type=int, default=200, help="workflows at once")
    parser.add_argument("--lone", type=int, default=30, help="workflows one after another, for the latency")
    parser.add_argument("--only", action="append", choices=[system.name for system in SYSTEMS])
    return parser.parse_args(arguments)


def _measured(system: System, options: argparse.Namespace) -> Figures:
    folder = FOLDER / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    plan = {
        f"PEERS_{name.upper()}": str(getattr(options, name)) for name in ("workflows", "concurrent", "lone")
    }
    with ExitStack() as stack:
        return system.measure(Run(folder, stack, plan))


def _told(system: System, figures: Figures) -> str:
    rate, processor, p50, p99 = (figures[name] for name in COLUMNS)
    return f"{system.name}: {rate:.0f} steps/s, CPU {processor:.2f} ms a step, lone {p50:.1f} / {p99:.1f} ms"


def _table(systems: Sequence[System], rounds: dict[str, list[Figures]], errors: dict[str, str]) -> str:
    own = rounds.get("blog-writer")
    base = median(figures["steps_per_second"] for figures in own) if own else None
    lines = [HEAD, "|" + " --- |" * HEAD.count(" | ") + " --- |"]
    lines += [_line(system, rounds[system.name], errors.get(system.name), base) for system in systems]
    return "\n".join(lines)


def _line(system: System, figures: Sequence[Figures], error: str | None, base: float | None) -> str:
    start = f"| {system.name} | {system.version()} |"
    failed = f"failed: {' '.join(error.split())}" if error else ""
    if not figures:
        return f"{start} | | | | | {failed} |"
    rates = [one["steps_per_second"] for one in figures]
    rate, processor, p50, p99 = (median(one[name] for one in figures) for name in COLUMNS)
    ratio = f"{rate / base:.2f}" if base else ""
    notes = "; ".join(filter(None, (system.notes, failed)))
    shown = f"{rate:.0f} ({min(rates):.0f}-{max(rates):.0f}) | {ratio} | {processor:.2f} ms"
    return f"{start} {shown} | {p50:.1f} ms | {p99:.1f} ms | {notes} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
