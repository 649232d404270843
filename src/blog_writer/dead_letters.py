"""``blog-writer dead-letters``: what nobody could process, for the person who has to decide about it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from blog_writer.errors import CommandError
from blog_writer.options import DEFAULT_DATA_DIR, DataDirOption, database_url

if TYPE_CHECKING:
    from orchestrator.dead_letters import DeadLetters

T = TypeVar("T")

app = typer.Typer(help="Messages that nobody could process.", no_args_is_help=True)
console = Console()

Number = Annotated[int, typer.Argument(help="As the list shows it.")]


def _ask(data_dir: Path, question: Callable[[DeadLetters], Awaitable[T]]) -> T:
    from chassis.database import close, connect  # noqa: PLC0415  other commands need none of the services
    from orchestrator.dead_letters import DeadLetters  # noqa: PLC0415  as above

    async def ask() -> T:
        pool = await connect(database_url(data_dir), name="dead-letters", max_size=1)
        try:
            return await question(DeadLetters(pool))
        finally:
            await close(pool)

    return asyncio.run(ask())


@app.command("list")
def list_letters(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the latest first.")] = 50,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
) -> None:
    """List the latest dead letters."""
    rows = _ask(data_dir, lambda letters: letters.latest(limit))
    table = Table("number", "when", "code", "subject", "by", "sent again", "reason")
    for row in rows:
        again = "no" if row["redriven_at"] is None else f"{row['redriven_at']:%Y-%m-%d %H:%M}"
        when = f"{row['at']:%Y-%m-%d %H:%M:%S}"
        table.add_row(
            str(row["id"]), when, row["code"], row["subject"], row["service"], again, row["reason"][:80]
        )
    console.print(table)


@app.command()
def show(number: Number, data_dir: DataDirOption = DEFAULT_DATA_DIR) -> None:
    """Show one dead letter with its payload."""
    row = _ask(data_dir, lambda letters: letters.get(number))
    if row is None:
        raise CommandError(f"there is no dead letter {number}")
    facts: dict[str, Any] = dict(row)
    payload = facts.pop("payload")
    for name, value in facts.items():
        console.print(f"{name}: {value}", markup=False, soft_wrap=True)
    console.print(payload.decode(errors="backslashreplace"), markup=False, soft_wrap=True)


@app.command()
def redrive(number: Number, data_dir: DataDirOption = DEFAULT_DATA_DIR) -> None:
    """Send a dead letter again, once its cause is mended."""
    subject = _ask(data_dir, lambda letters: letters.redrive(number))
    if subject is None:
        raise CommandError(
            f"dead letter {number} cannot be sent again: it is unknown, was cut off, was sent before, or commands a"
            " stage (then 'blog-writer retry JOB' goes on with its job)"
        )
    console.print(f"dead letter {number} goes out again to {subject}")
