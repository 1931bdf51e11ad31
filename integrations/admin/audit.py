"""Admin pages of the audit trail: to read only, and without the callers' numbers."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from integrations.admin.tenancy import ReadOnlyAdmin, administered
from integrations.models import AccessEntry


@admin.register(AccessEntry)
class AccessEntryAdmin(ReadOnlyAdmin):
    list_display = ("seq", "at", "event", "outcome", "actor_label", "purpose", "call_sid")
    list_filter = ("event", "at")
    search_fields = ("actor_label", "call_sid", "purpose")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """The latest first: by place in the chain, or across several chains, whose places compare to nothing, as written."""
        ids = administered(request)
        return ("-seq",) if ids is not None and len(ids) == 1 else ("-pk",)

    fields = (
        "organization", "seq", "at", "event", "outcome", "actor_kind", "actor_label", "team", "tier", "channel", "address",
        "purpose", "call_sid", "task_sid", "sources", "fields", "detail", "hash", "prev_hash",
    )  # fmt: skip
