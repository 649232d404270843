"""Settings of ``blog-writer up`` itself; each service reads its own from the same environment."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from chassis.errors import SettingsError
from chassis.settings import variables


class UpSettings(msgspec.Struct, frozen=True):
    """What the all-in-one needs before its services can be set up."""

    ENV: ClassVar[dict[str, str]] = {"database_url": "DATABASE_URL", "nats_url": "NATS_URL"}

    data_dir: str = "data"
    """Folder of everything that must survive a restart."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8000
    """Of the HTTP API; 0 takes a free one."""
    host: str = "127.0.0.1"
    """Address of the HTTP API."""
    database_url: str | None = None
    """A Postgres server to use instead of the embedded one."""
    nats_url: str | None = None
    """A NATS server to use instead of the embedded one."""
    db_path: str | None = None
    """Folder of the embedded database; ``<data_dir>/postgres`` when not given."""
    log_level: str = "info"

    def data_folder(self) -> Path:
        """Return the data folder as an absolute path, made if it is not there. Raises SettingsError."""
        folder = Path(self.data_dir).absolute()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"BLOG_WRITER_DATA_DIR: {folder} cannot be used: {error.strerror}") from error
        return folder

    def database_folder(self) -> Path:
        """Return the embedded database's folder as an absolute path."""
        return Path(self.db_path or Path(self.data_dir, "postgres")).absolute()


class Running(msgspec.Struct, frozen=True):
    """Where a running system is found: the file ``running.json`` in its data folder."""

    url: str
    database_url: str
    nats_url: str
    pid: int


def webhook_secret(data_dir: Path) -> str:
    """Return the signing secret kept in the data folder, made on first use (32 random bytes, Standard Webhooks)."""
    return _kept_secret(data_dir / "webhook-secret", "whsec_")


def secret_key(data_dir: Path) -> str:
    """Return the gateway's secret kept in the data folder, made on first use (32 random bytes)."""
    return _kept_secret(data_dir / "secret-key", "")


def _kept_secret(path: Path, prefix: str) -> str:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(prefix + b64encode(secrets.token_bytes(32)).decode())
    return path.read_text().strip()


def service_environment(
    environment: Mapping[str, str], settings: UpSettings, *, running: Running, data_dir: Path
) -> dict[str, str]:
    """Return the environment the services read their settings from: the user's, with the gaps filled."""
    defaults = {
        "BLOG_WRITER_ARTICLE_STORE": (data_dir / "articles").as_uri(),
        "BLOG_WRITER_WEBHOOK_SECRET": webhook_secret(data_dir),
        "BLOG_WRITER_SECRET_KEY": secret_key(data_dir),
        "BLOG_WRITER_DB_PATH": str(settings.database_folder()),
        "BLOG_WRITER_PUBLIC_URL": running.url,
    }
    fixed = {
        "DATABASE_URL": running.database_url,
        "NATS_URL": running.nats_url,
        "BLOG_WRITER_HOST": settings.host,
        "BLOG_WRITER_PORT": running.url.rsplit(":", 1)[1],
    }
    return defaults | {name: value for name, value in environment.items() if value} | fixed


OTHER_VARIABLES = frozenset(
    ("BLOG_WRITER_URL", "BLOG_WRITER_API_KEY", "BLOG_WRITER_CRASH_POINT", "BLOG_WRITER_CLOCK_OFFSET_SECONDS")
)
"""Read by the command line and by fault tests, not by a service."""


def unknown_variables(
    environment: Mapping[str, str], kinds: Iterable[type[msgspec.Struct]]
) -> dict[str, str | None]:
    """Return the variables with our prefix that nothing reads, each with the known one it may be meant for."""
    known = OTHER_VARIABLES.union(*(variables(kind).values() for kind in kinds))
    strangers = sorted(name for name in environment if name.startswith("BLOG_WRITER_") and name not in known)
    return {name: next(iter(get_close_matches(name, known, 1, 0.85)), None) for name in strangers}


def read_running(data_dir: Path) -> Running | None:
    """Return where the system of this data folder runs, or None when none was started there."""
    path = data_dir / "running.json"
    return msgspec.json.decode(path.read_bytes(), type=Running) if path.exists() else None


def write_running(data_dir: Path, running: Running) -> None:
    """Write ``running.json`` at once and whole, readable by its owner alone since it holds the database's password."""
    path = data_dir / "running.json"
    unfinished = path.with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(msgspec.json.encode(running))
    unfinished.replace(path)
