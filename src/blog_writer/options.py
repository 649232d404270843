"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataDirOption = Annotated[
    Path,
    typer.Option("--data-dir", envvar="BLOG_WRITER_DATA_DIR", help="Folder of everything that must survive."),
]
DEFAULT_DATA_DIR = Path("data")
