"""Admin pages of organisations and their Twilio accounts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import JSONField, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html_join
from django.utils.text import format_lazy
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action as detail_action
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget

from integrations.admin.checks import known_tiers, organization_problems
from integrations.admin.flex_roles_field import FlexRolesField
from integrations.admin.flows import flow_page
from integrations.admin.option_fields import ListField
from integrations.admin.shared_numbers import number_of, proposals
from integrations.admin.tenancy import TenantAdmin, TenantForm, administered, changing
from integrations.configuration.schema import in_full
from integrations.configuration.twilio_setup import set_up, standing_of, take_away
from integrations.models import Organization, TwilioAccount
from integrations.models.organizations import STUDIO_SHARE, default_languages, default_retention, new_hook_key
from integrations.models.people import make_default_tiers

_MAX_TOKENS = 5
_HELP = {
    "timezone": _("Like America/Los_Angeles. Times are told in it."),
}


_KEEP = "keep_"
_SHARED = {"name": _("the name"), "email": _("the e-mail address, masked"), "customer": _("what else is basic of the client")}


def _days(label: Any, kept: str) -> forms.IntegerField:
    """An input for how long rows of one sort are kept."""
    means = format_lazy(_("Days. Empty: {}."), default_retention()[kept])
    return forms.IntegerField(label=label, required=False, help_text=means, widget=UnfoldAdminIntegerFieldWidget)


class OrganizationForm(TenantForm):
    """Checks lists and tables as in the configuration file."""

    languages = ListField(
        label=_("Languages"), initial=default_languages, help_text=_("Codes like en or es, with commas between.")
    )
    shared_numbers = ListField(
        label=_("Numbers that many people share"),
        required=False,
        help_text=_("Of a care home, a shelter, a switchboard, with commas between. Nobody is taken for the caller by them."),
    )
    origins = ListField(
        label=_("Who may frame the panel"),
        required=False,
        help_text=_("Web addresses, like https://flex.twilio.com, with commas between."),
    )

    studio_share = forms.MultipleChoiceField(
        label=_("What Twilio Studio is sent of a caller"),
        required=False,
        choices=[(word, _SHARED[word]) for word in STUDIO_SHARE],
        widget=forms.CheckboxSelectMultiple,
        help_text=_(
            "Beside what calls are routed by and the panel's address. Studio's execution logs keep what is sent, where "
            "everybody with access to the Twilio account can read it: where it is health data, send none of these."
        ),
    )
    keep_audit = _days(_("Keep the access trail"), "audit")
    keep_calls = _days(_("Keep calls"), "calls")
    keep_attempts = _days(_("Keep questions to systems"), "attempts")
    keep_deliveries = _days(_("Keep deliveries"), "deliveries")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["flex_roles"] = FlexRolesField(
            known_tiers(self.instance),
            label=_("Who comes from Flex"),
            help_text=_("Which role and tier somebody has here, by their role there. Empty a line to remove it."),
        )
        self.initial.update({f"{_KEEP}{name}": days for name, days in self.instance.retention_days.items()})

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        empty: dict[str, Any] = {"languages": [], "shared_numbers": [], "origins": [], "flex_roles": {}}
        facts: dict[str, Any] = {name: data[name] or none for name, none in empty.items() if name in data}
        facts["retention_days"] = self._retention(data)
        if "shared_numbers" in facts:
            facts["shared_numbers"] = in_full(facts["shared_numbers"], data.get("region") or self.instance.region)
        problems = list(organization_problems(self.instance, facts))
        for name, sentence in problems:
            key, _colon, rest = sentence.partition(": ")
            self.add_error(*((f"{_KEEP}{key}", rest) if name == "retention_days" else (name, sentence)))
        if not problems:
            data.update(facts)
        return data

    def _retention(self, data: dict[str, Any]) -> dict[str, int]:
        """What a program does not send stays as it is; what is emptied takes its default."""
        kept = {**default_retention(), **self.instance.retention_days}
        for name, default in default_retention().items():
            if f"{_KEEP}{name}" in self.data:
                entered = data.get(f"{_KEEP}{name}")
                kept[name] = default if entered is None else entered
        return kept

    def save(self, commit: bool = True) -> Any:
        self.instance.retention_days = self.cleaned_data["retention_days"]
        return super().save(commit)


@admin.register(Organization)
class OrganizationAdmin(TenantAdmin):
    """Superusers make organisations; an admin changes their own, but not the name it has in addresses."""

    form = OrganizationForm
    list_display = ("name", "slug", "timezone", "region")
    search_fields = ("name", "slug")
    fields = (
        "name", "slug", "timezone", "region", "currency", "languages", "identity_check", "shared_numbers", "origins",
        "studio_share", "keep_audit", "keep_calls", "keep_attempts", "keep_deliveries", "flex_roles", "webhooks",
    )  # fmt: skip
    formfield_overrides = {JSONField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 3})}}
    actions = ("renew_webhook_key",)

    @admin.display(description=_("Twilio tells of calls at"))
    def webhooks(self, organization: Organization) -> str:
        """The addresses to enter at Twilio; behind a key that may be renewed."""
        if organization.pk is None or not settings.PUBLIC_URL:
            return _t("Nowhere yet: the portal's own address is not set (CONNIE_PUBLIC_URL).") if organization.pk else "–"
        names = ("hooks-event-streams", "hooks-task-events", "hooks-voice-status")
        addresses = [(settings.PUBLIC_URL.rstrip("/") + reverse(name, args=[organization.hook_key]),) for name in names]
        return format_html_join("", "<div>{}</div>", addresses)

    @admin.action(description=_("Give the chosen organisations a new webhook key"))
    def renew_webhook_key(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        with changing(request):
            for organization in queryset:
                organization.hook_key = new_hook_key()
                organization.save(update_fields=["hook_key"])
                self.record_change(request, organization, "changed", ["hook_key"])
        self.message_user(request, _t("The old addresses are unknown from now on. Give Twilio the new ones."), messages.WARNING)

    actions_detail = ("check_flow",)

    @detail_action(description=_("Check a flow"), url_path="check-flow")  # type: ignore[untyped-decorator]
    def check_flow(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A page that finds the usual mistakes in a pasted flow of Twilio Studio's, or in a Flex configuration."""
        organization = self.get_object(request, object_id)
        if organization is None or not self.has_change_permission(request, organization):
            raise PermissionDenied
        return flow_page(request, organization, {**self.admin_site.each_context(request), "opts": self.opts})

    def get_urls(self) -> list[Any]:
        shared = self.admin_site.admin_view(self.shared_numbers_view)
        return [path("<int:pk>/shared-numbers/", shared, name="integrations_organization_shared"), *super().get_urls()]

    def shared_numbers_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Numbers that many people turned out to share, and a button that puts one on the list."""
        organization = self.get_object(request, str(pk))
        if organization is None or not self.has_change_permission(request, organization):
            raise PermissionDenied
        here = redirect("admin:integrations_organization_shared", organization.pk)
        if request.method == "POST":
            with changing(request):
                self._share(request, organization.pk, request.POST.get("key", "")[:64])
            return here
        context = {
            **self.admin_site.each_context(request),
            "title": _t("Numbers that many people share"),
            "opts": self.opts,
            "organization": organization,
            "proposals": proposals(organization),
        }
        return TemplateResponse(request, "admin/shared_numbers.html", context, headers={"Cache-Control": "no-store"})

    def _share(self, request: HttpRequest, pk: int, key: str) -> None:
        organization = Organization.objects.select_for_update().get(pk=pk)
        number = number_of(organization, key)
        if not number:
            return
        listed = in_full([*organization.shared_numbers, number], organization.region)
        problems = [sentence for _name, sentence in organization_problems(organization, {"shared_numbers": listed})]
        if problems:  # else the form and the configuration file would refuse the list from now on
            self.message_user(request, f"{_t('Numbers that many people share')}: {' '.join(problems)}", messages.ERROR)
            return
        organization.shared_numbers = listed
        organization.save(update_fields=["shared_numbers"])
        self.record_change(request, organization, "changed", ["shared_numbers"])
        self.message_user(request, _t("Nobody is taken for the caller by the number ending %(hint)s.") % {"hint": number[-4:]})

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, help_texts=_HELP, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return administered(request) is None

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        return ("slug", "webhooks") if obj else ("webhooks",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            make_default_tiers(obj)


class TwilioAccountForm(TenantForm):
    tokens = forms.CharField(
        label=_("Auth tokens"),
        required=False,
        widget=UnfoldAdminTextareaWidget,
        help_text=_("One a line, the newest first. They are never shown again; leave this empty to keep them."),
    )
    secret = forms.CharField(
        label=_("API key's secret"),
        required=False,
        widget=UnfoldAdminPasswordWidget,
        help_text=_("It is never shown again; leave this empty to keep it."),
    )

    def clean_tokens(self) -> list[str]:
        tokens: list[str] = self.cleaned_data["tokens"].split()
        if not tokens and not self.instance.auth_tokens and not self.data.get("api_key_sid"):
            raise forms.ValidationError(
                _("Enter the account's auth token: without it nothing that Twilio sends can be verified.")
            )
        if len(tokens) > _MAX_TOKENS:
            raise forms.ValidationError(_("Enter at most five tokens."))
        return tokens

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        key = data.get("api_key_sid", "")
        same = key == self.initial.get("api_key_sid", "") and bool(self.instance.api_secret)
        if key and not data.get("secret") and not same:
            self.add_error("secret", _("Enter the secret of this API key."))
        return data

    def save(self, commit: bool = True) -> Any:
        if tokens := self.cleaned_data["tokens"]:
            # A configuration file's references no longer name what was typed over.
            self.instance.auth_tokens, self.instance.auth_token_refs = tokens, []
        secret = self.cleaned_data["secret"]
        if secret or not self.instance.api_key_sid:
            self.instance.api_secret, self.instance.api_secret_ref = secret if self.instance.api_key_sid else "", ""
        return super().save(commit)

    class Meta:
        model = TwilioAccount
        fields = ("organization", "account_sid", "workspace_sid", "tier", "api_key_sid")


@admin.register(TwilioAccount)
class TwilioAccountAdmin(TenantAdmin):
    form = TwilioAccountForm
    list_display = ("account_sid", "organization", "workspace_sid")
    search_fields = ("account_sid",)
    fields = ("organization", "account_sid", "workspace_sid", "tier", "tokens", "api_key_sid", "secret")
    actions_detail = ("events",)

    @detail_action(description=_("Set up Twilio"), url_path="events")  # type: ignore[untyped-decorator]
    def events(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A page that shows what would be set up at Twilio, does it, and can take it away again."""
        account = self.get_object(request, object_id)
        if account is None:
            raise Http404
        if request.method == "POST":
            return self._events_changed(request, account)
        context = {
            **self.admin_site.each_context(request),
            "title": _t("Have Twilio tell the portal of calls"),
            "opts": self.opts,
            "account": account,
            "standing": standing_of(account),
        }
        return TemplateResponse(request, "admin/twilio_setup.html", context, headers={"Cache-Control": "no-store"})

    def _events_changed(self, request: HttpRequest, account: TwilioAccount) -> HttpResponse:
        if (work := {"set_up": set_up, "take_away": take_away}.get(request.POST.get("do", ""))) is None:
            raise Http404
        with changing(request):  # on record before anything is asked of Twilio, which may take its time
            self.record_change(request, account, "changed", ["events, set up" if work is set_up else "events, taken away"])
        after = work(account)
        if after.problem:
            self.message_user(request, after.problem, messages.ERROR)
        elif work is set_up:
            self.message_user(request, _t("Done. %(arrival)s") % {"arrival": after.told[-1]})
        else:
            self.message_user(request, _t("Done. Twilio sends the portal nothing any more."))
        return redirect(request.path)
