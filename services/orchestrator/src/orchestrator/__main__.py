"""``python -m orchestrator``."""

import sys

from chassis.lifecycle import main
from orchestrator.service import run
from orchestrator.settings import Settings

if __name__ == "__main__":
    sys.exit(main(run, Settings))
