# mypy: disable-error-code="import-untyped, misc"
"""Where they answer."""

from __future__ import annotations

from django.urls import path

from benchmarks.rivals.drf.views import ContactsView, ContactView

urlpatterns = [
    path("api/v1/contacts", ContactsView.as_view()),
    path("api/v1/contacts/<uuid:id>", ContactView.as_view()),
]
