"""Admin pages of who may ask and what each may see: users, people, tiers with their rules, API keys."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from integrations.admin.tenancy import TenantAdmin, TenantForm, administered
from integrations.configuration.invitations import invite
from integrations.models import ApiKey, ConfigurationChange, Person, Tier, TierRule, User
from integrations.models.connectors import vocabulary_of
from integrations.models.people import API_SCOPES, Effect, new_api_key
from integrations.profile import FIELDS, Sensitivity, label_of


@admin.register(User)
class UserAdmin(TenantAdmin):
    """Users, for superusers alone: everybody else manages the people of their organisation."""

    organization_path = "people__organization"
    list_display = ("username", "email", "is_active", "is_superuser", "last_login")
    search_fields = ("username", "email")
    fields = ("username", "first_name", "last_name", "email", "is_active", "is_superuser")

    def _permitted(self, request: HttpRequest, obj: models.Model | None) -> bool:
        return administered(request) is None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False  # deactivated instead: what they saw stays on record

    def history_of(self, obj: models.Model) -> QuerySet[ConfigurationChange]:
        """A user is part of the person that they are in each organisation."""
        people = [str(pk) for pk in Person.objects.filter(user=obj.pk).values_list("pk", flat=True)]
        return ConfigurationChange.objects.filter(model="person", object_id__in=people)


class InvitationForm(TenantForm):
    """A new person with a log-in of their own, who is mailed a link to choose a password."""

    username = forms.CharField(label=_("User name"), max_length=150, widget=UnfoldAdminTextInputWidget)
    email = forms.EmailField(label=_("E-mail"), widget=UnfoldAdminEmailInputWidget)
    first_name = forms.CharField(label=_("First name"), max_length=150, required=False, widget=UnfoldAdminTextInputWidget)
    last_name = forms.CharField(label=_("Last name"), max_length=150, required=False, widget=UnfoldAdminTextInputWidget)

    def clean_username(self) -> str:
        username: str = User._meta.get_field("username").clean(self.cleaned_data["username"], None)
        if User.objects.filter(username=username).exists():
            raise forms.ValidationError(_("This user name is taken."))
        return username


@admin.register(Person)
class PersonAdmin(TenantAdmin):
    list_display = ("full_name", "organization", "role", "tier", "team", "active")
    list_filter = ("role", "active")
    list_select_related = ("user", "tier", "organization")
    search_fields = ("user__username", "user__first_name", "user__last_name", "worker_sid", "team")
    actions = ("deactivate", "invite_again")

    @admin.display(description=_("name"))
    def full_name(self, person: Person) -> str:
        return person.label

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False  # deactivated instead: what they saw stays on record

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = InvitationForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj:
            return ("organization", "user", "worker_sid", "role", "team", "tier", "active")
        return ("organization", "username", "email", "first_name", "last_name", "role", "team", "tier")

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        return ("organization", "user") if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            names = {name: form.cleaned_data[name] for name in ("email", "first_name", "last_name")}
            obj.user = User.objects.create_user(form.cleaned_data["username"], **names)
        super().save_model(request, obj, form, change)
        if not change:
            request._invited = [obj]  # type: ignore[attr-defined]  # for this one answer

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response = super().changeform_view(request, *args, **kwargs)
        return self._invite(request) or response

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        response = super().changelist_view(request, extra_context)
        return self._invite(request) or response

    def _invite(self, request: HttpRequest) -> HttpResponse | None:
        """Mail those whom the request invited, now that it is committed; without a mail server, a page with their links, which
        is shown once."""
        links = []
        for person in getattr(request, "_invited", ()):
            assert person.user is not None  # noqa: S101 -- just made with one, or chosen by having one
            try:
                link = invite(person.user, person.organization)
            except OSError:
                text = _t("The mail to %(person)s could not be sent. Check the mail settings, then send it again.")
                self.message_user(request, text % {"person": person.label}, messages.WARNING)
            else:
                links += [(person, link)] if link else []
        if not links:
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _t("Pass these links on now"),
            "links": links,
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "admin/invitation_links.html", context, headers={"Cache-Control": "no-store"})

    @admin.action(description=_("Send the invitation again to those who have not chosen a password"))
    def invite_again(self, request: HttpRequest, queryset: QuerySet[Person]) -> None:
        waiting = [
            person
            for person in queryset.filter(active=True, user__isnull=False).select_related("user", "organization")
            if person.user and not person.user.has_usable_password()
        ]
        for person in waiting:
            self.record_change(request, person, "invited")
        self.message_user(request, _t("Invitations: %(count)s.") % {"count": len(waiting)})
        request._invited = waiting  # type: ignore[attr-defined]  # for this one answer

    @admin.action(description=_("Deactivate the chosen people"))
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Person]) -> None:
        deactivate_rows(self, request, queryset)


def deactivate_rows(page: TenantAdmin, request: HttpRequest, rows: QuerySet[Any]) -> None:
    """Switch off each row that is on, with an audit entry each."""
    for row in rows.filter(active=True):
        row.active = False
        row.save(update_fields=["active"])
        page.record_change(request, row, "deactivated", ["active"])


class TierRuleForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    class Meta:
        model = TierRule
        fields = ("target", "effect")


class TierRuleInline(TabularInline):  # type: ignore[misc]  # Unfold has no type information
    model = TierRule
    form = TierRuleForm
    extra = 0

    def get_formset(self, request: HttpRequest, obj: Tier | None = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        vocabulary = vocabulary_of(obj.organization) if obj else FIELDS
        choices = [("", _t("Choose"))]
        choices += [(word.value, word.value) for word in Sensitivity if word is not Sensitivity.NEVER]
        choices += [(f.name, f.label) for f in vocabulary.values() if f.sensitivity is not Sensitivity.NEVER]
        formset.form.base_fields["target"] = forms.ChoiceField(
            label=_("Field or sensitivity"), choices=choices, widget=UnfoldAdminSelectWidget
        )
        # Nobody gets to see more because a row was left as it came.
        effects = [("", _t("Choose")), *Effect.choices]
        formset.form.base_fields["effect"] = forms.ChoiceField(
            label=_("Effect"), choices=effects, widget=UnfoldAdminSelectWidget
        )
        return formset

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return administered(request) is None or bool(administered(request))

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission


@admin.register(Tier)
class TierAdmin(TenantAdmin):
    list_display = ("name", "organization", "what_it_sees")
    search_fields = ("name",)
    inlines = (TierRuleInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tier]:
        return super().get_queryset(request).prefetch_related("rules", "organization__custom_fields")

    @admin.display(description=_("what it sees"))
    def what_it_sees(self, tier: Tier) -> str:
        """Rules by effect, as in ``shown: basic · masked, cannot be revealed: personal``; what has no rule is not shown."""
        rules = {rule.target: rule.effect for rule in tier.rules.all()}
        hidden = {word.value: Effect.HIDE for word in Sensitivity if word is not Sensitivity.NEVER}
        vocabulary = vocabulary_of(tier.organization)
        targets: dict[str, list[str]] = {}
        for target, effect in {**hidden, **rules}.items():
            targets.setdefault(effect, []).append(label_of(target, vocabulary))
        return " · ".join(f"{word}: {', '.join(targets[effect])}" for effect, word in Effect.choices if effect in targets)


class ApiKeyForm(TenantForm):
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"), choices=[(scope, scope) for scope in API_SCOPES], widget=forms.CheckboxSelectMultiple
    )


@admin.register(ApiKey)
class ApiKeyAdmin(TenantAdmin):
    """The key itself is shown on one page, once, and only its hash is kept."""

    form = ApiKeyForm
    list_display = ("name", "organization", "hint", "tier", "active", "expires_at", "last_used_at")
    list_filter = ("active",)
    search_fields = ("name",)
    fields = ("organization", "name", "tier", "scopes", "active", "expires_at")
    actions = ("deactivate",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            request._new_key = new_api_key()  # type: ignore[attr-defined]  # for this one answer
            obj.set_key(request._new_key)  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _t("Copy the new API key now"),
            "key": request._new_key,  # type: ignore[attr-defined]
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "admin/api_key_made.html", context, headers={"Cache-Control": "no-store"})

    @admin.action(description=_("Deactivate the chosen keys"))
    def deactivate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        deactivate_rows(self, request, queryset)
