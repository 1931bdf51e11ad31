"""Admin pages of connected systems and of an organisation's own fields."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from integrations.admin.tenancy import TenantAdmin, TenantForm, administered, record_refusal
from integrations.connectors import kind_named, kinds
from integrations.connectors.base import FieldMapping
from integrations.errors import ConfigurationError
from integrations.models import Connector, CustomField
from integrations.profile import FIELDS

_DETAIL_FIELDS = ("field:account_id", "field:email")
_SECRET = "secret_"  # noqa: S105 -- a prefix of input names


class NewConnectorForm(TenantForm):
    """The kind comes first, because everything else depends on it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(name, kind.label) for name, kind in kinds().items()]
        self.fields["kind"] = forms.ChoiceField(label=_("kind"), choices=choices, widget=UnfoldAdminSelectWidget)


class ConnectorForm(TenantForm):
    """Checked by the kind's own models. Secrets are entered and never shown; an empty one is kept."""

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        try:
            kind = kind_named(self.instance.kind)
            self._check_options(kind, data)
            FieldMapping(kind.field_table, data.get("fields") or {}, self._vocabulary())
        except ConfigurationError as error:
            self.add_error("fields", str(error))
        fallback = data.get("fallback_for")
        if fallback and (fallback.organization_id != self.instance.organization_id or fallback.pk == self.instance.pk):
            self.add_error("fallback_for", _t("Choose another system of the same organisation."))
        self._check_details_by(data.get("details_by") or "")
        return data

    def _check_details_by(self, source: str) -> None:
        others = Connector.objects.filter(organization_id=self.instance.organization_id).exclude(pk=self.instance.pk)
        if source and source not in _DETAIL_FIELDS and not others.filter(key=source).exists():
            self.add_error(
                "details_by",
                _t("Give the key of another system of this organisation, or %(fields)s.")
                % {"fields": _t(" or ").join(_DETAIL_FIELDS)},
            )

    def _check_options(self, kind: Any, data: dict[str, Any]) -> None:
        try:
            kind.Options.model_validate(data.get("options") or {})
        except ValidationError as error:
            # Not the whole error: that would repeat what was entered.
            for problem in error.errors(include_url=False, include_input=False, include_context=False):
                place = ".".join(str(part) for part in problem["loc"])
                self.add_error("options", f"{place}: {problem['msg']}." if place else f"{problem['msg']}.")

    def _vocabulary(self) -> dict[str, Any]:
        custom = self.instance.organization.custom_fields.all()
        return {**FIELDS, **{field.name: field.definition() for field in custom}}

    def save(self, commit: bool = True) -> Any:
        typed = {name: self.cleaned_data[name] for name in self.fields if name.startswith(_SECRET)}
        entered = {name.removeprefix(_SECRET): value for name, value in typed.items() if value}
        self.instance.secrets = {**(self.instance.secrets or {}), **entered}
        # A configuration file's reference no longer names a secret that was typed over.
        references = self.instance.secret_refs.items()
        self.instance.secret_refs = {name: reference for name, reference in references if name not in entered}
        return super().save(commit)


def _with_secrets(kind_name: str) -> type[ConnectorForm]:
    try:
        names = list(kind_named(kind_name).Secrets.model_fields)
    except ConfigurationError:
        names = []
    hint = _("Never shown again. Leave empty to keep what is stored.")
    inputs = {
        f"{_SECRET}{name}": forms.CharField(
            label=name.replace("_", " "), required=False, help_text=hint, widget=UnfoldAdminPasswordWidget(render_value=False)
        )
        for name in names
    }
    return type("ConnectorForm", (ConnectorForm,), inputs)


@admin.register(Connector)
class ConnectorAdmin(TenantAdmin):
    list_display = ("name", "organization", "kind", "enabled", "priority", "essential")
    list_filter = ("enabled", "essential")
    search_fields = ("name", "key", "kind")
    exclude = ("secrets",)
    actions = ("deactivate",)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = _with_secrets(obj.kind) if obj else NewConnectorForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return super().get_fields(request, obj) if obj else ("organization", "kind", "key", "name")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        closed = () if administered(request) is None else ("allow_private",)
        return ("organization", "kind", *closed) if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.enabled = False  # until its options have been entered and checked
        super().save_model(request, obj, form, change)
        if administered(request) is not None and "allow_private" in request.POST:
            record_refusal(request, "allow private addresses", obj.organization_id)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        self.message_user(request, _t("Now enter how to reach this system, then enable it."))
        return HttpResponseRedirect(reverse("admin:integrations_connector_change", args=[obj.pk]))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.get_queryset(request).exists():
            self.message_user(request, _t("No system connected yet. Add the one that knows most about your callers."))
        return super().changelist_view(request, extra_context)  # type: ignore[no-any-return]

    @admin.action(description=_("Deactivate the chosen systems"))
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Connector]) -> None:
        with transaction.atomic():
            for connector in queryset.filter(enabled=True):
                connector.enabled = False
                connector.save(update_fields=["enabled"])
                self.record_change(request, connector, "deactivated", ["enabled"])


@admin.register(CustomField)
class CustomFieldAdmin(TenantAdmin):
    list_display = ("label", "name", "organization", "type", "sensitivity", "section")
    list_filter = ("sensitivity", "section")
    search_fields = ("name", "label")
