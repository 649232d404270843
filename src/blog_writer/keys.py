"""``blog-writer keys``: who may use the HTTP API."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from blog_writer.errors import CommandError
from blog_writer.options import DEFAULT_DATA_DIR, DataDirOption, database_url
from contracts.ids import DEFAULT_TENANT
from gateway.keys import TENANT, KeyRecord, Scope, new_key
from notifier.errors import InvalidSecret

if TYPE_CHECKING:
    from gateway.key_store import KeyStore

T = TypeVar("T")

app = typer.Typer(help="Keys of the HTTP API.", no_args_is_help=True)
console = Console()
errors = Console(stderr=True)

KeyId = Annotated[str, typer.Argument(help="The key's identifier, as the list shows it.", show_default=False)]
SECONDS_A_DAY = 86_400.0


def _ask(data_dir: Path, question: Callable[[KeyStore], Awaitable[T]]) -> T:
    from chassis.database import close, connect  # noqa: PLC0415  other commands need none of the services
    from chassis.migrate import check_migrated  # noqa: PLC0415  as above
    from gateway.key_store import KeyStore  # noqa: PLC0415  as above

    async def ask() -> T:
        pool = await connect(database_url(data_dir), name="keys", max_size=1)
        try:
            await check_migrated(pool, "gateway", "gateway", "run 'blog-writer migrate' first")
            return await question(KeyStore(pool))
        finally:
            await close(pool)

    return asyncio.run(ask())


@app.command()
def create(
    name: Annotated[str, typer.Option(help="What or who it is for.")] = "",
    tenant: Annotated[str, typer.Option(help="Whose jobs it is good for.")] = DEFAULT_TENANT,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="May be repeated; by default jobs:write and jobs:read.")
    ] = None,
    expires_days: Annotated[
        float | None,
        typer.Option(min=0.001, max=36_500, help="Days until it opens no more; never by default."),
    ] = None,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
) -> None:
    """Make a key and show it, this once. From the first one on, nobody uses the API without."""
    if not TENANT.fullmatch(tenant):
        raise CommandError(
            f"--tenant {tenant!r} is not allowed: use up to 63 small letters, digits, '-' and '_'"
        )
    key = new_key()
    scopes = scope or [Scope.JOBS_WRITE, Scope.JOBS_READ]
    seconds = None if expires_days is None else expires_days * SECONDS_A_DAY
    _ask(data_dir, lambda keys: keys.create(key, tenant, name, scopes, seconds))
    errors.print(
        f"key {key.key_id} of tenant {tenant}: {', '.join(scopes)}. It is shown this once; keep it as"
        " BLOG_WRITER_API_KEY.",
        markup=False,
        soft_wrap=True,
    )
    console.print(key.text(), markup=False, highlight=False, soft_wrap=True)


@app.command("list")
def list_keys(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
) -> None:
    """List keys, ended ones included; of a key itself nothing is kept that could be shown."""
    records = _ask(data_dir, lambda keys: keys.all(tenant))
    if as_json:
        console.print_json(data=[_shown(record) for record in records])
        return
    table = Table("key", "tenant", "name", "scopes", "created", "last used", "ends", box=None)
    for record in records:
        table.add_row(
            record.key_id,
            record.tenant,
            record.name,
            " ".join(sorted(record.scopes)),
            f"{record.created_at:%Y-%m-%d}",
            f"{record.last_used_at:%Y-%m-%d %H}h" if record.last_used_at else "never",
            _end(record),
        )
    console.print(table)


@app.command()
def revoke(key_id: KeyId, data_dir: DataDirOption = DEFAULT_DATA_DIR) -> None:
    """End a key; it opens nothing more after a few seconds."""
    tenant = _ask(data_dir, lambda keys: keys.revoke(key_id))
    if tenant is None:
        raise CommandError(f"there is no key {key_id}")
    console.print(f"key {key_id} of tenant {tenant} is revoked")


@app.command()
def delete(key_id: KeyId, data_dir: DataDirOption = DEFAULT_DATA_DIR) -> None:
    """Forget a revoked or expired key. When none is left at all, this machine needs no key again."""
    tenant = _ask(data_dir, lambda keys: keys.delete(key_id))
    if tenant is None:
        raise CommandError(f"there is no revoked or expired key {key_id}")
    console.print(f"key {key_id} of tenant {tenant} is deleted")


@app.command("webhook-secret")
def webhook_secret(
    tenant: Annotated[str, typer.Argument(help="Whose webhooks.")] = DEFAULT_TENANT,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
) -> None:
    """Show what a tenant verifies its webhooks with; several lines while one secret replaces another."""
    from notifier.signing import key_of, secret_of, tenant_keys  # noqa: PLC0415  as above

    kept = data_dir / "webhook-secret"
    given = os.environ.get("BLOG_WRITER_WEBHOOK_SECRET") or (kept.read_text() if kept.exists() else "")
    if not given.strip():
        raise CommandError(f"BLOG_WRITER_WEBHOOK_SECRET is not set, and there is none in {data_dir}")
    try:
        keys = [key_of(secret.strip()) for secret in given.split(",") if secret.strip()]
    except InvalidSecret as error:
        raise CommandError(f"BLOG_WRITER_WEBHOOK_SECRET: its value is not allowed: {error}") from error
    for key in tenant_keys(keys, tenant):
        console.print(secret_of(key), markup=False, highlight=False, soft_wrap=True)


def _end(record: KeyRecord) -> str:
    if record.revoked_at is not None:
        return f"revoked {record.revoked_at:%Y-%m-%d}"
    return "never" if record.expires_at is None else f"{record.expires_at:%Y-%m-%d %H:%M}"


def _shown(record: KeyRecord) -> dict[str, object]:
    facts: dict[str, object] = msgspec.to_builtins(record)
    del facts["sha256"]
    return facts | {"scopes": sorted(record.scopes)}
