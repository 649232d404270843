"""The later release's stage-workers."""

import sys

import chaos.later  # noqa: F401  it changes the contracts
from chaos.worker import run
from chassis.lifecycle import main
from stage_workers.settings import Settings

if __name__ == "__main__":
    sys.exit(main(run, Settings))
