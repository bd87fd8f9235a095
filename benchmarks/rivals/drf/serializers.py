# mypy: disable-error-code="import-untyped, misc"
"""What goes in and out."""

from __future__ import annotations

from rest_framework import serializers

from benchmarks.rivals import crm
from benchmarks.rivals.drf.models import Contact


class ContactSerializer(serializers.ModelSerializer):
    class Meta:
        model = Contact
        fields = crm.NAMES


class NewContactSerializer(serializers.Serializer):
    name = serializers.RegexField(crm.NAME, min_length=1, max_length=200)
    email = serializers.RegexField(crm.EMAIL, max_length=254, allow_null=True, allow_blank=True, default=None)
    phone = serializers.RegexField(crm.PHONE, max_length=50, allow_null=True, allow_blank=True, default=None)
    job_title = serializers.RegexField(crm.LINE, max_length=100, allow_null=True, allow_blank=True, default=None)
    company_id = serializers.UUIDField(allow_null=True, default=None)
    description = serializers.RegexField(crm.LINES, max_length=10_000, allow_null=True, allow_blank=True, default=None)
