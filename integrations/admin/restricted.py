"""Admin page of the clients whom only the tier ``admin`` may see."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from integrations.admin.tenancy import TenantAdmin
from integrations.models import RestrictedRecord


@admin.register(RestrictedRecord)
class RestrictedRecordAdmin(TenantAdmin):
    """Somebody is added or taken off; another record is another row. The audit trail tells who did it, not of whom."""

    list_display = ("record_id", "connector", "organization", "added_by", "added_at")
    list_select_related = ("connector", "organization")
    search_fields = ("record_id",)
    fields = ("organization", "connector", "record_id", "note")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = super().get_readonly_fields(request, obj)
        return (*fixed, "connector", "record_id", "added_by", "added_at") if obj else fixed

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.fields, "added_by", "added_at") if obj else self.fields

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.added_by = request.user.get_full_name() or request.user.get_username()  # type: ignore[union-attr]
        super().save_model(request, obj, form, change)
