# mypy: disable-error-code="import-untyped, misc"
"""The three requests."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.views import APIView

from benchmarks.rivals import crm
from benchmarks.rivals.crm import Caller, Refused, Remembered
from benchmarks.rivals.drf.models import AuditEntry, Company, Contact, CustomField, Event, IdempotencyKey, User
from benchmarks.rivals.drf.serializers import ContactSerializer, NewContactSerializer


class ScopedView(APIView):
    """One transaction a request, as with ATOMIC_REQUESTS: row-level security needs the organisation set in it.
    On SQLite, where a transaction takes the one write lock, reads do without."""

    def dispatch(self, request: Any, *arguments: Any, **named: Any) -> Any:
        needs = connection.vendor == "postgresql" or request.method == "POST"
        with transaction.atomic() if needs else nullcontext():
            response = super().dispatch(request, *arguments, **named)
            if needs and response.status_code >= 400:
                transaction.set_rollback(True)
        return response

    def handle_exception(self, error: Exception) -> Any:
        if isinstance(error, Refused):
            return Response({"title": error.detail, "status": error.status}, error.status)
        return super().handle_exception(error)

    @property
    def caller(self) -> Caller:
        caller: Caller = self.request.user.caller
        return caller

    def mine(self) -> Any:
        caller = self.caller
        return Contact.objects.filter(organisation_id=caller.org, owner_id=caller.user, deleted_at=None).only(
            *crm.NAMES
        )


class ContactView(ScopedView):
    def get(self, request: Any, id: UUID) -> Any:
        contact = self.mine().filter(id=id).order_by()[:1]
        found = next(iter(contact), None)
        if found is None:
            raise Refused(404, "There is no such contact, or none that you may see.")
        etag = f'"{found.version}"'
        if request.headers.get("If-None-Match") == etag:
            return HttpResponse(status=304, headers={"ETag": etag})
        return Response(ContactSerializer(found).data, headers={"ETag": etag})


class ContactsView(ScopedView):
    def get(self, request: Any) -> Any:
        params = request.query_params.dict()
        continued, limit, values = crm.listing(params, self.caller)
        found = self.mine().filter(job_title=values["job_title"], created_at__gte=values["since"]).order_by("-id")
        if continued:
            found = found.filter(id__lt=values["after"])
        rows = list(found[: limit + 1])
        following = None
        if len(rows) > limit:
            del rows[limit:]
            following = crm.write_cursor(rows[-1].id, self.caller, params)
        return Response({"items": ContactSerializer(rows, many=True).data, "next_cursor": following})

    def post(self, request: Any) -> Any:
        raw = request._request.body
        body = NewContactSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        key = request.headers.get("Idempotency-Key")
        fingerprint = b"" if key is None else crm.fingerprint_of(request.path, raw)
        answer = None if key is None else self._remembered(key, fingerprint)
        replayed = answer is not None
        if answer is None:
            answer = self._create(SimpleNamespace(**body.validated_data), key, fingerprint)
        headers = {**answer.headers, "Idempotency-Replayed": "true"} if replayed else answer.headers
        return HttpResponse(bytes(answer.body), "application/json", answer.status, headers=headers)

    def _remembered(self, key: str, fingerprint: bytes) -> Remembered | None:
        question = crm.question_of(self.caller, key)
        free = True
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [question["lock"]])
                free = cursor.fetchone()[0]
        found = IdempotencyKey.objects.filter(
            organisation_id=self.caller.org, user_id=self.caller.user, key=key
        ).first()
        return crm.remembered(found or SimpleNamespace(status=None, free=free), fingerprint)

    def _create(self, body: Any, key: str | None, fingerprint: bytes) -> Remembered:
        caller = self.caller
        required = CustomField.objects.filter(
            organisation_id=caller.org, record_type="contact", required=True, deleted_at=None
        )
        team = User.objects.filter(organisation_id=caller.org, id=caller.user).values_list("team_id", flat=True).get()
        if required.exists():
            raise Refused(422, "The organisation requires custom fields.")
        companies = Company.objects.filter(organisation_id=caller.org, owner_id=caller.user, deleted_at=None)
        if body.company_id is not None and not companies.filter(id=body.company_id).exists():
            raise Refused(422, "There is no such company.")
        record = crm.record_of(body, caller, team, timezone.now())
        contact = Contact.objects.create(**crm.row_of(record, caller))
        entry, event = crm.told_of(record, caller, self.request.request_id)
        AuditEntry.objects.create(**entry)
        Event.objects.create(**event)
        rendered = self.request.accepted_renderer.render(ContactSerializer(contact).data)
        answer = Remembered(201, crm.answer_headers(record), rendered)
        if key is not None:
            IdempotencyKey.objects.create(**crm.kept_of(caller, key, fingerprint, answer, record["created_at"]))
        return answer
