"""The later release's gateway."""

import sys

import chaos.later  # noqa: F401  it changes the contracts
from chassis.lifecycle import main
from gateway.service import run
from gateway.settings import Settings

if __name__ == "__main__":
    sys.exit(main(run, Settings))
