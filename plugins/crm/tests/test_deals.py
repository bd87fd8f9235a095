"""A deal follows its stage."""

from __future__ import annotations

from datetime import date
from typing import Any

from bharat.contracts.principal import Role
from plugins.crm.tests.desk import Desk
from tests.fixtures.application import Site


def refused(answer: Any) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [fault["path"] for fault in answer.json["errors"]]


def another_pipeline(desk: Desk) -> tuple[str, str]:
    """A second pipeline's id and its first stage's."""
    pipeline = desk.create("pipelines", name="Renewals", position=2)
    stage = desk.create("stages", name="Due", pipeline_id=pipeline["id"])
    return pipeline["id"], stage["id"]


def today(desk: Desk) -> str:
    found: date = desk.site.app.clock.now().date()
    return found.isoformat()


def test_a_deal_without_a_stage_begins_in_the_default_pipelines_first_one(desk: Desk) -> None:
    another_pipeline(desk)
    deal = desk.deal()
    assert deal["stage_id"] == desk.stages["Prospecting"]
    assert deal["pipeline_id"] is not None
    assert deal["status"] == "open"


def test_a_deal_with_a_pipeline_begins_in_that_ones_first_open_stage(desk: Desk) -> None:
    pipeline, stage = another_pipeline(desk)
    assert desk.deal(pipeline_id=pipeline)["stage_id"] == stage


def test_a_deal_takes_the_pipeline_of_its_stage(desk: Desk) -> None:
    pipeline, stage = another_pipeline(desk)
    assert desk.deal(stage_id=stage)["pipeline_id"] == pipeline


def test_a_stage_of_another_pipeline_is_refused(desk: Desk) -> None:
    pipeline, _ = another_pipeline(desk)
    body = {"name": "Deal", "pipeline_id": pipeline, "stage_id": desk.stages["Won"]}
    assert refused(desk.admin.post("/api/v1/deals", body)) == ["/stage_id"]


def test_a_deal_that_changes_the_pipeline_begins_it(desk: Desk) -> None:
    pipeline, stage = another_pipeline(desk)
    deal = desk.deal(stage="Won")
    answer = desk.admin.patch(f"/api/v1/deals/{deal['id']}", {"pipeline_id": pipeline})
    assert (answer.json["stage_id"], answer.json["status"], answer.json["closed_on"]) == (stage, "open", None)


def test_without_any_pipeline_the_refusal_says_what_to_do(crm: Site) -> None:
    admin = crm.user(crm.organisation("empty"), Role.ADMIN)
    answer = admin.post("/api/v1/deals", {"name": "Deal"})
    assert refused(answer) == ["/pipeline_id"]
    assert "bharat pipeline init" in answer.json["errors"][0]["detail"]


def test_a_stage_that_wins_closes_the_deal_today(desk: Desk) -> None:
    deal = desk.move(desk.deal(), "Won")
    assert (deal["status"], deal["closed_on"]) == ("won", today(desk))


def test_a_closing_date_that_is_given_is_kept(desk: Desk) -> None:
    deal = desk.move(desk.deal(), "Lost", closed_on="2020-02-29")
    assert (deal["status"], deal["closed_on"]) == ("lost", "2020-02-29")
    assert desk.move(deal, "Won")["closed_on"] == "2020-02-29"


def test_going_back_to_an_open_stage_clears_the_closing_date(desk: Desk) -> None:
    deal = desk.move(desk.deal(stage="Won"), "Engaging")
    assert (deal["status"], deal["closed_on"]) == ("open", None)


def test_an_open_deal_takes_no_closing_date(desk: Desk) -> None:
    deal = desk.deal()
    answer = desk.admin.patch(f"/api/v1/deals/{deal['id']}", {"closed_on": "2020-02-29"})
    assert refused(answer) == ["/closed_on"]


def test_a_closed_deal_keeps_its_closing_date_when_it_is_emptied(desk: Desk) -> None:
    deal = desk.deal(stage="Won", closed_on="2020-02-29")
    answer = desk.admin.patch(f"/api/v1/deals/{deal['id']}", {"closed_on": None})
    assert (answer.json["closed_on"], answer.json["version"]) == ("2020-02-29", deal["version"])


def test_nobody_writes_the_status(desk: Desk) -> None:
    answer = desk.admin.post("/api/v1/deals", {"name": "Deal", "status": "won"})
    assert answer.status_code == 422


def test_a_deal_is_always_in_a_stage(desk: Desk) -> None:
    deal = desk.deal()
    assert refused(desk.admin.patch(f"/api/v1/deals/{deal['id']}", {"stage_id": None})) == ["/stage_id"]


def test_two_deals_can_not_share_an_external_id(desk: Desk) -> None:
    desk.deal(external_id="A-1")
    assert desk.admin.post("/api/v1/deals", {"name": "Deal", "external_id": "a-1"}).status_code == 409


def moves(desk: Desk, deal: dict[str, Any]) -> list[tuple[str | None, str]]:
    names = {id: name for name, id in desk.stages.items()}
    items = desk.admin.get(f"/api/v1/deals/{deal['id']}/moves").json["items"]
    return [(names.get(item["from_stage_id"]), names[item["to_stage_id"]]) for item in items]


def test_every_move_is_remembered_with_who_made_it(desk: Desk) -> None:
    deal = desk.deal(by=desk.agent)
    desk.move(deal, "Engaging")
    desk.move(deal, "Won")
    assert moves(desk, deal) == [(None, "Prospecting"), ("Prospecting", "Engaging"), ("Engaging", "Won")]
    first, *_ = desk.admin.get(f"/api/v1/deals/{deal['id']}/moves").json["items"]
    assert first["actor_kind"] == "api_key"
    assert first["at"] == deal["created_at"]


def test_a_change_that_is_no_move_leaves_the_history_alone(desk: Desk) -> None:
    deal = desk.deal()
    desk.admin.patch(f"/api/v1/deals/{deal['id']}", {"name": "Renamed"})
    assert moves(desk, deal) == [(None, "Prospecting")]


def test_the_moves_of_a_deal_that_is_out_of_reach_are_not_there(desk: Desk) -> None:
    deal = desk.deal(by=desk.agent)
    assert desk.other_agent.get(f"/api/v1/deals/{deal['id']}/moves").status_code == 404
    assert desk.agent.get(f"/api/v1/deals/{deal['id']}/moves").status_code == 200


def test_the_moves_of_a_deleted_deal_stay_as_its_history_does(desk: Desk) -> None:
    deal = desk.deal(by=desk.agent)
    path = f"/api/v1/deals/{deal['id']}"
    assert desk.admin.delete(path).status_code == 204
    for seen_by in (desk.admin, desk.agent, desk.other_agent):
        statuses = [seen_by.get(f"{path}/{part}").status_code for part in ("moves", "history")]
        assert statuses[0] == statuses[1]
    assert moves(desk, deal) == [(None, "Prospecting")]


def test_a_stage_with_deals_keeps_its_outcome(desk: Desk) -> None:
    desk.deal(stage="Engaging")
    path = f"/api/v1/stages/{desk.stages['Engaging']}"
    assert desk.admin.patch(path, {"outcome": "won"}).status_code == 409
    assert desk.admin.patch(path, {"probability": 55}).status_code == 200


def test_a_stage_without_deals_may_change_its_outcome(desk: Desk) -> None:
    assert desk.admin.patch(f"/api/v1/stages/{desk.stages['Engaging']}", {"outcome": "won"}).status_code == 200


def test_an_agent_can_not_change_the_pipelines(desk: Desk) -> None:
    assert desk.agent.post("/api/v1/pipelines", {"name": "Mine"}).status_code == 403


def test_a_deal_is_not_worth_less_than_nothing(desk: Desk) -> None:
    body = {"name": "D", "amount": "-0.01", "amount_currency": "EUR"}
    assert refused(desk.admin.post("/api/v1/deals", body)) == ["/amount"]
    assert desk.deal(amount="0", amount_currency="EUR")["amount"] == "0.0000"


def test_a_status_is_set_by_the_stage_and_says_so(desk: Desk) -> None:
    answer = desk.admin.patch(f"/api/v1/deals/{desk.deal()['id']}", {"status": "won"})
    assert refused(answer) == ["/status"]
    assert answer.json["errors"][0]["detail"] == "is set by Bharat; leave it out"
