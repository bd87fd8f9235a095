"""A small sample, so that a new installation has something to look at."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from bharat.contracts.application import Application
from bharat.contracts.database import Unit
from bharat.contracts.principal import Principal, Role
from bharat.records import Kit, kit_of
from bharat_crm.default_pipeline import ensure_default_pipeline

_PRODUCTS = (("Basic", "Seats", "490"), ("Team", "Seats", "2400"), ("Onboarding", "Services", "3200"))

_COMPANIES: tuple[tuple[str, str | None, str, str, int], ...] = (
    ("Harbour Freight Lines", None, "transport", "Rotterdam", 840),
    ("Harbour Cold Storage", "Harbour Freight Lines", "transport", "Antwerp", 95),
    ("Lindqvist Instruments", None, "medical devices", "Uppsala", 310),
    ("Banyan Textiles", None, "manufacturing", "Coimbatore", 1200),
    ("Okafor & Daughters", None, "retail", "Lagos", 64),
)

_CONTACTS = (
    ("Mirte Visser", "mirte.visser@harbour.example", "Head of Operations", "Harbour Freight Lines"),
    ("Elin Lindqvist", "elin@lindqvist.example", "Managing Director", "Lindqvist Instruments"),
    ("Arjun Raman", "arjun.raman@banyan.example", "IT Manager", "Banyan Textiles"),
    ("Ngozi Okafor", "ngozi@okafor.example", "Owner", "Okafor & Daughters"),
)

# Name, company, product, stage, amount, engaged and closed so many days ago.
_DEALS: tuple[tuple[str, str, str, str, str, int | None, int | None], ...] = (
    ("Fleet desk rollout", "Harbour Freight Lines", "Team", "Won", "28800", 120, 34),
    ("Cold chain pilot", "Harbour Cold Storage", "Basic", "Engaging", "2940", 21, None),
    ("Service team licences", "Lindqvist Instruments", "Team", "Engaging", "14400", 45, None),
    ("Lab onboarding", "Lindqvist Instruments", "Onboarding", "Won", "3200", 80, 61),
    ("Mill floor tablets", "Banyan Textiles", "Basic", "Lost", "11760", 150, 90),
    ("Dealer network", "Banyan Textiles", "Team", "Prospecting", "43200", None, None),
    ("Shop accounts", "Okafor & Daughters", "Basic", "Engaging", "980", 9, None),
)


def fill_demo(app: Application, organisation_id: UUID, admin_id: UUID) -> None:
    """Add the sample in one unit of work, in the name of the administrator."""
    admin = Principal(organisation_id=organisation_id, user_id=admin_id, role=Role.ADMIN)
    with app.database.write(organisation_id, admin.actor) as unit:
        _Sample(kit_of(app), unit, admin).add()


class _Sample:
    def __init__(self, kit: Kit, unit: Unit, admin: Principal) -> None:
        self._kit = kit
        self._unit = unit
        self._admin = admin
        self._ids: dict[tuple[str, str], str] = {}

    def add(self) -> None:
        pipeline = ensure_default_pipeline(self._kit, self._unit, self._admin)
        assert pipeline is not None
        for row in self._unit.rows(_stages(self._kit, pipeline)):
            self._ids["stage", row.name] = str(row.id)
        for name, series, price in _PRODUCTS:
            self._create("product", name, series=series, price=price, price_currency="EUR")
        for name, parent, sector, place, employees in _COMPANIES:
            more = {"parent_id": self._ids["company", parent]} if parent else {}
            self._create("company", name, sector=sector, office_location=place, employees=employees, **more)
        for name, email, job_title, company in _CONTACTS:
            self._create("contact", name, email=email, job_title=job_title, company_id=self._ids["company", company])
        for deal, company, product, stage, amount, engaged, closed in _DEALS:
            self._create(
                "deal",
                deal,
                company_id=self._ids["company", company],
                product_id=self._ids["product", product],
                stage_id=self._ids["stage", stage],
                amount=amount,
                amount_currency="EUR",
                engaged_on=self._days_ago(engaged),
                closed_on=self._days_ago(closed),
            )

    def _create(self, type: str, name: str, **values: Any) -> None:
        record = self._kit.records(type).writer.create(self._unit, self._admin, {"name": name, **values})
        self._ids[type, name] = str(record["id"])

    def _days_ago(self, days: int | None) -> str | None:
        if days is None:
            return None
        day: date = self._unit.at.date() - timedelta(days=days)
        return day.isoformat()


def _stages(kit: Kit, pipeline: UUID) -> Any:
    table = kit.table("stage")
    return table.select().where(table.c.pipeline_id == pipeline)
