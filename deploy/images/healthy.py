"""The images' health check: exit code 0 when ``/health`` answers 200 at the given port of this container."""

import sys
import urllib.request

with urllib.request.urlopen(f"http://127.0.0.1:{int(sys.argv[1])}/health", timeout=3) as answer:
    sys.exit(answer.status != 200)  # noqa: PLR2004  the one status that means healthy
