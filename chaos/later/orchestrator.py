"""The later release's orchestrator."""

import sys

import chaos.later  # noqa: F401  it changes the contracts
from chassis.lifecycle import main
from orchestrator.service import run
from orchestrator.settings import Settings

if __name__ == "__main__":
    sys.exit(main(run, Settings))
