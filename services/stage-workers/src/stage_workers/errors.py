"""What can go wrong at the ports. Adapters map their libraries' errors to these, once, at the border."""

from __future__ import annotations

from chassis.errors import StoreRefused, StoreUnavailable


class PortError(Exception):
    """Something outside the stage failed."""

    def __init__(self, code: str, reason: str, after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.after_seconds = after_seconds


class Transient(PortError):
    """Another attempt may succeed. The runner turns it into a retry."""


class Permanent(PortError):
    """Another attempt would end the same way. The runner turns it into a failure of the stage."""


class Unpaid(Exception):
    """A call that was not made, since the job's limit does not allow it or no record of it could be kept.

    It is no PortError: a stage that can do without an answer must not go on as if the others were still to be had.
    """

    def __init__(self, code: str, reason: str, *, passes: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.passes = passes
        """Whether another attempt may be able to pay."""


def of_the_store(error: StoreUnavailable) -> PortError:
    """Return what a failure of the article store means for a stage."""
    if isinstance(error, StoreRefused):
        return Permanent("store_refused", str(error))
    return Transient("store_unavailable", str(error))


class FetchFailed(PortError):
    """A page could not be read. ``code`` says why: ``dns``, ``connect``, ``timeout``, ``tls``, ``protocol``,
    ``http_404``, ``too_large``, ``not_html``, ``too_many_redirects``, ``robots_denied``, ``empty_page``, ``too_deep``, …; stages decide
    whether they can go on without it. ``reason`` names the address."""

    def __init__(self, url: str, code: str, reason: str, *, transient: bool) -> None:
        super().__init__(code, reason)
        self.url = url
        self.transient = transient
