"""Options that several commands take."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from blog_writer.errors import CommandError
from blog_writer.settings import read_running

DataDirOption = Annotated[
    Path,
    typer.Option("--data-dir", envvar="BLOG_WRITER_DATA_DIR", help="Folder of everything that must survive."),
]
DEFAULT_DATA_DIR = Path("data")


def database_url(data_dir: Path) -> str:
    """Return where the database is: as the environment says, else as the running all-in-one wrote down.

    Raises CommandError when neither does.
    """
    running = read_running(data_dir)
    url = os.environ.get("DATABASE_URL") or (running.database_url if running else "")
    if not url:
        raise CommandError(f"DATABASE_URL is not set, and no system runs from {data_dir}")
    return url
