"""The pipeline report counts and sums what the lists show."""

from __future__ import annotations

from typing import Any

import pytest

from bharat.contracts.principal import Role
from bharat_crm import pipeline_report, reports
from plugins.crm.tests.desk import Desk
from tests.fixtures.application import Caller


def report(caller: Caller, **params: str) -> dict[str, Any]:
    answer = caller.get("/api/v1/reports/pipeline", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def counts(found: dict[str, Any]) -> dict[str | None, int]:
    return {group["name"]: group["count"] for group in found["groups"]}


def worth(desk: Desk, amount: str, currency: str = "EUR", **more: Any) -> dict[str, Any]:
    return desk.deal(amount=amount, amount_currency=currency, **more)


def test_groups_are_counted_by_status_with_their_win_rate(desk: Desk) -> None:
    for stage in ("Won", "Won", "Lost", "Engaging"):
        desk.deal(stage=stage)
    total = report(desk.admin)["total"]
    assert {name: total[name] for name in ("count", "won", "lost", "open", "win_rate")} == {
        "count": 4, "won": 2, "lost": 1, "open": 1, "win_rate": "0.6667",
    }  # fmt: skip


def test_the_win_rate_is_null_while_nothing_is_closed(desk: Desk) -> None:
    desk.deal()
    assert report(desk.admin)["total"]["win_rate"] is None


def test_stages_come_in_the_order_of_their_pipeline(desk: Desk) -> None:
    for stage in ("Lost", "Won", "Prospecting", "Engaging"):
        desk.deal(stage=stage)
    assert list(counts(report(desk.admin, by="stage"))) == ["Prospecting", "Engaging", "Won", "Lost"]


@pytest.mark.parametrize("by", ["stage", "owner", "team", "product"])
def test_a_key_that_reads_deals_alone_is_told_no_other_names(desk: Desk, by: str) -> None:
    """Protected by `_NAMES` in `bharat_crm.reports`."""
    product = desk.create("products", name="GTX")
    desk.deal(by=desk.agent, stage="Won", product_id=product["id"])
    desk.deal(by=desk.other_agent, stage="Lost")
    told = report(desk.admin, by=by)
    theirs = {"owner": "users:read"}.get(by, f"{by}s:read")
    for scopes, named in ((("deals:read",), False), (("deals:read", theirs), True)):
        key = desk.site.user(desk.organisation_id, Role.VIEWER, scopes=scopes)
        found = report(key, by=by)
        assert {group["key"]: group["count"] for group in found["groups"]} == {
            group["key"]: group["count"] for group in told["groups"]
        }
        assert [group["name"] for group in found["groups"] if group["name"]] == (
            [group["name"] for group in told["groups"] if group["name"]] if named else []
        )
    reader = desk.site.user(desk.organisation_id, Role.VIEWER, scopes=("*:read",))
    assert report(reader, by=by) == told


def test_the_test_of_names_notices_a_report_that_asks_for_no_scope(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "_NAMES", {})
    with pytest.raises(AssertionError):
        test_a_key_that_reads_deals_alone_is_told_no_other_names(desk, "owner")


def test_different_currencies_are_never_added(desk: Desk) -> None:
    worth(desk, "100.25", "EUR", stage="Won")
    worth(desk, "0.75", "EUR", stage="Lost")
    worth(desk, "7", "USD", stage="Engaging")
    desk.deal(stage="Won")
    assert report(desk.admin)["total"]["amounts"] == [
        {"currency": "EUR", "total": "101.0000", "won": "100.2500", "lost": "0.7500", "open": "0.0000"},
        {"currency": "USD", "total": "7.0000", "won": "0.0000", "lost": "0.0000", "open": "7.0000"},
    ]


def test_sums_are_exact_beyond_what_64_bits_hold(desk: Desk) -> None:
    for _ in range(12):
        worth(desk, "99999999999999.9999", stage="Won")
    (amount,) = report(desk.admin)["total"]["amounts"]
    assert amount["won"] == "1199999999999999.9988"


def test_deals_without_a_product_are_a_group_of_their_own_at_the_end(desk: Desk) -> None:
    product = desk.create("products", name="Widget")
    desk.deal(product_id=product["id"])
    desk.deal()
    groups = report(desk.admin, by="product")["groups"]
    assert [(group["key"], group["name"]) for group in groups] == [(product["id"], "Widget"), (None, None)]


def test_owners_and_teams_are_named(desk: Desk) -> None:
    desk.deal(by=desk.agent)
    desk.deal(by=desk.other_agent)
    assert counts(report(desk.admin, by="owner")) == {"Asha": 1, "Wim": 1}
    assert counts(report(desk.admin, by="team")) == {"East": 1, "West": 1}


def test_months_are_those_of_closing_and_of_engaging_while_open(desk: Desk) -> None:
    desk.deal(stage="Won", engaged_on="2024-01-31", closed_on="2024-02-01")
    desk.deal(stage="Engaging", engaged_on="2024-01-31")
    desk.deal()
    assert counts(report(desk.admin, by="month")) == {"2024-01": 1, "2024-02": 1, None: 1}


def test_a_period_includes_its_first_and_last_day(desk: Desk) -> None:
    for day in ("2024-01-31", "2024-02-01", "2024-02-29", "2024-03-01"):
        desk.deal(stage="Won", closed_on=day)
    found = report(desk.admin, **{"from": "2024-02-01", "to": "2024-02-29"})
    assert found["total"]["count"] == 2


def test_one_pipeline_can_be_chosen(desk: Desk) -> None:
    pipeline = desk.create("pipelines", name="Renewals")
    desk.create("stages", name="Due", pipeline_id=pipeline["id"])
    desk.deal()
    desk.deal(pipeline_id=pipeline["id"])
    assert counts(report(desk.admin, pipeline=pipeline["id"])) == {"Due": 1}


def test_deleted_deals_are_not_counted(desk: Desk) -> None:
    deal = desk.deal()
    desk.admin.delete(f"/api/v1/deals/{deal['id']}")
    assert report(desk.admin) == {
        "by": "stage",
        "groups": [],
        "total": {
            "key": None, "name": None, "count": 0, "won": 0, "lost": 0, "open": 0, "win_rate": None, "amounts": [],
        },
    }  # fmt: skip


@pytest.mark.parametrize("by", ["stage", "owner", "team", "product", "month"])
def test_everyone_sees_the_sums_of_the_deals_their_lists_show(desk: Desk, by: str) -> None:
    worth(desk, "1", by=desk.agent)
    worth(desk, "10", by=desk.manager)
    worth(desk, "100", by=desk.other_agent)
    callers = (desk.admin, desk.manager, desk.agent, desk.other_manager, desk.other_agent, desk.viewer)
    totals = [report(caller, by=by)["total"]["amounts"][0]["total"] for caller in callers]
    assert totals == ["111.0000", "11.0000", "1.0000", "100.0000", "100.0000", "111.0000"]
    listed = [len(caller.get("/api/v1/deals").json["items"]) for caller in callers]
    assert listed == [report(caller, by=by)["total"]["count"] for caller in callers]


def test_another_organisation_sees_nothing(desk: Desk) -> None:
    worth(desk, "1")
    stranger = desk.site.user(desk.site.organisation("globex"), Role.ADMIN)
    assert report(stranger)["total"]["count"] == 0


def test_a_key_without_the_scope_is_refused(desk: Desk) -> None:
    caller = desk.site.user(desk.organisation_id, Role.ADMIN, name="Key", scopes=["companies:read"])
    assert caller.get("/api/v1/reports/pipeline").status_code == 403


@pytest.mark.parametrize(
    "params",
    [{"by": "colour"}, {"from": "yesterday"}, {"pipeline": "x"}, {"form": "2024-01-01"}, {"from": "2024-02-01", "to": "2024-01-01"}],
    ids=str,
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_a_400(desk: Desk, params: dict[str, str]) -> None:
    assert desk.admin.get("/api/v1/reports/pipeline", params=params).status_code == 400


def test_the_visibility_tests_notice_a_report_without_visibility(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The protected line is `select.where(visible)` in `bharat_crm.pipeline_report`."""
    whole = pipeline_report._statement
    monkeypatch.setattr(
        pipeline_report, "_statement", lambda dialect, by, visible, *more: whole(dialect, by, None, *more)
    )  # fmt: skip
    with pytest.raises(AssertionError):
        test_everyone_sees_the_sums_of_the_deals_their_lists_show(desk, "stage")


def test_the_api_document_says_which_date_counts(desk: Desk) -> None:
    operation = desk.site.client.simulate_get("/openapi.json").json["paths"]["/api/v1/reports/pipeline"]["get"]
    said = {parameter["name"]: parameter["description"] for parameter in operation["parameters"]}
    assert set(said) == {"by", "pipeline", "from", "to"}
    assert all("closed_on" in said[name] and "engaged_on" in said[name] for name in ("by", "from"))
