"""The tables of the CRM's record types, for rules and reports to read."""

from __future__ import annotations

from bharat.plugins import Owned
from bharat.records import Kit
from bharat_crm.companies import COMPANY
from bharat_crm.contacts import CONTACT
from bharat_crm.deals import DEAL
from bharat_crm.pipelines import PIPELINE, STAGE
from bharat_crm.products import PRODUCT

_metadata = Kit.metadata([Owned("crm", type) for type in (COMPANY, CONTACT, PRODUCT, PIPELINE, STAGE, DEAL)])

companies = _metadata.tables["crm_companies"]
products = _metadata.tables["crm_products"]
pipelines = _metadata.tables["crm_pipelines"]
stages = _metadata.tables["crm_stages"]
deals = _metadata.tables["crm_deals"]
