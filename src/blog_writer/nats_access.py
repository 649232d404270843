"""Who may do what on nats-server: the services all, and each tenant read its own events. Pure.

A tenant has an account of its own. In the services' account, leave to ask for anything would be leave to have the
answer sent to any subject, commands included; what crosses into another account only comes back to who asked.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chassis.errors import SettingsError
from contracts import subjects
from contracts.streams import tenant_events
from notifier.settings import Tenant

SERVICES = "services"
"""The user that the services connect as."""
ACCOUNT = "BLOG"


def password_variable(user: str) -> str:
    """Return the variable that the configuration reads a user's password from."""
    name = "SERVICES" if user == SERVICES else "TENANT_" + user.upper().replace("-", "_")
    return f"NATS_{name}_PASSWORD"


def access(tenants: Sequence[str]) -> str:
    """Return the part of a server's configuration that says who may do what. Raises SettingsError for a bad name."""
    _check(tenants)
    exports = "".join(_exports(tenant) for tenant in tenants)
    services = f"""accounts {{
  {ACCOUNT} {{
    jetstream: enabled
    users: [{{user: {SERVICES}, password: ${password_variable(SERVICES)}}}]
    exports: [
{exports}    ]
  }}
"""
    return services + "".join(map(_account, tenants)) + "}\n"


def _check(tenants: Sequence[str]) -> None:
    try:
        msgspec.convert(tenants, list[Tenant])
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"BLOG_WRITER_NATS_TENANTS: a tenant's name on NATS is letters, digits, - and _: {error}"
        ) from error
    variables = [password_variable(user) for user in (SERVICES, *tenants)]
    if len(set(variables)) < len(variables):
        raise SettingsError(
            "BLOG_WRITER_NATS_TENANTS: two of the names are too much alike to have variables of their own"
        )


def _live(tenant: str) -> str:
    return subjects.tenant_filter(tenant)


def _requests(tenant: str) -> tuple[str, ...]:
    """Return what a tenant may ask: the next events of its durable, to begin that anew, and to confirm them.

    Confirmations have two forms; the longer one is the default from nats-server 2.15 on.
    """
    stream = tenant_events(()).name
    return (
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{tenant}",
        f"$JS.API.CONSUMER.RESET.{stream}.{tenant}",
        f"$JS.ACK.{stream}.{tenant}.>",
        f"$JS.ACK.*.*.{stream}.{tenant}.>",
    )


def _exports(tenant: str) -> str:
    to = f"accounts: [{_name(tenant)}]"
    lines = [f'{{stream: "{_live(tenant)}", {to}}}']
    lines += [f'{{service: "{subject}", response_type: stream, {to}}}' for subject in _requests(tenant)]
    return "".join(f"      {line}\n" for line in lines)


def _name(tenant: str) -> str:
    return f"TENANT_{tenant}"


def _account(tenant: str) -> str:
    allowed = ", ".join(f'"{subject}"' for subject in _requests(tenant))
    imports = [f'{{stream: {{account: {ACCOUNT}, subject: "{_live(tenant)}"}}}}']
    imports += [f'{{service: {{account: {ACCOUNT}, subject: "{subject}"}}}}' for subject in _requests(tenant)]
    lines = "".join(f"      {line}\n" for line in imports)
    return f"""  {_name(tenant)} {{
    users: [{{user: "{tenant}", password: ${password_variable(tenant)}, permissions: {{
      publish: [{allowed}]
      subscribe: ["_INBOX.>", "{_live(tenant)}"]
    }}}}]
    imports: [
{lines}    ]
  }}
"""
