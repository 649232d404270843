"""The command line. Each command is thin: it calls the gateway, or the all-in-one."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from blog_writer import dead_letters, deliveries, keys, webhook_check
from blog_writer.articles import write_files
from blog_writer.client import Client
from blog_writer.errors import CommandError
from blog_writer.follow import follow
from blog_writer.options import DEFAULT_DATA_DIR, DataDirOption
from blog_writer.settings import UpSettings, read_running
from chassis.errors import ChassisError, SettingsError
from chassis.settings import load

app = typer.Typer(
    help="Writes well-researched blog articles as durable jobs.", no_args_is_help=True, add_completion=False
)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(keys.app, name="keys")
app.add_typer(deliveries.app, name="deliveries")
app.command("verify-webhook")(webhook_check.verify_webhook)
console = Console()
errors = Console(stderr=True)


def show_version(wanted: bool) -> None:
    """Print the version and end, when it is asked for."""
    if wanted:
        console.print(metadata.version("blog-writer"))
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """Take the options that go before a command."""


UrlOption = Annotated[
    str | None,
    typer.Option("--url", envvar="BLOG_WRITER_URL", help="The gateway; by default the one started here."),
]
DEFAULT_URL = "http://127.0.0.1:8000"


def client(url: str | None, data_dir: Path) -> Client:
    """Return a client of the named gateway, of the one running from the data folder, or of the default address."""
    running = read_running(data_dir)
    return Client(url or (running.url if running else DEFAULT_URL), os.environ.get("BLOG_WRITER_API_KEY"))


def up_settings(data_dir: Path, port: int | None) -> tuple[UpSettings, dict[str, str]]:
    """Return the all-in-one's settings and the environment with the options of the command line put in."""
    options = {"BLOG_WRITER_DATA_DIR": str(data_dir)} | (
        {} if port is None else {"BLOG_WRITER_PORT": str(port)}
    )
    environment = {**os.environ, **options}
    return load(UpSettings, environment), environment


@app.command()
def up(
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
    port: Annotated[int | None, typer.Option(help="Of the HTTP API; 0 takes a free one.")] = None,
) -> None:
    """Run the whole system on this machine until interrupted."""
    from blog_writer.run import run_until_signal  # noqa: PLC0415  other commands need none of the services

    settings, environment = up_settings(data_dir, port)
    run_until_signal(settings, environment)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the article.")] = Path("out/demo"),
    keyword: Annotated[str, typer.Option(help="What to write about.")] = "energy efficiency",
    fake_model: Annotated[
        bool,
        typer.Option(
            "--fake-model", help="With a model that costs nothing, in place of the extractive writer."
        ),
    ] = False,
) -> None:
    """Start everything, write one article from the bundled sample site, and stop again."""
    from blog_writer.demo import write_demo_article  # noqa: PLC0415  as above

    asyncio.run(write_demo_article(keyword, out, console, fake_model=fake_model))


@app.command()
def write(
    keyword: Annotated[str, typer.Argument(help="What the article is about.")],
    company_url: Annotated[str, typer.Option(help="The site of the company that publishes it.")],
    out: Annotated[Path | None, typer.Option(help="Folder for article.html, .md and .json.")] = None,
    language: Annotated[str, typer.Option(help="Language of the article.")] = "en",
    country: Annotated[str, typer.Option(help="Country of its readers.")] = "US",
    priority: Annotated[int, typer.Option(help="1 high, 2 normal, 3 low.")] = 2,
    source_url: Annotated[
        list[str] | None, typer.Option(help="A page to read as a source; may be repeated.")
    ] = None,
    callback_url: Annotated[
        str | None,
        typer.Option(
            help="Where the signed webhook goes: https, and public unless BLOG_WRITER_ALLOW_PRIVATE_NETWORKS says more."
        ),
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="US dollars that model, searches and images may cost.")
    ] = None,
    url: UrlOption = None,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
) -> None:
    """Submit an article, show its progress, and write it to disk when it is done."""
    request: dict[str, Any] = {
        "primary_keyword": keyword,
        "company_url": company_url,
        "language": language,
        "country": country,
        "priority": priority,
        "source_urls": source_url or [],
    } | ({"callback_url": callback_url} if callback_url else {})
    if max_cost is not None:
        request["max_cost_usd"] = max_cost
    gateway = client(url, data_dir)
    job_id = gateway.submit(request)["job_id"]
    console.print(f"job {job_id}")
    finish(gateway, job_id, out)


def finish(gateway: Client, job_id: str, out: Path | None) -> None:
    """Follow a job to its end and write its article; exit with 1 when there is none."""
    last = follow(gateway.events(job_id), console)
    if last is None or last["type"] != "completed":
        raise typer.Exit(1)
    result = gateway.status(job_id)["result"]
    files = write_files(result, out or Path("out") / result["slug"], gateway.download)
    console.print(f"{result['headline']}\nscore {result['aeo_score']:.1f}, {result['word_count']} words")
    console.print(f"article: {files[0]}", soft_wrap=True)


_JOB_COLUMNS = (("job", 36), ("status", 9), ("done", 4), ("created", 11))
"""Columns that are shown whole, with their widths: the identifier goes into every other command."""


@app.command()
def jobs(
    status: Annotated[
        str | None, typer.Option(help="pending, running, completed, failed or cancelled.")
    ] = None,
    batch_id: Annotated[str | None, typer.Option(help="Only this batch.")] = None,
    limit: Annotated[int, typer.Option(help="1 to 100.")] = 20,
    offset: Annotated[int, typer.Option(help="How many to leave out.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    url: UrlOption = None,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
) -> None:
    """List jobs, newest first."""
    filters = {"status": status, "batch_id": batch_id, "limit": limit, "offset": offset}
    page = client(url, data_dir).jobs(**{name: value for name, value in filters.items() if value is not None})
    if as_json:
        console.print_json(data=page)
        return
    table = Table(*(Column(name, no_wrap=True, min_width=width) for name, width in _JOB_COLUMNS), box=None)
    table.add_column("keyword", overflow="ellipsis", no_wrap=True, ratio=1)
    for job in page["jobs"]:
        created = job["created_at"][5:16].replace("T", " ")
        table.add_row(
            job["job_id"],
            job["status"],
            f"{job['progress_percent']}%",
            created,
            job.get("primary_keyword", ""),
        )
    console.print(table)
    console.print(f"{len(page['jobs'])} of {page['total']}")


@app.command()
def status(job_id: str, url: UrlOption = None, data_dir: DataDirOption = DEFAULT_DATA_DIR) -> None:
    """Show one job as JSON, without its article."""
    answer = client(url, data_dir).status(job_id)
    result = answer.pop("result", None)
    if result is not None:
        answer["headline"] = result["headline"]
    console.print_json(data=answer)


@app.command()
def watch(
    job_id: str,
    out: Annotated[Path | None, typer.Option(help="Folder for the article.")] = None,
    url: UrlOption = None,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
) -> None:
    """Follow a job that was submitted earlier, to its end."""
    finish(client(url, data_dir), job_id, out)


@app.command()
def cancel(job_id: str, url: UrlOption = None, data_dir: DataDirOption = DEFAULT_DATA_DIR) -> None:
    """Stop a job that has not ended."""
    console.print(client(url, data_dir).cancel(job_id)["message"])


@app.command()
def retry(
    job_id: str,
    max_cost: Annotated[
        float | None, typer.Option(help="US dollars that it may cost from now on, all runs together.")
    ] = None,
    url: UrlOption = None,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
) -> None:
    """Go on with a failed job from the stage that failed."""
    console.print(client(url, data_dir).retry(job_id, max_cost)["message"])


@app.command()
def migrate() -> None:
    """Bring the database that DATABASE_URL names up to date."""
    from blog_writer.migrations import migrate_all  # noqa: PLC0415  as above

    database_url = os.environ.get("DATABASE_URL")
    if not database_url:
        raise CommandError("DATABASE_URL is not set: name the Postgres database to migrate")
    applied = asyncio.run(migrate_all(database_url))
    console.print("\n".join(applied) or "nothing to do: the database is up to date")


@app.command()
def doctor(data_dir: DataDirOption = DEFAULT_DATA_DIR, url: UrlOption = None) -> None:
    """Check the servers, streams, consumers and jobs of a running system, and say what is wrong."""
    from blog_writer.doctor import examine  # noqa: PLC0415  as above

    checks = asyncio.run(examine(read_running(data_dir), os.environ, url))
    for check in checks:
        mark = "[green]ok[/]  " if check.ok else "[red]bad[/] "
        console.print(f"{mark} {check.name}: ", end="")
        console.print(check.detail, markup=False, soft_wrap=True)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


def main() -> None:
    """Run the command line; errors that a person can mend are one line on stderr and exit code 1 or 2."""
    try:
        app()
    except SettingsError as error:
        errors.print(f"settings: {error}", markup=False, soft_wrap=True)
        sys.exit(2)
    except (CommandError, ChassisError) as error:
        errors.print(f"error: {error}", markup=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
