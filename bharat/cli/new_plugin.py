"""`bharat new-plugin`: a whole distribution of somebody's own, made from one of `templates` by giving it a name."""

from __future__ import annotations

import re
import secrets
import shlex
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from bharat.cli.base import Runtime, pass_runtime
from bharat.contracts.errors import BharatError
from bharat.contracts.spelling import hint
from bharat.plugins import installed
from bharat.plugins.discovery import OWN

TEMPLATES = Path(__file__).parent / "templates"
COMMON = "common"
RECORDS = "records"
"""What is made when no capability is asked for."""
_RENAMED = {"gitignore": ".gitignore", "pyproject": "pyproject.toml"}
"""Tools take a folder that holds these for a project: they have other names where they are only copied from."""
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 30
"""So that lines that hold it stay within 120 characters, and are formatted whatever it is."""
_LONGEST_WITH_RECORDS = 21
"""So that `fk_<plugin>_<plural>_organisation_id` fits into the 63 characters that PostgreSQL gives a name."""
_LIBRARIES = ("redis", "local_servers")
"""`bharat-redis` and `bharat-local-servers` are libraries of Bharat's."""


def capabilities() -> list[str]:
    """Those for which there is a template."""
    folders = {path.name for path in TEMPLATES.iterdir() if (path / "__init__.py").exists()}
    return sorted(folders - {RECORDS})


@click.command("new-plugin")
@click.argument("name")
@click.option("--capability", help=f"Begin with a provider of this capability: {', '.join(capabilities())}.")
@click.option(
    "--into",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="The folder to make it in; else the one you are in.",
)
@pass_runtime
def new_plugin(runtime: Runtime, *, name: str, capability: str | None, into: Path) -> None:
    """Make a plugin called NAME in a new folder, bharat-NAME: a distribution that works, with its tests.

    NAME is lower-case words and digits joined by `_`, such as cache_files; the folder joins them by `-`. The provider has the plugin's
    name, which `bharat_<capability>` in its `__init__.py` may change.

    It begins with a provider of a capability, held to the capability's conformance suite, or without one, with a record type, a route
    and a job."""
    template = _template(capability)
    _check(name, template, [builtin for builtin, _ in runtime.builtins])
    folder = into / f"bharat-{name.replace('_', '-')}"
    if folder.exists() or folder.is_symlink():
        raise BharatError(f"{folder} is there already: choose another name, or another folder with --into")
    make(folder, template, name)
    what = f"a provider of the capability {capability}" if capability else "a record type, a route and a job"
    click.echo(f"Made {folder}: a plugin with {what}, and their tests. Next:\n")
    # Without its "./" a relative one would be a name that pip looks up.
    named = folder if folder.is_absolute() else f"./{folder}"
    for command in (
        f"pip install -e {shlex.quote(f'{named}[dev]')}",
        f"pytest {shlex.quote(str(folder))}",
        f"bharat plugins enable {name}",
    ):
        click.echo(f"    {command}")
    if capability:
        click.echo(f'\nand, to have it used, in the configuration: [{capability}] provider = "{name}"')


def make(folder: Path, template: str, name: str) -> None:
    """Write the plugin aside and rename it to `folder`, so that it is there whole or not at all. Raises `BharatError`."""
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    try:
        for place, text in contents(template, name):
            path = aside / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        aside.rename(folder)
    except OSError as error:
        raise BharatError(f"can't make {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def contents(template: str, name: str) -> Iterator[tuple[str, str]]:
    """The files of a plugin by their place in its folder. One that both the template and `common` have is the template's, then the
    common one's."""
    package = f"bharat_{name}"
    words = {
        f"bharat.cli.templates.{template}": package,
        "new_plugin": name,
        "new-plugin": name.replace("_", "-"),
        "NewPlugin": "".join(word.capitalize() for word in name.split("_")),
    }
    files: dict[str, str] = {f"src/{package}/py.typed": ""}
    for place, text in _files(TEMPLATES / template):
        stays = place == "README.md" or place.startswith("tests/")
        files[place if stays else f"src/{package}/{place}"] = text
    for place, text in _files(TEMPLATES / COMMON):
        place = _RENAMED.get(place, place)
        files[place] = files.get(place, "") + text
    for place, text in files.items():
        yield place, _renamed(text, words)


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file below `folder`, but for what Python and other tools leave there."""
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in place.parts):
            yield place.as_posix(), path.read_text(encoding="utf-8")


def _renamed(text: str, words: Mapping[str, str]) -> str:
    for word, meant in words.items():
        text = text.replace(word, meant)
    return text


def _template(capability: str | None) -> str:
    known = capabilities()
    if capability is None:
        return RECORDS
    if capability not in known:
        raise click.BadParameter(
            f"there is no template for {capability!r}{hint(capability, known)}; there is one for {', '.join(known)}",
            param_hint="--capability",
        )
    return capability


def _check(name: str, template: str, builtins: list[str]) -> None:
    """Raise `click.BadParameter` for a name that no plugin can have, or that another has."""
    longest = _LONGEST_WITH_RECORDS if template == RECORDS else _LONGEST
    if not _NAME.fullmatch(name):
        why = "use lower-case letters and digits, words joined by one '_', the first a letter"
        meant = re.sub(r"[^a-z0-9]+", "_", name.lower().removeprefix("bharat-")).strip("_")
        if _NAME.fullmatch(meant):
            why += f"; did you mean {meant}?"
    elif len(name) > longest:
        more = ": tables and their indexes are named after a plugin with records" if template == RECORDS else ""
        why = f"it may have {longest} characters at most{more}"
    elif name in (*builtins, *OWN, *_LIBRARIES):
        why = "it is one of Bharat's own"
    elif offers := installed().get(name):
        why = f"{offers[0].distribution} {offers[0].version}, which is installed, has it already"
    else:
        return
    raise click.BadParameter(f"{name[:80]!r} can't be the name of a new plugin: {why}", param_hint="NAME")
