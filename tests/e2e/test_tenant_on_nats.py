"""A tenant reads its jobs' events from the NATS server of ``blog-writer up``, with the password that lies in the data folder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import nats

PATIENCE = 60.0


def test_a_tenant_reads_the_events_of_its_jobs(new_system: Callable[..., Any], site: str) -> None:
    system = new_system(BLOG_WRITER_NATS_TENANTS="default")
    job_id = system.submit(primary_keyword="energy", company_url=site)
    system.http.post(f"/jobs/{job_id}/cancel")
    system.wait_for(job_id, "cancelled", "completed")
    passwords = json.loads((system.data_dir / "nats-passwords.json").read_text())
    host = system.running.nats_url.rpartition("@")[2]
    address = f"nats://default:{passwords['NATS_TENANT_DEFAULT_PASSWORD']}@{host}"
    told = [event for event in system.events(job_id) if event["seq"]]
    assert asyncio.run(read(address, len(told))) == told


async def read(address: str, count: int) -> list[dict[str, Any]]:
    """Return the first numbered events that the tenant's durable hands out."""
    client = await nats.connect(address)
    found: list[dict[str, Any]] = []
    try:
        subscription = await client.jetstream().pull_subscribe_bind("default", "BLOG_TENANT_EVENTS")
        async with asyncio.timeout(PATIENCE):
            while len(found) < count:
                for message in await subscription.fetch(1, timeout=PATIENCE):
                    event = json.loads(message.data)
                    found += [event] if event["seq"] else []
                    await message.ack()
    finally:
        await client.close()
    return found
