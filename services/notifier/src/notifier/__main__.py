"""``python -m notifier``."""

import sys

from chassis.lifecycle import main
from notifier.service import run
from notifier.settings import Settings

if __name__ == "__main__":
    sys.exit(main(run, Settings))
