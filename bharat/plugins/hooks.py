"""Where pluggy is: registering plugins against the hook specifications, and calling one plugin's implementation."""

from __future__ import annotations

import inspect
import types
from typing import Any

import pluggy

from bharat import hookspecs
from bharat.contracts import spelling
from bharat.contracts.errors import PluginError
from bharat.plugins.discovery import summary

SPECS = tuple(name for name in vars(hookspecs) if name.startswith("bharat_"))
_MARK = f"{hookspecs.PROJECT}_impl"


class Hooks:
    """The registered plugins. Each call goes to one plugin, so that every result has an owner and the order is ours."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._plugins: dict[str, object] = {}

    def register(self, name: str, plugin: object) -> None:
        """Add a plugin. Raises `PluginError` for a misspelt hook, a wrong signature, a forgotten marker; the object is of no more use then."""
        _check_marked(name, plugin)
        try:
            self._manager.register(plugin, name)
        except pluggy.PluginValidationError as error:
            raise PluginError(
                f"plugin {name!r}: {_signature_fault(plugin) or str(error).splitlines()[-1].strip()}"
            ) from error
        except ValueError as error:
            raise PluginError(
                f"plugin {name!r} is the same object as another enabled plugin; remove one of them"
            ) from error
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            unknown = next(hook for hook in _hooks_of(plugin) if hook not in SPECS)
            near = spelling.nearest(unknown, SPECS)
            hint = f"did you mean {near}?" if near else f"the hooks are {', '.join(SPECS)}"
            raise PluginError(f"plugin {name!r} implements {unknown}, which is not a hook; {hint}") from error
        self._plugins[name] = plugin

    def plugin(self, name: str) -> object:
        return self._plugins[name]

    def used_by(self, name: str) -> tuple[str, ...]:
        """The hooks that a plugin implements, in the order of the specifications."""
        callers = self._manager.get_hookcallers(self._plugins[name]) or []
        used = {caller.name for caller in callers}
        return tuple(hook for hook in SPECS if hook in used)

    def call(self, name: str, hook: str, **arguments: Any) -> Any:
        """What the plugin's implementation returns; `None` without one. Raises `PluginError` when it raised."""
        if hook not in self.used_by(name):
            return None
        others = [plugin for other, plugin in self._plugins.items() if other != name]
        caller = self._manager.subset_hook_caller(hook, others)
        try:
            results = caller(**arguments)
        except Exception as error:
            raise PluginError(f"plugin {name!r} failed in {hook}: {summary(error)}; repair or disable it") from error
        return results[0] if results else None


def _hooks_of(plugin: object) -> list[str]:
    return [name for name in dir(plugin) if isinstance(getattr(getattr(plugin, name, None), _MARK, None), dict)]


def _check_marked(name: str, plugin: object) -> None:
    """A hook without its marker would be passed over in silence."""
    for hook in SPECS:
        function = getattr(plugin, hook, None)
        if isinstance(function, types.FunctionType | types.MethodType) and not hasattr(function, _MARK):
            raise PluginError(f"plugin {name!r}: {hook} lacks its marker; put @bharat.hookimpl above it")


def _signature_fault(plugin: object) -> str | None:
    for hook in _hooks_of(plugin):
        if hook not in SPECS:
            continue
        allowed = list(inspect.signature(getattr(hookspecs, hook)).parameters)
        for parameter in inspect.signature(getattr(plugin, hook)).parameters:
            if parameter not in allowed:
                takes = ", ".join(allowed) or "no arguments"
                return f"{hook} has the argument {parameter!r}, which the hook doesn't pass; it takes {takes}"
    return None
