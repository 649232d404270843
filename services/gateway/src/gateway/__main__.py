"""``python -m gateway``."""

import sys

from chassis.lifecycle import main
from gateway.service import run
from gateway.settings import Settings

if __name__ == "__main__":
    sys.exit(main(run, Settings))
