"""What the command line says when it cannot go on."""

from __future__ import annotations


class CommandError(Exception):
    """A command cannot do what it was asked; the message is for the person at the terminal."""


class GatewayUnreachable(CommandError):
    """No gateway answers."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"no gateway answers at {url} ({reason}). "
            "Start the system with 'blog-writer up', or name a running one with --url or BLOG_WRITER_URL."
        )


class RequestRefused(CommandError):
    """The gateway answered with a problem."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{detail} [{status} {code}]")
        self.status = status
        self.code = code


class ServiceStopped(CommandError):
    """A service of the all-in-one ended by itself."""
