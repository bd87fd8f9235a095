# mypy: disable-error-code="import-untyped, misc"
"""The tables that Bharat's migrations made."""

from __future__ import annotations

from django.db import models


class Team(models.Model):
    id = models.UUIDField(primary_key=True)
    organisation_id = models.UUIDField()
    lead_id = models.UUIDField(null=True)

    class Meta:
        managed = False
        db_table = "teams"


class User(models.Model):
    id = models.UUIDField(primary_key=True)
    organisation_id = models.UUIDField()
    role = models.CharField(max_length=16)
    team = models.ForeignKey(Team, models.DO_NOTHING, null=True)
    active = models.BooleanField()

    class Meta:
        managed = False
        db_table = "users"


class Key(models.Model):
    id = models.UUIDField(primary_key=True)
    organisation_id = models.UUIDField()
    scopes = models.JSONField()
    user = models.ForeignKey(User, models.DO_NOTHING)
    last_used_at = models.DateTimeField(null=True)
    token_hash = models.CharField(max_length=64)
    revoked_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "api_keys"


class Company(models.Model):
    id = models.UUIDField(primary_key=True)
    organisation_id = models.UUIDField()
    owner_id = models.UUIDField(null=True)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "crm_companies"


class Contact(models.Model):
    id = models.UUIDField(primary_key=True)
    organisation_id = models.UUIDField()
    version = models.IntegerField()
    name = models.CharField(max_length=200)
    email = models.CharField(max_length=254, null=True)
    phone = models.CharField(max_length=50, null=True)
    job_title = models.CharField(max_length=100, null=True)
    company_id = models.UUIDField(null=True)
    description = models.CharField(max_length=10_000, null=True)
    owner_id = models.UUIDField(null=True)
    team_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    created_by = models.UUIDField(null=True)
    updated_at = models.DateTimeField()
    updated_by = models.UUIDField(null=True)
    deleted_at = models.DateTimeField(null=True)
    custom = models.JSONField(default=dict)
    name_key = models.CharField(max_length=600)
    email_key = models.CharField(max_length=762, null=True)
    search_text = models.TextField()

    class Meta:
        managed = False
        db_table = "crm_contacts"


class AuditEntry(models.Model):
    id = models.UUIDField(primary_key=True)
    organisation_id = models.UUIDField()
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=16)
    actor_id = models.UUIDField(null=True)
    request_id = models.CharField(max_length=64, null=True)
    action = models.CharField(max_length=64)
    subject_type = models.CharField(max_length=64)
    subject_id = models.UUIDField(null=True)
    changes = models.JSONField()

    class Meta:
        managed = False
        db_table = "audit_entries"


class Event(models.Model):
    id = models.UUIDField(primary_key=True)
    organisation_id = models.UUIDField()
    type = models.CharField(max_length=100)
    subject_type = models.CharField(max_length=64)
    subject_id = models.UUIDField(null=True)
    data = models.JSONField()
    actor_kind = models.CharField(max_length=16)
    actor_id = models.UUIDField(null=True)
    request_id = models.CharField(max_length=64, null=True)
    occurred_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "events"


class CustomField(models.Model):
    id = models.UUIDField(primary_key=True)
    organisation_id = models.UUIDField()
    record_type = models.CharField(max_length=48)
    required = models.BooleanField()
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "custom_fields"


class IdempotencyKey(models.Model):
    pk = models.CompositePrimaryKey("organisation_id", "user_id", "key")
    organisation_id = models.UUIDField()
    user_id = models.UUIDField()
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField()
    expires_at = models.DateTimeField()
    status = models.IntegerField()
    headers = models.JSONField()
    content_type = models.CharField(max_length=255, null=True)
    body = models.BinaryField()

    class Meta:
        managed = False
        db_table = "idempotency_keys"
