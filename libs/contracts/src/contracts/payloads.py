"""How a stage's input or output travels: in the message, or in the artifact store with its hash beside it.

The limits follow from NATS's default message size of 1 MiB: a stage command carries the request and at most ten
outputs, so with 64 KiB each and 256 KiB for the request a command always fits, the reports of three rounds included
where a stage reads fewer outputs. ``tests/architecture`` builds the largest command of each stage.
"""

from __future__ import annotations

import msgspec

INLINE_LIMIT = 64 * 1024
"""Largest stage output, in bytes of JSON, that travels in messages when another stage reads it."""
RESULT_LIMIT = 512 * 1024
"""Largest final result, in bytes of JSON. It is never stored by reference: the row holds it."""
REQUEST_LIMIT = 256 * 1024
"""Largest request body, in bytes."""
FINDINGS_LIMIT = 64 * 1024
"""Largest report of one round's findings, in bytes of JSON. Later rounds and the last stages read all reports."""
EARLIER_ARTICLES_LIMIT = 256 * 1024
"""Largest list of earlier articles to compare with, in bytes of JSON."""
MESSAGE_LIMIT = 1024 * 1024
"""The message size every NATS server allows without settings."""


class Inline(msgspec.Struct, frozen=True, tag="inline"):
    """The JSON value itself."""

    value: msgspec.Raw


class Stored(msgspec.Struct, frozen=True, tag="stored"):
    """A reference into the artifact store."""

    key: str
    sha256: str
    """Of the stored bytes, in hex."""
    size: int
    """In bytes."""


Payload = Inline | Stored
