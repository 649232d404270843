"""What a browser needs that cannot send an API key, and should not have one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from chassis.clock import Clock
from gateway.access import READING, TOKEN_PARAMETER, Access, identity_of
from gateway.errors import Refusal
from gateway.jobs import checked_id
from gateway.schemas import TokenMade
from gateway.tokens import LONGEST_SECONDS, JobToken
from gateway.waiting import Waiting

Seconds = Annotated[int, QueryParameter(ge=1, le=LONGEST_SECONDS, description="How long the token opens.")]


@post(
    "/jobs/{job_id:str}/token", status_code=201, opt=READING, tags=["jobs"], summary="A token to read one job"
)
async def make_token(
    job_id: FromPath[str],
    waiting: NamedDependency[Waiting],
    access: NamedDependency[Access],
    clock: NamedDependency[Clock],
    request: Request[Any, Any, Any],
    seconds: Seconds = 600,
) -> TokenMade:
    """Make a token that reads this job's status, events, article and files for a while, and nothing else.

    It goes into the address as ``?token=``, for browsers whose EventSource sends no headers. It ends with the API key
    that asked for it.
    """
    identity = identity_of(request)
    job = await waiting.job(identity.tenant, checked_id(job_id))
    if access.tokens is None:
        raise Refusal(403, "tokens_off", "no tokens are made here: BLOG_WRITER_SECRET_KEY is not set")
    expires = int(clock.now().timestamp()) + seconds
    token = access.tokens.sign(JobToken(job.job_id, identity.tenant, expires, identity.key_id or ""))
    return TokenMade(
        token=token,
        expires_at=datetime.fromtimestamp(expires, UTC),
        events_url=f"/jobs/{job.job_id}/events?{TOKEN_PARAMETER}={token}",
    )
