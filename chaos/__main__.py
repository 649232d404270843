"""``python -m chaos``: inject faults, judge, report. Exit code 1 when an invariant is broken."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from pathlib import Path

from chaos.run import run
from chassis import logs


def main() -> int:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0, help="how long faults are injected")
    parser.add_argument("--seed", type=int, default=None, help="decides which faults come, and when")
    parser.add_argument("--report", type=Path, default=None, help="file for the report, Markdown")
    parser.add_argument(
        "--keep", action="store_true", help="keep the folder of logs and evidence in any case"
    )
    arguments = parser.parse_args()
    seed = random.randrange(10**6) if arguments.seed is None else arguments.seed
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-"))
    logs.configure("error")
    print(f"seed {seed}, logs in {folder}", flush=True)
    verdict = asyncio.run(run(folder, seed, arguments.minutes))
    print(verdict.report)
    if arguments.report is not None:
        arguments.report.write_text(verdict.report)
    if any(verdict.broken.values()):
        print(
            f"BROKEN. Logs and evidence: {folder}. Again: python -m chaos --seed {seed} --minutes {arguments.minutes:g}"
        )
        return 1
    if not arguments.keep:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
