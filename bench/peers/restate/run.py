"""Restate's client: calls the service through the server's ingress, which answers when the workflow has ended."""

from __future__ import annotations

import asyncio
import json
import os

from bench.peers.load import measure
from bench.peers.posting import Poster


async def main() -> None:
    admin, ingress = (Poster(int(os.environ[name])) for name in ("PEERS_ADMIN", "PEERS_INGRESS"))
    deployment = {"uri": f"http://127.0.0.1:{os.environ['PEERS_WORKER']}"}
    await admin.post("/deployments", json.dumps(deployment).encode())

    async def workflow() -> None:
        await ingress.post("/article/write", b"")

    await measure(workflow)


if __name__ == "__main__":
    asyncio.run(main())
