"""blog-writer's client: submits through HTTP and hears of the completed event on the bus."""

from __future__ import annotations

import asyncio
import json
import os

import nats
from bench.peers.load import measure
from bench.peers.posting import Poster
from nats.aio.msg import Msg

REQUEST = json.dumps({"primary_keyword": "nothing", "company_url": "https://example.com"}).encode()


class Client:
    """Waits for jobs by identifier; an event may come before the answer to the submission."""

    def __init__(self, gateway: Poster) -> None:
        self.gateway = gateway
        self.ended: dict[str, asyncio.Future[str]] = {}

    def end(self, job_id: str) -> asyncio.Future[str]:
        """Return the future that holds the type of the job's last event."""
        return self.ended.setdefault(job_id, asyncio.get_running_loop().create_future())

    async def on_event(self, message: Msg) -> None:
        _, _, job_id, kind = message.subject.split(".")
        if kind in {"completed", "failed", "cancelled"}:
            self.end(job_id).set_result(kind)

    async def workflow(self) -> None:
        job_id = json.loads(await self.gateway.post("/write-async", REQUEST))["job_id"]
        kind = await self.end(job_id)
        del self.ended[job_id]
        if kind != "completed":
            raise RuntimeError(f"job {job_id} {kind}")


async def main() -> None:
    client = Client(Poster(int(os.environ["GATEWAY_PORT"])))
    bus = await nats.connect(os.environ["NATS_URL"])
    for kind in ("completed", "failed", "cancelled"):
        await bus.subscribe(f"blog.events.*.{kind}", cb=client.on_event)
    await bus.flush()
    await measure(client.workflow)
    await bus.close()


if __name__ == "__main__":
    asyncio.run(main())
