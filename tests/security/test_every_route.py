"""Every route of the assembled application, asked by everybody about everybody's data: nobody learns or changes what is not theirs.

The data are marked (`secrets`), what each may see is written down by hand (`table`), the questions about records are generated from
the declarations of their types (`record_probes`), those to other routes are in one list (`platform_probes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.fixtures.application import OpenSite
from tests.security.file_probes import file_probes
from tests.security.platform_probes import PROBES, takes_uploads
from tests.security.record_probes import record_probes
from tests.security.served import routes_of
from tests.security.table import CALLERS
from tests.security.walk import Probe, walk
from tests.security.world import World


def probes_of(world: World, operations: set[str] | None = None) -> Iterator[Probe]:
    """The probes of these operations, all by default, made one after the other as they are walked."""
    makers: dict[str, Callable[[str], Iterator[Probe]]] = {**record_probes(world), **file_probes(world)}
    for operation, make in PROBES.items():
        makers[operation] = lambda caller, make=make: make(world, caller)  # type: ignore[misc] # mypy reads no defaults
    for operation in routes_of(world.site):
        if operations is None or operation in operations:
            for caller in CALLERS:
                yield from makers[operation](caller)


@pytest.fixture
def world(open_site: OpenSite) -> World:
    return World(open_site("crm", "sample"))


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_every_route_has_a_control(world: World) -> None:
    lacking = routes_of(world.site).keys() - record_probes(world).keys() - file_probes(world).keys() - PROBES.keys()
    assert not lacking, (
        f"{sorted(lacking)} are not walked: add an entry for each to PROBES in tests/security/platform_probes.py, with one "
        "call that somebody is allowed to make and those that everybody else is refused"
    )


def test_nobody_learns_or_changes_what_is_not_theirs(world: World) -> None:
    done = walk(world, probes_of(world))
    shown = "\n".join(str(leak) for leak in done.leaks[:40])
    assert not done.leaks, f"{len(done.leaks)} leaks in {done.calls} calls:\n{shown}"
    elsewhere = set() if takes_uploads(world.site) else {"storage_upload"}
    uncontrolled = routes_of(world.site).keys() - done.controlled - elsewhere
    assert not uncontrolled, f"nobody was allowed to use {sorted(uncontrolled)}: an answer 2xx is wanted from each"
