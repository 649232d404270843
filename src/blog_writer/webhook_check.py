"""What is wrong with a webhook that a receiver does not take: for the person who writes the receiver. Pure but for its command.

Most of it is about bytes: a body that was parsed and written again, or a secret whose text was taken for the key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from blog_writer.errors import CommandError
from blog_writer.options import DEFAULT_DATA_DIR, DataDirOption
from notifier.errors import InvalidMessageId, InvalidSecret
from notifier.signing import PREFIX, key_of, sign

console = Console()

TOLERANCE_SECONDS = 300
"""How far a receiver's clock may be off, by the specification's libraries."""
NAMES = ("webhook-id", "webhook-timestamp", "webhook-signature")


def complaints(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float | None
) -> list[str]:
    """Return what is wrong with a webhook, in words; nothing when it verifies.

    ``headers`` have names in lower case; ``now`` is in Unix seconds, None when its age does not matter.
    """
    missing = [name for name in NAMES if not headers.get(name, "").strip()]
    if missing:
        return [f"the header {name} is missing" for name in missing]
    message_id, timestamp, signature = (headers[name].strip() for name in NAMES)
    if not (timestamp.isascii() and timestamp.isdigit()):
        return [f"webhook-timestamp is {timestamp!r}, and must be whole Unix seconds"]
    try:
        keys = [key_of(secret.strip()) for secret in secrets]
        expected = sign(keys, message_id, int(timestamp), body).split()
    except (InvalidSecret, InvalidMessageId) as error:
        return [str(error)]
    found = list(_about_time(int(timestamp), now))
    if any(
        hmac.compare_digest(one.encode(), other.encode()) for one in expected for other in signature.split()
    ):
        return found
    return [*_about_signature(signature, message_id, timestamp, body, secrets), *found]


def _about_time(timestamp: int, now: float | None) -> Iterator[str]:
    if now is not None and abs(now - timestamp) > TOLERANCE_SECONDS:
        where = "behind" if timestamp < now else "ahead of"
        seconds = abs(round(now - timestamp))
        yield (
            f"webhook-timestamp is {seconds} s {where} this clock; receivers allow {TOLERANCE_SECONDS} s "
            "(for a webhook that was kept, use --ignore-age)"
        )


def _about_signature(
    signature: str, message_id: str, timestamp: str, body: bytes, secrets: Sequence[str]
) -> Iterator[str]:
    parts = [part.partition(",") for part in signature.split()]
    if not any(version == "v1" for version, _, _ in parts):
        yield "webhook-signature has no part that begins with 'v1,'"
        return
    given = [value for version, _, value in parts if version == "v1"]
    if not any(_is_digest(value) for value in given):
        yield "what follows 'v1,' in webhook-signature is not 32 bytes in base64"
        return
    signed = f"{message_id}.{timestamp}.".encode()
    for why, key, content in _mistakes(signed, body, secrets):
        if base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() in given:
            yield why
            return
    yield (
        "no signature fits: the secret is another one, or the body is not the very bytes that were posted "
        "(verify before parsing)"
    )


def _mistakes(signed: bytes, body: bytes, secrets: Sequence[str]) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield mistakes that are often made, each with what a signature would then be made of."""
    for secret in secrets:
        key = key_of(secret.strip())
        yield "it was signed over the body alone, without id and timestamp", key, body
        for why, other in _other_bodies(body):
            yield f"it was signed over another body: this one {why}", key, signed + other
        text = secret.strip()
        for why, wrong in (("the whole text", text), ("the text", text.removeprefix(PREFIX))):
            yield (
                f"it was signed with {why} of the secret as the key; the key is what its base64 stands for",
                wrong.encode(),
                signed + body,
            )


def _other_bodies(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "has a line break at its end that was not posted", body.rstrip(b"\r\n")
    yield "has its line breaks changed", body.replace(b"\r\n", b"\n")
    try:
        value = json.loads(body)
    except ValueError:
        return
    why = "was parsed and written again"
    for escaped in (False, True):
        for separators in ((",", ":"), (", ", ": ")):
            yield why, json.dumps(value, separators=separators, ensure_ascii=escaped).encode(errors="replace")


def _is_digest(value: str) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == hashlib.sha256().digest_size
    except (binascii.Error, ValueError):
        return False


def read_headers(text: str) -> dict[str, str]:
    """Return headers by name in lower case, from lines like ``name: value`` or a JSON object."""
    if text.lstrip().startswith("{"):
        try:
            return {str(name).lower(): str(value) for name, value in json.loads(text).items()}
        except ValueError as error:
            raise CommandError(f"the headers are no JSON: {error}") from error
    lines = (line.partition(":") for line in text.splitlines())
    return {name.strip().lower(): value.strip() for name, colon, value in lines if colon}


def verify_webhook(
    headers: Annotated[
        Path, typer.Option(help="File with the headers, 'name: value' on each line, or JSON.")
    ],
    body: Annotated[Path, typer.Option(help="File with the body, byte for byte; - for standard input.")],
    secret: Annotated[
        str,
        typer.Option(
            envvar="BLOG_WRITER_WEBHOOK_SECRET",
            show_envvar=True,
            help="The secret, several with commas; by default that of the data folder.",
        ),
    ] = "",
    ignore_age: Annotated[
        bool, typer.Option("--ignore-age", help="Take it however old: it was kept in a file.")
    ] = False,
    data_dir: DataDirOption = DEFAULT_DATA_DIR,
) -> None:
    """Verify a webhook as a receiver must, and say what is wrong with it."""
    content = sys.stdin.buffer.read() if str(body) == "-" else _read(body)
    secrets = (secret or _kept_secret(data_dir)).split(",")
    now = None if ignore_age else time.time()
    found = complaints(read_headers(_read(headers).decode(errors="replace")), content, secrets, now)
    for complaint in found:
        console.print(f"bad: {complaint}", markup=False, soft_wrap=True)
    if found:
        raise typer.Exit(1)
    console.print(f"ok: {len(content)} bytes are signed with this secret")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error


def _kept_secret(data_dir: Path) -> str:
    path = data_dir / "webhook-secret"
    if not os.access(path, os.R_OK):
        raise CommandError(f"BLOG_WRITER_WEBHOOK_SECRET is not set, and there is no {path}: give --secret")
    return path.read_text()
