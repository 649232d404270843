"""``python -m chaos``: inject faults, judge, report. Exit code 1 when an invariant is broken."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

from chaos.run import Verdict, run
from chassis import logs


def main() -> int:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0, help="how long faults are injected")
    parser.add_argument(
        "--seed", type=int, nargs="+", help="decides which faults come, and when; one run for each"
    )
    parser.add_argument("--report", type=Path, default=None, help="file for the report, Markdown")
    parser.add_argument(
        "--keep", action="store_true", help="keep the folder of logs and evidence in any case"
    )
    arguments = parser.parse_args()
    logs.configure("error")
    reports: list[str] = []
    held = True
    for seed in arguments.seed or [random.randrange(10**6)]:
        verdict = _run(seed, arguments.minutes, keep=arguments.keep)
        held = held and not any(verdict.broken.values())
        reports.append(verdict.report)
        if arguments.report is not None:
            arguments.report.write_text("# Chaos\n\n" + "\n".join(reports))
    return 0 if held else 1


def _run(seed: int, minutes: float, *, keep: bool) -> Verdict:
    """Run with one seed and print what came of it; a broken run keeps its folder."""
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-"))
    print(f"seed {seed}, logs in {folder}", flush=True)
    verdict = asyncio.run(run(folder, seed, minutes))
    print(verdict.report, flush=True)
    if any(verdict.broken.values()):
        again = f"python -m chaos --seed {seed} --minutes {minutes:g}"
        print(f"BROKEN. Logs and evidence: {folder}. Again: {again}", flush=True)
    elif not keep:
        shutil.rmtree(folder)
    return verdict


if __name__ == "__main__":
    sys.exit(main())
