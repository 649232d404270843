"""Which variables a service reads: what every deployment file is compared with."""

from __future__ import annotations

import msgspec

import gateway.settings
import notifier.settings
import orchestrator.settings
import stage_workers.settings
from blog_writer.settings import OTHER_VARIABLES, UpSettings
from chassis.settings import variables

SERVICES: dict[str, type[msgspec.Struct]] = {
    "gateway": gateway.settings.Settings,
    "orchestrator": orchestrator.settings.Settings,
    "stage-workers": stage_workers.settings.Settings,
    "notifier": notifier.settings.Settings,
}
OF_EVERY_SERVICE = frozenset(("BLOG_WRITER_LOG_LEVEL",))
OF_LIBRARIES = frozenset(("AWS_REGION", "AWS_ENDPOINT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
"""Read by obstore, for services that open the article store."""
FOR_TESTS = frozenset(("BLOG_WRITER_CRASH_POINT", "BLOG_WRITER_CLOCK_OFFSET_SECONDS"))


def of_service(name: str) -> set[str]:
    """Return every variable that a service reads."""
    own = set(variables(SERVICES[name]).values())
    return own | OF_EVERY_SERVICE | (OF_LIBRARIES if "BLOG_WRITER_ARTICLE_STORE" in own else frozenset())


def required(name: str) -> set[str]:
    """Return the variables without which a service does not start."""
    names = variables(SERVICES[name])
    return {names[field.name] for field in msgspec.structs.fields(SERVICES[name]) if field.required}


def of_operators() -> set[str]:
    """Return what the command line reads."""
    return {*variables(UpSettings).values(), *(OTHER_VARIABLES - FOR_TESTS)}


def everything() -> set[str]:
    """Return every variable that anything in this repository reads, those of fault tests left out."""
    return of_operators().union(*map(of_service, SERVICES))
