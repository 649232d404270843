"""Each tenant's webhooks are signed with a secret of its own."""

from __future__ import annotations

import msgspec
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from notifier.signing import key_of, secret_of, tenant_keys


async def test_a_tenant_s_webhook_is_signed_with_its_own_secret_and_no_other(
    notifying, jobs, sink, until, settings
) -> None:
    [installation] = settings.webhook_secret
    [key] = tenant_keys([key_of(installation)], "shop")
    sink.secret = secret_of(key)
    async with notifying():
        event = msgspec.structs.replace(await jobs.end(sink.url, tell=False), tenant="shop")
        await jobs.connection.execute("UPDATE jobs.jobs SET tenant = 'shop'")
        await jobs.publish(event)
        await until(lambda: jobs.has(event, "delivered"), 30)
    [(headers, body)] = sink.received
    for other in (installation, secret_of(tenant_keys([key_of(installation)], "other")[0])):
        with pytest.raises(WebhookVerificationError):
            Webhook(other).verify(body, headers)
