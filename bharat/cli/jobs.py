"""`bharat jobs`: look at background jobs, and deal with dead ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import click

from bharat.cli.base import Runtime, Summaries, pass_runtime, show_json, show_table

if TYPE_CHECKING:
    from bharat.work.dead import JobFacts

_STATES = ("scheduled", "ready", "running", "done", "dead")


@click.group(cls=Summaries)
def jobs() -> None:
    """Look at background jobs; replay or discard dead ones."""


@jobs.command("list")
@click.option("--state", type=click.Choice(_STATES), help="Only jobs in this state.")
@click.option("--kind", metavar="KIND", help="Only jobs of this kind.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_runtime
def list_(runtime: Runtime, *, state: str | None, kind: str | None, limit: int, as_json: bool) -> None:
    """List jobs, newest first."""
    _list(runtime, state, kind, limit, as_json)


@jobs.command()
@click.option("--kind", metavar="KIND", help="Only jobs of this kind.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_runtime
def dead(runtime: Runtime, *, kind: str | None, limit: int, as_json: bool) -> None:
    """List the dead: jobs whose attempts are used up or that gave up, with their last error."""
    _list(runtime, "dead", kind, limit, as_json)


@jobs.command()
@click.argument("ids", nargs=-1, type=click.UUID)
@click.option("--kind", metavar="KIND", help="Replay the dead jobs of this kind.")
@click.option("--all", "everything", is_flag=True, help="Replay all dead jobs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_runtime
def replay(runtime: Runtime, *, ids: tuple[UUID, ...], kind: str | None, everything: bool, as_json: bool) -> int:
    """Let dead jobs run again, with as many attempts as they had. Name them by ID, by --kind or --all."""
    from bharat.work import dead as dead_set

    _check_choice(ids, kind, everything)
    with runtime.application() as app:
        done = dead_set.replay(app.database, app.catalogue.jobs, ids or None, kind=kind)
    if as_json:
        show_json({"replayed": done.ready, "held_up": [str(job_id) for job_id in done.held_up]})
    else:
        click.echo(f"replayed {_count(done.ready)}")
        for job_id in done.held_up:
            click.echo(f"{job_id} stays dead: an unfinished job has its unique key", err=True)
    return 1 if done.held_up else 0


@jobs.command()
@click.argument("ids", nargs=-1, type=click.UUID)
@click.option("--kind", metavar="KIND", help="Discard the dead jobs of this kind.")
@click.option("--all", "everything", is_flag=True, help="Discard all dead jobs.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_runtime
def discard(
    runtime: Runtime, *, ids: tuple[UUID, ...], kind: str | None, everything: bool, yes: bool, as_json: bool
) -> None:
    """Delete dead jobs for good. Name them by ID, by --kind or --all."""
    from bharat.work import dead as dead_set

    _check_choice(ids, kind, everything)
    if not yes:
        click.confirm("What these jobs were to do will not be done. Go on?", abort=True, err=True)
    with runtime.application() as app:
        count = dead_set.discard(app.database, ids or None, kind=kind)
    if as_json:
        show_json({"discarded": count})
    else:
        click.echo(f"discarded {_count(count)}")


def _list(runtime: Runtime, state: str | None, kind: str | None, limit: int, as_json: bool) -> None:
    from bharat.work.dead import list_jobs
    from bharat.work.tables import State

    with runtime.application() as app:
        found = list_jobs(app.database, state=State(state) if state else None, kind=kind, limit=limit)
    if as_json:
        show_json([dataclasses.asdict(facts) for facts in found])
    elif found:
        show_table(("ID", "KIND", "QUEUE", "STATE", "ATTEMPT", "DUE", "LAST ERROR"), [_cells(facts) for facts in found])
    else:
        click.echo("no such jobs")


def _cells(facts: JobFacts) -> Sequence[str]:
    attempt = str(facts.attempt) if facts.max_attempts is None else f"{facts.attempt}/{facts.max_attempts}"
    due = facts.run_at.isoformat(timespec="seconds")
    return (str(facts.id), facts.kind, facts.queue, facts.state, attempt, due, facts.error or "")


def _check_choice(ids: Sequence[UUID], kind: str | None, everything: bool) -> None:
    if sum((bool(ids), kind is not None, everything)) != 1:
        raise click.UsageError("say which: job IDs, --kind KIND or --all")


def _count(number: int) -> str:
    return f"{number} dead job{'' if number == 1 else 's'}"
