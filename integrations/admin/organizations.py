"""Admin pages of organisations and their Twilio accounts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from integrations.admin.tenancy import TenantAdmin, TenantForm, administered
from integrations.models import Organization, TwilioAccount
from integrations.models.people import make_default_tiers


@admin.register(Organization)
class OrganizationAdmin(TenantAdmin):
    """Superusers make organisations; an admin changes their own, but not the name it has in addresses."""

    organization_path = "pk"
    list_display = ("name", "slug", "timezone", "region")
    search_fields = ("name", "slug")
    fields = ("name", "slug", "timezone", "region", "languages", "origins", "retention_days", "flex_roles")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return administered(request) is None

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        return ("slug",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            make_default_tiers(obj)


class TwilioAccountForm(TenantForm):
    tokens = forms.CharField(
        label=_("auth tokens"),
        required=False,
        widget=UnfoldAdminTextareaWidget,
        help_text=_("One a line, the newest first. They are never shown again; leave this empty to keep them."),
    )

    def save(self, commit: bool = True) -> Any:
        if tokens := self.cleaned_data["tokens"].split():
            self.instance.auth_tokens = tokens
        return super().save(commit)

    class Meta:
        model = TwilioAccount
        fields = ("organization", "account_sid", "workspace_sid")


@admin.register(TwilioAccount)
class TwilioAccountAdmin(TenantAdmin):
    form = TwilioAccountForm
    list_display = ("account_sid", "organization", "workspace_sid")
    search_fields = ("account_sid",)
    fields = ("organization", "account_sid", "workspace_sid", "tokens")
