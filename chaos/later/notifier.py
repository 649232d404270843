"""The later release's notifier."""

import sys

import chaos.later  # noqa: F401  it changes the contracts
from chassis.lifecycle import main
from notifier.service import run
from notifier.settings import Settings

if __name__ == "__main__":
    sys.exit(main(run, Settings))
