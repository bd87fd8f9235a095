"""Which plugins are installed, found without importing any; and importing the one that is enabled."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

import bharat
from bharat.contracts import spelling
from bharat.contracts.errors import PluginError

GROUP = "bharat.plugins"
OWN = {
    "crm": "bharat-crm",
    "dev_cluster": "bharat-dev-cluster",
    "session_redis": "bharat-session-redis",
    "locks_redis": "bharat-locks-redis",
    "cache_redis": "bharat-cache-redis",
    "storage_spaces": "bharat-storage-spaces",
    "mail_smtp": "bharat-mail-smtp",
    "vector_qdrant": "bharat-vector-qdrant",
    "embeddings_http": "bharat-embeddings-http",
}
"""Bharat's own plugins and the distributions that bring them."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


@dataclass(frozen=True, slots=True)
class Available:
    """A plugin that an installed distribution offers. `requires` are the distribution's requirements (PEP 508)."""

    name: str
    distribution: str
    version: str
    requires: tuple[str, ...]
    entry_point: EntryPoint


def installed() -> dict[str, tuple[Available, ...]]:
    """Every installed plugin by name, nothing imported. More than one under a name are offers that clash."""
    found: dict[str, dict[str, Available]] = {}
    for entry_point in entry_points(group=GROUP):
        dist = entry_point.dist
        name = dist.name if dist is not None else ""
        available = Available(
            entry_point.name,
            name,
            dist.version if dist is not None else "",
            tuple((dist.requires if dist is not None else None) or ()),
            entry_point,
        )
        found.setdefault(entry_point.name, {}).setdefault(canonicalize_name(name), available)
    return {name: tuple(offers.values()) for name, offers in sorted(found.items())}


def find(name: str, plugins: Mapping[str, tuple[Available, ...]]) -> Available:
    """The installed plugin of this name. Raises `PluginError` when there is none, or more than one, or for another Bharat."""
    if not _NAME.fullmatch(name):
        raise PluginError(f"{name!r} in `plugins` is not a plugin's name: use lower-case letters, digits and '_'")
    offers = plugins.get(name, ())
    if not offers:
        remedy = remedy_for_missing(name, plugins)
        more = "" if remedy.endswith("?") else f", or disable it with `bharat plugins disable {name}`"
        raise PluginError(f"plugin {name!r} is enabled and not installed; {remedy}{more}")
    if len(offers) > 1:
        names = " and ".join(sorted(offer.distribution for offer in offers))
        raise PluginError(f"plugin {name!r} is offered by {names}; uninstall all but one of them")
    _check_version(offers[0])
    return offers[0]


def import_plugin(available: Available) -> object:
    """Import the plugin's module or object. Raises `PluginError` that says in short what went wrong and where."""
    name = available.name
    try:
        plugin: object = available.entry_point.load()
    except (Exception, SystemExit) as error:
        remedy = f"repair it, or disable it with `bharat plugins disable {name}`"
        if isinstance(error, ModuleNotFoundError) and error.name:
            remedy = f"install what brings the module {error.name}, or disable it with `bharat plugins disable {name}`"
        raise PluginError(
            f"plugin {name!r} ({available.distribution} {available.version}) is broken: {summary(error)}; {remedy}"
        ) from error
    if inspect.isclass(plugin):
        raise PluginError(
            f"plugin {name!r} ({available.distribution}): its entry point names the class {plugin.__name__}; "
            "let it name a module or an instance"
        )
    return plugin


def remedy_for_missing(name: str, plugins: Iterable[str]) -> str:
    """What to do about a plugin that is not installed, when `plugins` are. A package is named only for a plugin of Bharat's own:
    whatever else has a name that looks right may be anybody's."""
    if name in OWN:
        return f"install it with `pip install {OWN[name]}`"
    near = spelling.nearest(name, [*plugins, *OWN])
    return f"did you mean {near!r}?" if near else "install the distribution that provides it"


def summary(error: BaseException) -> str:
    """An exception in one line: type, first line of its text, and where it was raised."""
    text = str(error).strip().splitlines()
    frames = traceback.extract_tb(error.__traceback__)
    # Frames of the import machinery say nothing to an author.
    frame = next((frame for frame in reversed(frames) if not frame.filename.startswith("<")), None)
    place = f" ({frame.filename} line {frame.lineno})" if frame and "importlib" not in frame.filename else ""
    return f"{type(error).__name__}{': ' + text[0] if text else ''}{place}"


def _check_version(available: Available) -> None:
    for line in available.requires:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue  # pip refuses such metadata; what it let through says nothing about Bharat
        if canonicalize_name(requirement.name) != "bharat" or (
            requirement.marker and not requirement.marker.evaluate()
        ):
            continue
        if not requirement.specifier.contains(bharat.__version__, prereleases=True):
            raise PluginError(
                f"plugin {available.name!r} ({available.distribution} {available.version}) is made for Bharat "
                f"{requirement.specifier}, and this is {bharat.__version__}; install a version of it that fits with "
                f"`pip install --upgrade {available.distribution}`, or disable it with `bharat plugins disable {available.name}`"
            )
