"""What was changed in an organisation's settings, as one list: to read only."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from integrations.admin.tenancy import ReadOnlyAdmin
from integrations.models import ConfigurationChange
from integrations.models.registry import REGISTRY


class _OfWhat(admin.SimpleListFilter):
    title = _("of what")
    parameter_name = "of"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        told = (entry.model for entry in REGISTRY if entry.remembered is True)
        return [(str(model._meta.model_name), str(capfirst(str(model._meta.verbose_name)))) for model in told]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(model=self.value()) if self.value() else queryset


@admin.register(ConfigurationChange)
class ConfigurationChangeAdmin(ReadOnlyAdmin):
    list_display = ("at", "label", "organization", "kind", "what", "fields_changed", "who", "by")
    list_display_links = ("label",)
    list_filter = (_OfWhat, "what", "at")
    search_fields = ("label", "who")
    list_per_page = 50
    fields = ("organization", "at", "kind", "label", "what", "who", "by", "lines")
    readonly_fields = ("kind", "lines")

    @admin.display(description=_("of what"))
    def kind(self, row: ConfigurationChange) -> str:
        try:
            return str(apps.get_model("integrations", row.model)._meta.verbose_name)
        except LookupError:
            return row.model

    @admin.display(description=_("fields"))
    def fields_changed(self, row: ConfigurationChange) -> str:
        names = [change[0] for change in row.changes]
        return ", ".join(names[:4]) + (" …" if len(names) > 4 else "")

    @admin.display(description=_("changes"))
    def lines(self, row: ConfigurationChange) -> str:
        return render_to_string("admin/_changes.html", {"change": row})
