"""`bharat import` and `bharat export`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from bharat.cli import cli
from bharat.cli.base import Runtime, run
from bharat.contracts.principal import Role
from tests.cli.conftest import Outcome
from tests.fixtures.application import Caller, Site

Bharat = Callable[..., Outcome]


@pytest.fixture
def bharat(crm: Site, folder: Path, capsys: pytest.CaptureFixture[str]) -> Bharat:
    """The command line on the database of `crm`, in an empty folder."""

    def call(*arguments: str) -> Outcome:
        code = run(cli, arguments, runtime=Runtime(environ=crm.app.config.environ))
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def organisation(crm: Site) -> UUID:
    return crm.organisation("acme")


@pytest.fixture
def admin(crm: Site, organisation: UUID) -> Caller:
    return crm.user(organisation, Role.ADMIN, name="Ada", email="ada@acme.example")


def file(folder: Path, text: str, name: str = "in.csv") -> str:
    (folder / name).write_bytes(text.encode())
    return name


def names(admin: Caller, plural: str = "companies") -> list[str]:
    return sorted(item["name"] for item in admin.get(f"/api/v1/{plural}").json["items"])


def test_an_import_tells_what_became_of_the_rows(bharat: Bharat, folder: Path, admin: Caller) -> None:
    outcome = bharat("import", "companies", file(folder, "name\nAcme\nZeta\n"))
    assert outcome == Outcome(0, "companies: 2 rows: 2 created, 0 updated, 0 unchanged, 0 rejected\n", "")
    assert names(admin) == ["Acme", "Zeta"]


@pytest.fixture
def terminal(bharat: Bharat, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stderr is a terminal."""
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda stream: stream is sys.stderr)


CLEARED = "\r\x1b[K"


@pytest.mark.usefixtures("terminal")
def test_a_terminal_is_shown_how_far_it_is_and_then_cleared(bharat: Bharat, folder: Path, admin: Caller) -> None:
    path = file(folder, "name,employees\n" + "Acme,1\n" * 2 + "Zeta,x\n" * 2)
    outcome = bharat("import", "companies", path, "--batch", "2")
    *shown, last = outcome.err.split(CLEARED)
    assert shown == ["\r2 rows (100 %), 0 rejected\r4 rows (100 %), 2 rejected"]
    assert last.startswith("line 4: column employees")


@pytest.mark.usefixtures("terminal")
def test_a_terminal_is_cleared_also_when_the_file_breaks_off(bharat: Bharat, folder: Path, admin: Caller) -> None:
    outcome = bharat("import", "companies", file(folder, 'name\nAcme\n"Zeta\n'), "--batch", "1")
    assert outcome.err.startswith(f"\r1 rows (100 %), 0 rejected{CLEARED}")
    assert outcome.code == 1


def test_whoever_reads_no_terminal_is_shown_no_progress(bharat: Bharat, folder: Path, admin: Caller) -> None:
    outcome = bharat("import", "companies", file(folder, "name\nAcme\n"))
    assert (outcome.code, outcome.err) == (0, "")


@pytest.mark.usefixtures("terminal")
def test_a_program_that_reads_json_is_shown_no_progress(bharat: Bharat, folder: Path, admin: Caller) -> None:
    outcome = bharat("import", "companies", file(folder, "name\nAcme\n"), "--json")
    assert (json.loads(outcome.out)["created"], outcome.err) == (1, "")


def test_rejected_rows_are_told_and_the_exit_code_is_1(bharat: Bharat, folder: Path, admin: Caller) -> None:
    outcome = bharat("import", "company", file(folder, "name,parent\nAcme,Nowhere\nZeta,\n"))
    assert outcome.code == 1
    assert outcome.err == "line 2: column parent: there is no company named 'Nowhere'\n"
    assert names(admin) == ["Zeta"]


def test_the_file_of_rejected_rows_can_be_corrected_and_imported(bharat: Bharat, folder: Path, admin: Caller) -> None:
    text = "Firm,employees\nGood,1\n=Bad,x\nWorse\n"
    options = ("--map", "Firm=name", "--errors", "rejected.csv")
    assert bharat("import", "companies", file(folder, text), *options).code == 1
    rejected = (folder / "rejected.csv").read_text(encoding="utf-8")
    assert rejected.splitlines() == [
        "#line,#column,#reason,Firm,employees",
        "3,employees,must be a whole number,'=Bad,x",
        "4,,the row has 1 cells where the header has 2,Worse",
    ]
    corrected = rejected.replace(",x", ",7").replace("Worse", "Worse,")
    assert bharat("import", "companies", file(folder, corrected, "again.csv"), *options).code == 0
    assert names(admin) == ["=Bad", "Good", "Worse"]


def test_a_file_of_rejected_rows_is_replaced_by_what_is_rejected_still(
    bharat: Bharat, folder: Path, admin: Caller
) -> None:
    options = ("--errors", "rejected.csv")
    bharat("import", "companies", file(folder, "name,employees\nAcme,x\nZeta,y\nGood,1\n"), *options)
    rejected = (folder / "rejected.csv").read_text()
    file(folder, rejected.replace("Acme,x", "Acme,7"), "rejected.csv")
    (folder / "rejected.csv").chmod(0o600)
    (folder / "link.csv").symlink_to("rejected.csv")
    outcome = bharat("import", "companies", "rejected.csv", "--errors", "link.csv")
    assert (outcome.code, "1 created, 0 updated, 0 unchanged, 1 rejected" in outcome.out) == (1, True)
    assert [line.split(",")[-2:] for line in (folder / "rejected.csv").read_text().splitlines()[1:]] == [["Zeta", "y"]]
    assert (folder / "rejected.csv").stat().st_mode & 0o777 == 0o600
    assert (folder / "link.csv").is_symlink()
    assert sorted(path.name for path in folder.glob(".*part")) == []


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        ("name\nAcme\n", (), "is the file to be imported, and only its rejected rows would be left"),
        ("#line,#column,#reason,name\n2,,,Acme\n", ("--dry-run",), "a dry run would leave only the rejected rows"),
    ],
)
def test_rows_that_are_nowhere_else_are_not_overwritten_by_the_rejected_ones(
    bharat: Bharat, folder: Path, admin: Caller, text: str, more: tuple[str, ...], message: str
) -> None:
    path = file(folder, text)
    (folder / "other.csv").hardlink_to(folder / path)
    for errors in (path, "other.csv"):
        outcome = bharat("import", "companies", path, "--errors", errors, *more)
        assert (outcome.code, message in outcome.err) == (2, True), outcome.err
    assert ((folder / path).read_text(), names(admin)) == (text, [])


@pytest.mark.parametrize(
    ("type", "text", "code"),
    [
        ("companys", "name\nAcme\n", 2),
        ("companies", "nam\nAcme\n", 1),
        ("companies", 'name,employees\nAcme,x\n"Zeta,1\n', 1),
    ],
)
def test_an_import_that_breaks_off_leaves_the_file_of_rejected_rows_as_it_was(
    bharat: Bharat, folder: Path, admin: Caller, type: str, text: str, code: int
) -> None:
    file(folder, "kept", "rejected.csv")
    assert bharat("import", type, file(folder, text), "--errors", "rejected.csv").code == code
    assert (folder / "rejected.csv").read_text() == "kept"
    assert sorted(path.name for path in folder.glob(".*part")) == []


def test_rejected_rows_come_back_with_the_options_of_their_file(bharat: Bharat, folder: Path, admin: Caller) -> None:
    (folder / "in.csv").write_bytes("name|employees\nCafé|x\n".encode("cp1252"))
    options = ("--encoding", "cp1252", "--delimiter", "|", "--errors", "rejected.csv")
    assert bharat("import", "companies", "in.csv", *options).code == 1
    rejected = (folder / "rejected.csv").read_bytes()
    (folder / "rejected.csv").write_bytes(rejected.replace(b"|x", b"|7"))
    assert bharat("import", "companies", "rejected.csv", *options).code == 0
    assert names(admin) == ["Café"]


def test_rejected_rows_may_go_to_what_is_no_file(bharat: Bharat, folder: Path, admin: Caller) -> None:
    path = file(folder, "name,employees\nAcme,x\n")
    assert bharat("import", "companies", path, "--errors", "/dev/null").code == 1
    assert Path("/dev/null").is_char_device()
    refused = bharat("import", "companies", path, "--errors", "nowhere/rejected.csv")
    assert (refused.code, "can't write nowhere/rejected.csv: No such file or directory" in refused.err) == (2, True)


def test_bytes_that_could_not_be_read_are_in_the_rejected_file_as_they_were(
    bharat: Bharat, folder: Path, admin: Caller
) -> None:
    (folder / "in.csv").write_bytes(b"name\ncaf\xe9\n")
    assert bharat("import", "companies", "in.csv", "--errors", "rejected.csv").code == 1
    assert (folder / "rejected.csv").read_bytes().splitlines()[1].endswith(b",caf\xe9")


def test_a_script_reads_json(bharat: Bharat, folder: Path, admin: Caller) -> None:
    outcome = bharat("import", "companies", file(folder, "name,employees\nAcme,x\nZeta,1\n"), "--json")
    found = json.loads(outcome.out)
    assert (outcome.code, found["created"], found["rejected"]) == (1, 1, 1)
    assert found["errors"] == [{"line": 2, "column": "employees", "reason": "must be a whole number"}]


def test_a_dry_run_does_everything_and_takes_it_back(bharat: Bharat, folder: Path, admin: Caller) -> None:
    text = "name,parent\nChild,Parent\nParent,\nBad,Nowhere\n"
    outcome = bharat("import", "companies", file(folder, text), "--dry-run", "--batch", "1")
    assert outcome.code == 1
    assert "dry run, nothing was changed: companies: 3 rows: 2 created" in outcome.out
    assert names(admin) == []


def test_a_dry_run_of_users_changes_nothing_either(bharat: Bharat, folder: Path, admin: Caller) -> None:
    before = admin.get("/api/v1/users").json
    assert bharat("import", "users", file(folder, "name,manager\nAsha,Mina\n"), "--dry-run").code == 0
    assert admin.get("/api/v1/users").json == before


def test_an_import_as_a_user_stays_within_the_role(
    bharat: Bharat, folder: Path, crm: Site, organisation: UUID, admin: Caller
) -> None:
    assert bharat("pipeline", "init", "--org", "acme").code == 0
    crm.user(organisation, Role.AGENT, name="Asha", email="asha@acme.example")
    crm.user(organisation, Role.VIEWER, name="Vera", email="vera@acme.example")
    path = file(folder, "name,owner\nMine,Asha\nHers,Vera\n")
    assert bharat("import", "deals", path, "--as", "asha@acme.example").code == 1
    assert names(admin, "deals") == ["Mine"]
    refused = bharat("import", "deals", path, "--as", "vera@acme.example")
    assert (refused.code, "does not hold the permission 'deals:import'" in refused.err) == (1, True)
    refused = bharat("import", "users", path, "--as", "asha@acme.example")
    assert (refused.code, "does not hold the permission 'users:import'" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("import", "companys", "in.csv"), 2, "there is no record type 'companys'; did you mean company?"),
        (("import", "companies", "missing.csv"), 2, "missing.csv"),
        (("import", "companies", "in.csv", "--org", "nobody"), 1, "there is no organisation 'nobody'; there are: acme"),
        (("import", "companies", "in.csv", "--as", "x@y.example"), 1, "no active user with the address x@y.example"),
        (("import", "companies", "in.csv", "--map", "name"), 2, "'name' is not COLUMN=FIELD"),
        (("import", "companies", "in.csv", "--alias", "name:x"), 2, "--alias name:x is not FIELD:WORD=OTHER"),
        (("import", "companies", "in.csv", "--date-format", "DD"), 1, "'DD' is not a date format"),
        (("import", "nonsense", "in.csv"), 2, "; see `bharat plugins` for more"),
        (("import", "companies", "in.csv", "--currency", "XXX"), 1, "'XXX' is not a currency code: currency: use"),
        (("import", "companies", "in.csv", "--map", "nam=name"), 1, "the file has no column 'nam'; did you mean name?"),
        (("export", "deals", "--filter", "stats=won"), 1, "did you mean 'status'?"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_is_told_in_a_line(
    bharat: Bharat, folder: Path, admin: Caller, arguments: tuple[str, ...], code: int, message: str
) -> None:
    file(folder, "name\nAcme\n")
    outcome = bharat(*arguments)
    assert outcome.code == code, outcome.err
    assert message in outcome.err
    assert names(admin) == []


def test_with_several_organisations_one_must_be_named(bharat: Bharat, folder: Path, crm: Site, admin: Caller) -> None:
    crm.organisation("globex")
    outcome = bharat("import", "companies", file(folder, "name\nAcme\n"))
    assert (outcome.code, "say which organisation with --org; there are: acme, globex" in outcome.err) == (1, True)
    assert bharat("import", "companies", "in.csv", "--org", "globex").code == 0
    assert names(admin) == []


def test_an_export_appears_when_it_is_complete(bharat: Bharat, folder: Path, admin: Caller) -> None:
    bharat("import", "companies", file(folder, "name,sector\nAcme,retail\nZeta,other\n"))
    assert bharat("export", "companies", "--filter", "sector=retail", "--out", "out.csv").code == 0
    assert [line.split(",")[2] for line in (folder / "out.csv").read_text().splitlines()] == ["name", "Acme"]
    assert sorted(path.name for path in folder.glob("*out*")) == ["out.csv"]


def test_an_export_as_a_user_holds_what_the_user_may_export(
    bharat: Bharat, folder: Path, crm: Site, organisation: UUID, admin: Caller
) -> None:
    bharat("import", "companies", file(folder, "name\nAcme\n"))
    crm.user(organisation, Role.AGENT, name="Asha", email="asha@acme.example")
    for email, lines in (("asha@acme.example", 1), ("ada@acme.example", 2)):
        bharat("export", "companies", "--as", email, "--out", "out.csv")
        assert len((folder / "out.csv").read_text().splitlines()) == lines


def test_a_column_that_fills_nothing_is_told_with_the_options_that_help(
    bharat: Bharat, folder: Path, organisation: UUID
) -> None:
    outcome = bharat("import", "companies", file(folder, "name,sektor,Our sign\nAcme,x,y\n"))
    assert outcome.code == 1
    assert "company has no field 'sektor': use `--map sektor=sector` or `--ignore sektor`; " in outcome.err
    assert (
        "company has no field 'Our sign': use `--map 'Our sign=FIELD'` or `--ignore 'Our sign'`; it has " in outcome.err
    )
