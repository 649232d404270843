"""What the notifier's own code may fail with."""

from __future__ import annotations


class NotifierError(Exception):
    """Base of the notifier's errors."""


class InvalidSecret(NotifierError):
    """A webhook secret must be 'whsec_' and 24 to 64 bytes in base64."""


class InvalidMessageId(NotifierError):
    """A webhook's id must be neither empty nor contain a dot, which parts the signed bytes."""


class NotCopied(Exception):
    """Not all events were stored for tenants; they come again."""
