"""`bharat dev --reload` loads what changed, wherever it is, and outlives its author's mistakes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import bharat
from bharat_local_servers import free_port
from tests.server.process import Running, clean_environment

PLUGIN = """
from bharat import hookimpl
from bharat.contracts.route import Public, Route

def hello(request):
    "Public: for a test."
    return {"says": "GREETING"}

@hookimpl
def bharat_routes():
    return [Route(method="GET", path="/api/v1/hello", operation_id="hello", summary="Hello", tag="test", handler=hello,
                  access=Public(), returns=dict[str, str])]
"""


class Author:
    """Somebody who edits a copy of Bharat's core, a plugin and a configuration, while `bharat dev --reload` runs on them."""

    def __init__(self, folder: Path) -> None:
        self.core = folder / "core" / "bharat"
        shutil.copytree(Path(bharat.__file__).parent, self.core)
        site = folder / "site"
        info = site / "bharat_greeter-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bharat-greeter\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[bharat.plugins]\ngreeter = bharat_greeter.plugin\n")
        package = site / "bharat_greeter"
        package.mkdir()
        (package / "__init__.py").write_text("")
        self.plugin = package / "plugin.py"
        self.write(self.plugin, PLUGIN)
        self.toml = folder / "bharat.toml"
        self.port = free_port()
        self.write(self.toml, f'plugins = ["greeter"]\n[server]\nport = {self.port}\n')
        self.server = Running(
            [sys.executable, "-m", "bharat", "dev", "--reload"],
            url=f"http://127.0.0.1:{self.port}",
            cwd=folder,
            environ=clean_environment(PYTHONPATH=f"{self.core.parent}:{site}", PYTHONDONTWRITEBYTECODE="1"),
            output=folder / "log",
        )
        self._original = {path: path.read_text() for path in self._edited()}
        self._heard = 0

    def _edited(self) -> list[Path]:
        return [self.plugin, self.toml, self.core / "__init__.py", self.core / "app.py"]

    def begin_anew(self) -> None:
        """Everything as it was at first, and whatever was said until then forgotten."""
        for path, text in self._original.items():
            if path.read_text() != text:
                self.write(path, text)
        self.server.until(self.hears("GREETING"), "everything is as it was")
        self._heard = len(self.server.said)

    @property
    def said(self) -> str:
        return self.server.said[self._heard :]

    def write(self, path: Path, text: str) -> None:
        """As editors do: the file is never half written."""
        fresh = path.with_name(f".{path.name}~")
        fresh.write_text(text)
        fresh.replace(path)

    def edit(self, path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text
        self.write(path, text.replace(old, new))

    def hears(self, greeting: str) -> Callable[[], bool]:
        return lambda: self.server.get("/api/v1/hello") == (200, {"says": greeting})

    def says(self, text: str) -> Callable[[], bool]:
        return lambda: text in self.said


@pytest.fixture(scope="module")
def first_author(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Author]:
    found = Author(tmp_path_factory.mktemp("author"))
    try:
        found.server.started()
        yield found
    finally:
        found.server.end()


@pytest.fixture
def author(first_author: Author) -> Author:
    first_author.begin_anew()
    return first_author


def test_a_change_of_a_plugin_is_loaded(author: Author) -> None:
    assert author.hears("GREETING")()
    author.edit(author.plugin, "GREETING", "namaste")
    author.server.until(author.hears("namaste"), "the changed plugin answers")
    assert "bharat_greeter/plugin.py changed" in author.said


def test_a_change_of_the_core_is_loaded(author: Author) -> None:
    author.edit(author.core / "__init__.py", 'version("bharat")', '"1.99.0"')
    author.server.until(lambda: "1.99.0" in str(author.server.get("/api/health")[1]), "the changed core answers")


def test_a_change_of_the_configuration_is_loaded(author: Author) -> None:
    author.edit(author.toml, '["greeter"]', "[]")
    author.server.until(lambda: author.server.get("/api/v1/hello")[0] == 404, "the plugin is disabled")
    author.edit(author.toml, "[]", '["greeter"]')
    author.server.until(author.hears("GREETING"), "the plugin is enabled")
    author.edit(author.plugin, "GREETING", "namaste")
    author.server.until(author.hears("namaste"), "a plugin that was enabled meanwhile is watched")


def test_a_mistake_in_a_plugin_is_told_in_one_line_until_it_is_repaired(author: Author) -> None:
    author.edit(author.plugin, "def hello(request):", "def hello(request:")
    author.server.until(author.says("it is started again when a file changes"), "the mistake is told")
    assert "bharat: error: plugin 'greeter' (bharat-greeter 1.0) is broken: SyntaxError:" in author.said
    assert "Traceback" not in author.said
    author.edit(author.plugin, "def hello(request:", "def hello(request, missing):")
    author.edit(author.plugin, "def hello(request, missing):", "def hello(request):")
    author.server.until(author.hears("GREETING"), "the repaired plugin answers")


MODEL = """
from bharat.contracts.records import RecordType, Text

@hookimpl
def bharat_record_types():
    return [RecordType(name="car", plural="cars", label="Car", fields=(Text(name="plate", max_length=20),), title="plate")]
"""


def test_a_model_without_a_revision_is_told_and_not_served(author: Author) -> None:
    author.write(author.plugin, author.plugin.read_text() + MODEL)
    author.server.until(author.says("it is started again when a file changes"), "the missing revision is told")
    line = "bharat: error: tables of plugin 'greeter' differ from its revisions (add table greeter_cars"
    assert line in author.said
    assert "run `bharat makemigration greeter`" in author.said
    author.edit(author.plugin, MODEL, "")
    author.server.until(author.hears("GREETING"), "the plugin without the model answers")


def test_a_mistake_in_the_core_is_told_until_it_is_repaired(author: Author) -> None:
    author.edit(author.core / "app.py", "class Bharat:", "class Bharat")
    author.server.until(author.says("it is started again when a file changes"), "the mistake is told")
    assert "SyntaxError" in author.said
    assert "app.py" in author.said
    author.edit(author.core / "app.py", "class Bharat\n", "class Bharat:\n")
    author.server.until(author.hears("GREETING"), "the repaired core answers")


def test_a_mistake_in_the_configuration_is_told_until_it_is_repaired(author: Author) -> None:
    author.edit(author.toml, "port =", "prt =")
    author.server.until(author.says("it is started again when a file changes"), "the mistake is told")
    assert "bharat: error: bharat.toml line 3: unknown key server.prt" in author.said
    assert "Traceback" not in author.said
    author.edit(author.toml, "prt =", "port =")
    author.server.until(author.hears("GREETING"), "the server is there again")


@pytest.mark.parametrize(
    ("stop", "broken"),
    [
        (Running.terminate, False),
        (Running.press_ctrl_c, False),
        (Running.close_terminal, False),
        (Running.terminate, True),
    ],
    ids=["terminated", "interrupted", "its terminal closed", "terminated while it waits for a repair"],
)
def test_it_stops_leaving_no_process_and_no_noise(
    tmp_path: Path, stop: Callable[[Running], None], broken: bool
) -> None:
    author = Author(tmp_path)
    server = author.server
    try:
        server.started()
        if broken:
            author.write(author.plugin, "nonsense nonsense")
            server.until(author.says("it is started again when a file changes"), "the mistake is told")
        stop(server)
        server.until(lambda: server.process.poll() is not None, "it has ended")
        server.until(lambda: not server.members, "every process of it has ended")
        assert server.process.returncode == 0
        assert "Traceback" not in server.said
    finally:
        server.end()
