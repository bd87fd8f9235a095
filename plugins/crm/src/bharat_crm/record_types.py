"""The record types with their rules."""

from __future__ import annotations

from dataclasses import replace

from bharat.contracts.records import RecordType
from bharat_crm.companies import COMPANY
from bharat_crm.company_rules import refuse_cycles
from bharat_crm.contacts import CONTACT
from bharat_crm.deal_rules import follow_the_stage, remember_the_stage
from bharat_crm.deals import DEAL
from bharat_crm.pipelines import PIPELINE, STAGE
from bharat_crm.products import PRODUCT
from bharat_crm.stage_rules import keep_what_deals_rely_on

RECORD_TYPES: tuple[RecordType, ...] = (
    replace(COMPANY, before_save=(refuse_cycles,)),
    CONTACT,
    PRODUCT,
    PIPELINE,
    replace(STAGE, before_save=(keep_what_deals_rely_on,)),
    replace(DEAL, before_save=(follow_the_stage,), after_save=(remember_the_stage,)),
)
