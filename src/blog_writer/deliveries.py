"""``blog-writer deliveries``: what became of webhooks, and sending them again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from blog_writer.errors import CommandError
from blog_writer.options import DEFAULT_DATA_DIR, DataDirOption

if TYPE_CHECKING:
    from blog_writer.client import Client

app = typer.Typer(help="Webhooks of jobs.", no_args_is_help=True)
console = Console()

Url = Annotated[
    str | None,
    typer.Option("--url", envvar="BLOG_WRITER_URL", help="The gateway; by default the one started here."),
]


def _client(url: str | None, data_dir: Path) -> Client:
    from blog_writer.cli import client  # noqa: PLC0415  which registers these commands

    return client(url, data_dir)


@app.command("list")
def list_deliveries(job_id: str, url: Url = None, data_dir: DataDirOption = DEFAULT_DATA_DIR) -> None:
    """List a job's webhooks."""
    table = Table("seq", "event", "status", "attempts", "last", "next attempt", "address", box=None)
    for each in _client(url, data_dir).deliveries(job_id):
        next_at = (each["next_attempt_at"] or "")[5:16].replace("T", " ")
        tried = str(len(each["attempts"]))
        last = each["last_reason"] or ""
        table.add_row(str(each["seq"]), each["event"], _status(each), tried, last, next_at, each["url"])
    console.print(table)


def _status(delivery: dict[str, Any]) -> str:
    why = delivery["endpoint_disabled"]
    return f"{delivery['status']} ({why})" if why and delivery["status"] == "held" else delivery["status"]


@app.command()
def show(job_id: str, seq: int, url: Url = None, data_dir: DataDirOption = DEFAULT_DATA_DIR) -> None:
    """Show one webhook with its attempts, as JSON."""
    found = [each for each in _client(url, data_dir).deliveries(job_id) if each["seq"] == seq]
    if not found:
        raise CommandError(f"the job has no webhook for its event {seq}")
    console.print_json(data=found[0])


@app.command()
def replay(
    job_id: str,
    seq: Annotated[int | None, typer.Option(help="Only the webhook of this event, delivered or not.")] = None,
    url: Url = None,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
) -> None:
    """Send a job's webhooks again that were not delivered, or one."""
    answer = _client(url, data_dir).replay_deliveries(job_id, seq)
    console.print(f"{answer['deliveries']} go out again")


@app.command("test")
def try_address(address: str, url: Url = None, data_dir: DataDirOption = DEFAULT_DATA_DIR) -> None:
    """Post a signed test webhook to an address, and say how it went."""
    answer = _client(url, data_dir).test_webhook(address)
    status = f", status {answer['status_code']}" if answer["status_code"] else ""
    console.print(f"{answer['reason']}{status}, {answer['duration_seconds']:.1f} s")
    if not answer["delivered"]:
        raise typer.Exit(1)
