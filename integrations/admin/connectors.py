"""Admin pages of connected systems and of an organisation's own fields."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import JSONField, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import format_lazy
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action as detail_action
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from integrations.admin.checks import OBJECTS, SECRET, connector_problems
from integrations.admin.tenancy import TenantAdmin, TenantForm, administered, record_refusal
from integrations.admin.trial import report_on
from integrations.connectors import kinds
from integrations.models import Connector, CustomField
from integrations.phone import MAX_RAW_LENGTH


class NewConnectorForm(TenantForm):
    """The kind comes first, because everything else depends on it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(name, kind.label) for name, kind in kinds().items()]
        self.fields["kind"] = forms.ChoiceField(label=_("Kind"), choices=choices, widget=UnfoldAdminSelectWidget)


class ConnectorForm(TenantForm):
    """Checked by the kind's own models. Secrets are entered and never shown; an empty one is kept."""

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        data.update({name: {} for name in OBJECTS if name in data and data[name] is None})
        for name, sentence in connector_problems(self.instance, data, self._secrets()):
            self.add_error(name if name in self.fields else None, sentence)
        return data

    def _entered(self) -> dict[str, str]:
        typed = {name: self.cleaned_data.get(name) for name in self.fields if name.startswith(SECRET)}
        return {name.removeprefix(SECRET): value for name, value in typed.items() if value}

    def _secrets(self) -> dict[str, str]:
        return {**(self.instance.secrets or {}), **self._entered()}

    def save(self, commit: bool = True) -> Any:
        self.instance.secrets = self._secrets()
        # A configuration file's reference no longer names a secret that was typed over.
        entered, references = self._entered(), self.instance.secret_refs.items()
        self.instance.secret_refs = {name: reference for name, reference in references if name not in entered}
        return super().save(commit)


def _with_secrets(kind_name: str) -> type[ConnectorForm]:
    """The form with an input for each secret of the kind; with none for a kind that this version does not have."""
    kind = kinds().get(kind_name)
    kept = _("Never shown again. Leave empty to keep what is stored.")
    inputs = {
        f"{SECRET}{name}": forms.CharField(
            label=name.replace("_", " ").capitalize(),
            required=False,
            help_text=format_lazy("{} {}", field.description or "", kept),
            widget=UnfoldAdminPasswordWidget(render_value=False),
        )
        for name, field in (kind.Secrets.model_fields if kind else {}).items()
    }
    return type("ConnectorForm", (ConnectorForm,), inputs)


def _help_texts(kind_name: str) -> dict[str, Any]:
    kind = kinds().get(kind_name)
    options = kind.Options.model_fields if kind else {}
    known = [f"{name}: {(field.description or '').rstrip('.')}".rstrip(": ") for name, field in options.items()]
    return {
        "options": format_lazy("{} {}", _("An object in curly brackets. Known here:"), "; ".join(known)),
        "fields": _("Changes to what is read, by field: a JMESPath expression, or false to leave the field out."),
        "cache": _("Seconds: fresh_s, stale_s, negative_s."),
        "limits": _("rps: questions in a second; concurrency: questions at a time."),
        "details_by": _("The key of the system whose record id is sent; or field:account_id or field:email."),
    }


@admin.register(Connector)
class ConnectorAdmin(TenantAdmin):
    list_display = ("name", "organization", "kind", "enabled", "priority", "essential")
    list_filter = ("enabled", "essential")
    search_fields = ("name", "key", "kind")
    exclude = ("secrets",)
    formfield_overrides = {JSONField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 4})}}
    actions = ("deactivate",)
    actions_detail = ("try_it",)

    @detail_action(description=_("Try it with a number"), url_path="try")  # type: ignore[untyped-decorator]
    def try_it(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A page on which one number is asked for, whether the system is enabled or not."""
        connector = self.get_object(request, object_id)
        if connector is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": _t("Try %(name)s") % {"name": connector.name},
            "opts": self.model._meta,
            "connector": connector,
        }
        if request.method == "POST":
            typed = request.POST.get("number", "")
            found = report_on(request, connector, typed)
            context |= {"typed": typed[:MAX_RAW_LENGTH], "problem" if isinstance(found, str) else "report": found}
        return TemplateResponse(request, "admin/try_connector.html", context, headers={"Cache-Control": "no-store"})

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = _with_secrets(obj.kind) if obj else NewConnectorForm
        kwargs["help_texts"] = _help_texts(obj.kind) if obj else {}
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
        if administered(request) is not None and "allow_private" in request.POST and not obj.allow_private:
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
