"""Admin page of the clients whom only the tier ``admin`` may see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _

from integrations.admin.tenancy import TenantAdmin, TenantForm
from integrations.connectors import kinds
from integrations.connectors.base import Connector
from integrations.models import RestrictedRecord


class RestrictedRecordForm(TenantForm):
    """Refuses an id that its system cannot have, and another spelling of one that is listed already."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        connector, record_id = cleaned.get("connector"), cleaned.get("record_id")
        if connector and record_id and record_id.strip():
            key_of = kinds().get(connector.kind, Connector).record_key
            try:
                key = key_of(record_id)
            except ValueError as problem:
                raise ValidationError({"record_id": str(problem)}) from None
            known = RestrictedRecord.objects.filter(connector=connector).exclude(pk=self.instance.pk)
            if any(_means(key_of, other, key) for other in known.values_list("record_id", flat=True)):
                raise ValidationError({"record_id": _("This record is listed already.")})
        return cleaned


def _means(key_of: Callable[[str], str], written: str, key: str) -> bool:
    try:
        return key_of(written) == key
    except ValueError:
        return False


@admin.register(RestrictedRecord)
class RestrictedRecordAdmin(TenantAdmin):
    """Somebody is added or taken off; another record is another row. The audit trail tells who did it, not of whom."""

    form = RestrictedRecordForm

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
