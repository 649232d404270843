"""What every service may fail with before it does any work."""

from __future__ import annotations


class ChassisError(Exception):
    """Base of the chassis's errors."""


class SettingsError(ChassisError):
    """One or more settings are missing or wrong; the message names each variable."""


class ServerUnreachable(ChassisError):
    """A server that a setting names does not answer."""

    def __init__(self, variable: str, reason: str) -> None:
        super().__init__(f"{variable}: the server does not answer ({reason})")


class CannotListen(ChassisError):
    """An address cannot be bound: it is taken, not this machine's, or not allowed."""


class ConnectionLost(ChassisError):
    """NATS closed a connection in a way that no client comes back from, as after a refused sign-in."""


class MigrationError(ChassisError):
    """Migrations do not fit what the database says was applied."""


class ConsumerGone(ChassisError):
    """A stream or consumer that messages are pulled from does not exist."""


class ObjectMissing(ChassisError):
    """The object store holds nothing under this key."""


class StoreUnavailable(ChassisError):
    """The object store did not do what it was asked for."""


class StoreRefused(StoreUnavailable):
    """The object store does not let these credentials in."""


class InvalidKey(ChassisError):
    """An object's key is empty, absolute, or climbs out of the store."""


class QueryError(ChassisError):
    """A file of named queries lacks a name, or has it twice."""
