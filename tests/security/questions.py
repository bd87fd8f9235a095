"""Where the product asks who may do what, found in its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.packaging.distributions import PLUGINS, ROOT

ASKING = frozenset({"row_filter", "visible_rows", "rows_of", "reaches", "require", "allows", "visibility"})
"""The functions that answer it."""


def questions() -> Iterator[str]:
    """Each as `file function called`, such as `records/writer.py Writer.create reaches`."""
    folders = [ROOT / "bharat", *(package for plugin in PLUGINS for package in plugin.packages)]
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            start = folder if folder.name == "bharat" else folder.parent
            name = file.relative_to(start).as_posix()
            for function, called in _calls(ast.parse(file.read_text(encoding="utf-8")), ()):
                yield f"{name} {'.'.join(function)} {called}"


def _calls(node: ast.AST, inside: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    for child in ast.iter_child_nodes(node):
        named = isinstance(child, ast.FunctionDef | ast.ClassDef)
        if isinstance(child, ast.Call):
            called = child.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in ASKING:
                yield inside, name
        yield from _calls(child, (*inside, child.name) if named else inside)  # type: ignore[attr-defined] # it has a name
