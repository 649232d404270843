"""What a deleted job leaves behind goes too: its files, then its submission."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chassis.clock import SystemClock
from chassis.objects import ObjectStore
from gateway.store import Store


async def test_the_files_of_deleted_jobs_are_deleted_and_no_others(door: Any) -> None:
    async with door.gateway():
        kept, gone = await door.submit(), await door.submit()
        async with door.orchestrator(max_concurrent=2):
            await door.until(kept, "running")
            await door.until(gone, "running")
            store = Store(door.pool)
            await store.mark_taken()
        objects = ObjectStore.open(door.folder.as_uri(), "BLOG_WRITER_ARTICLE_STORE")
        for job_id in (kept, gone):
            await objects.put(f"{job_id}/article.html", b"words", "text/html")
            await objects.put(f"{job_id}/checkpoints/one.json", b"{}", "application/json")
        await door.pool.execute("DELETE FROM jobs.jobs WHERE job_id = $1", gone)
        await store.forget(SystemClock().now() + timedelta(days=8), 7, objects.delete_prefix)
    left = sorted(path.relative_to(door.folder).as_posix() for path in door.folder.rglob("*.*"))
    assert left == [f"{kept}/article.html", f"{kept}/checkpoints/one.json"]
    rows = await door.pool.fetch("SELECT job_id::text FROM gateway.submissions")
    assert [row["job_id"] for row in rows] == [kept]
