"""Finished articles in the object store, readable through the gateway."""

from __future__ import annotations

from chassis.errors import ObjectMissing, StoreUnavailable
from chassis.objects import ObjectStore
from stage_workers.errors import Transient, of_the_store


class StoredArticles:
    """The ArticleStore over an object store; keys are ``<job_id>/<file name>``."""

    def __init__(self, objects: ObjectStore, public_url: str) -> None:
        self._objects = objects
        self._public_url = public_url.rstrip("/")

    async def put(self, key: str, data: bytes, content_type: str) -> str:
        """See ArticleStore."""
        try:
            await self._objects.put(key, data, content_type)
        except StoreUnavailable as error:
            raise of_the_store(error) from error
        except ObjectMissing as error:  # the whole bucket
            raise Transient("store_unavailable", str(error)) from error
        job_id, _, name = key.partition("/")
        return f"{self._public_url}/jobs/{job_id}/files/{name}"
