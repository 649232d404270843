"""Structured logs: one event name and its facts per line."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from chassis.errors import SettingsError

LEVELS = ("debug", "info", "warning", "error", "critical")
_NOISY = (
    "asyncio",
    "bm25s",
    "faststream",
    "httpcore",
    "httpx",
    "nats",
    "trafilatura",
    "usp",
    "uvicorn",
    "uvicorn.error",
)


def configure(level: str = "info", json: bool | None = None) -> None:
    """Set logging up for the process: JSON lines, or coloured text when stderr is a terminal.

    Loggers of libraries go the same way, from warnings up. Calling it again replaces the set-up. Raises SettingsError
    for an unknown level.
    """
    if level.lower() not in LEVELS:
        raise SettingsError(f"BLOG_WRITER_LOG_LEVEL: {level!r} is not allowed: use {', '.join(LEVELS)}")
    as_json = not sys.stderr.isatty() if json is None else json
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        *([structlog.processors.format_exc_info] if as_json else []),
    ]
    renderer: Any = structlog.processors.JSONRenderer() if as_json else _coloured()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def _coloured() -> structlog.dev.ConsoleRenderer:
    """Return the renderer for terminals; its tracebacks show no variables, which may hold secrets."""
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
