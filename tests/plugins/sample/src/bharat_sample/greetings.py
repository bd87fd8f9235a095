"""A route that causes a job in its own transaction, the job, the clock's entry for it, and a health check."""

from __future__ import annotations

from uuid import UUID

import msgspec

from bharat.contracts.application import Application
from bharat.contracts.check import Check, Finding, Status
from bharat.contracts.route import Needs, Request, Route
from bharat.contracts.storage import StorageError
from bharat.contracts.work import CatchUp, CronEntry, JobContext, JobSpec
from bharat.work import enqueue
from bharat_sample.options import Settings


class Greeting(msgspec.Struct, frozen=True):
    """What was said, and the job that keeps it."""

    text: str
    job_id: UUID | None


def text_for(app: Application, name: str) -> str:
    settings = app.settings("sample")
    assert isinstance(settings, Settings)
    return f"{settings.greeting}, {name}"


def _keep(context: JobContext) -> None:
    """Running it again writes the same file again."""
    text = text_for(context.app, str(context.payload["name"]))
    context.app.storage.put(f"sample/greetings/{context.id}.txt", [text.encode()], content_type="text/plain")


KEEP = JobSpec(kind="sample.keep_greeting", run=_keep, summary="Keep a greeting as a file")

EVERY_MORNING = CronEntry(
    name="sample.good_morning",
    schedule="0 7 * * *",
    job=KEEP.kind,
    timezone="Asia/Kolkata",
    catch_up=CatchUp.SKIP,
    payload={"name": "everyone"},
)


def _greet(request: Request) -> Greeting:
    """Greet whoever calls, and keep the greeting as a file."""
    name = f"visitor {request.principal.user_id}"
    return Greeting(text_for(request.app, name), enqueue(request.unit, KEEP, {"name": name}))


GREET = Route(
    method="POST",
    path="/api/v1/sample/greetings",
    handler=_greet,
    access=Needs("site_visits:write"),
    summary="Be greeted",
    tag="sample",
    operation_id="greet",
    returns=Greeting,
)


def _check(app: Application) -> Finding:
    try:
        app.storage.list("sample/greetings/", limit=1)
    except StorageError as error:
        return Finding(Status.DEGRADED, f"greetings can't be kept: {error}", "see the check of the storage")
    return Finding(Status.OK, "greetings can be kept")


KEEPS_GREETINGS = Check(name="sample.greetings", run=_check)
