"""``python -m stage_workers``."""

import sys

from chassis.lifecycle import main
from stage_workers.service import run
from stage_workers.settings import Settings

if __name__ == "__main__":
    sys.exit(main(run, Settings))
