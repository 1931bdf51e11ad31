"""Admin pages of the menu's rules, and a trial of them with a number."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action as detail_action

from integrations.admin.conditions_field import ConditionsField
from integrations.admin.menu_trial import report_on
from integrations.admin.option_fields import ListField
from integrations.admin.tenancy import TenantAdmin, TenantForm, administered
from integrations.conditions import BadCondition, parse
from integrations.models import MenuRule, Organization, Tier
from integrations.models.connectors import vocabulary_of
from integrations.models.routing import GIVEN, rule_types, worded_problem
from integrations.phone import MAX_RAW_LENGTH
from integrations.profile import FIELDS


class MenuRuleForm(TenantForm):
    options = ListField(
        label=_("Options"),
        required=False,
        help_text=_("What the menu offers, in this order, with commas between: spanish, billing."),
    )


@admin.register(MenuRule)
class MenuRuleAdmin(TenantAdmin):
    form = MenuRuleForm
    list_display = ("name", "organization", "position", "enabled", "gives", "state")
    list_filter = ("enabled",)
    list_select_related = ("organization",)
    search_fields = ("name", "queue")
    actions_list = ("try_rules",)
    fieldsets = (
        (None, {"fields": ["organization", "name", "enabled", "position"]}),
        (_("Whom it fits"), {"fields": ["conditions"]}),
        (_("What the flow gets"), {"fields": list(GIVEN)}),
    )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        ids = administered(request) or ()
        own = obj.organization if obj else Organization.objects.filter(pk__in=ids).first() if len(ids) == 1 else None
        vocabulary = vocabulary_of(own) if own else FIELDS
        asked = {name: vocabulary[name] for name in rule_types(vocabulary)}
        form.base_fields["conditions"] = ConditionsField(asked, label=_("Conditions"))
        return form

    @admin.display(description=_("what the flow gets"))
    def gives(self, rule: MenuRule) -> str:
        """Each value with its name, as in ``queue: Care team · language: es``."""
        found = {name: getattr(rule, name) for name in GIVEN}
        told = {name: ", ".join(value) if isinstance(value, list) else value for name, value in found.items()}
        columns = {name: rule._meta.get_field(name).verbose_name for name in GIVEN}  # type: ignore[union-attr]  # columns have one
        return " · ".join(f"{columns[name]}: {value}" for name, value in told.items() if value not in ("", None))

    @admin.display(description=_("can be used"))
    def state(self, rule: MenuRule) -> str:
        organization = rule.organization
        try:
            parse(rule.conditions, rule_types(vocabulary_of(organization)), organization.currency)
        except BadCondition as problem:
            return worded_problem(problem)
        return _t("yes")

    @detail_action(description=_("Try the rules"), url_path="try")  # type: ignore[untyped-decorator]
    def try_rules(self, request: HttpRequest) -> HttpResponse:
        """A page on which a number is looked up, to see which rules fit the caller and why the others do not."""
        form = _TrialForm(administered(request), request.POST if request.method == "POST" else None)
        context = {
            **self.admin_site.each_context(request),
            "title": _t("Try the menu rules"),
            "opts": self.model._meta,
            "form": form,
        }
        if form.is_valid():
            found = report_on(request, form.cleaned_data["tier"], form.cleaned_data["number"])
            context["problem" if isinstance(found, str) else "report"] = found
        return TemplateResponse(request, "admin/try_menu.html", context, headers={"Cache-Control": "no-store"})


class _TrialForm(forms.Form):
    """A number, and the tier that asks: one of an organisation that the reader administers."""

    number = forms.CharField(label=_("Phone number"), max_length=MAX_RAW_LENGTH)
    tier: Any = forms.ModelChoiceField(label=_("As the tier"), queryset=Tier.objects.none(), empty_label=None)

    def __init__(self, ids: frozenset[int] | None, data: Any = None) -> None:
        super().__init__(data)
        rows = Tier.objects.select_related("organization").order_by("organization__name", "name")
        field: Any = self.fields["tier"]
        field.queryset = rows if ids is None else rows.filter(organization__in=ids)
        if ids is None or len(ids) > 1:
            field.label_from_instance = lambda tier: f"{tier.organization}: {tier}"
        self.initial = {"tier": rows.filter(name="basic", organization__in=ids or ()).first()}
