"""Admin pages of connected systems and of an organisation's own fields."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import admin, messages
from django.db.models import JSONField, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action as detail_action
from unfold.widgets import UnfoldAdminTextareaWidget

from integrations.admin.connector_form import NewConnectorForm, fieldsets_of, form_of, help_texts_of
from integrations.admin.copying import make_copy
from integrations.admin.health import summary
from integrations.admin.home import state_of
from integrations.admin.lists import is_a_list, list_page
from integrations.admin.ordering import move, orders_of
from integrations.admin.tenancy import TenantAdmin, administered, changing, record_refusal
from integrations.admin.trial import MAX_SAMPLE, report_on, report_on_sample
from integrations.connectors import kinds
from integrations.lookup import end_pause
from integrations.lookup.nobody import doubt_about
from integrations.lookup.probes import probe_one
from integrations.lookup.sources import plan_with
from integrations.models import Connector, CustomField, DirectoryRow
from integrations.phone import MAX_RAW_LENGTH
from integrations.presentation.translation import translated

_NEW_HELP = {
    "name": _("As agents read it beside a caller, like “Client database”."),
    "key": _("A short name for files and programs, made of the name: lower-case letters, digits and hyphens."),
}


def _direction_and_key(sent: str) -> tuple[str, int]:
    """The two parts of ``up-7``; a key of 0, which no system has, where none was sent."""
    direction, _dash, key = sent.partition("-")
    return direction, int(key) if key.isdecimal() and len(key) < 12 else 0


@admin.register(Connector)
class ConnectorAdmin(TenantAdmin):
    list_display = ("name", "organization", "kind_label", "enabled", "priority")
    list_filter = ("enabled", "essential")
    search_fields = ("name", "key", "kind")
    exclude = ("secrets",)
    formfield_overrides = {JSONField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 4})}}
    actions = ("deactivate", "ask_again")
    actions_list = ("order",)
    actions_detail = ("try_it", "list_of", "copy")

    @detail_action(description=_("Try it with a number"), url_path="try")  # type: ignore[untyped-decorator]
    def try_it(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A page on which one number is asked for, or a pasted answer is read, whether the system is enabled or not."""
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
            typed, sample = request.POST.get("number", ""), request.POST.get("sample")
            found = report_on(request, connector, typed) if sample is None else report_on_sample(request, connector, sample)
            context |= {"typed": typed[:MAX_RAW_LENGTH], "problem" if isinstance(found, str) else "report": found}
            context |= {"sample": (sample or "")[:MAX_SAMPLE]}
        context["largest"] = MAX_SAMPLE
        return TemplateResponse(request, "admin/try_connector.html", context, headers={"Cache-Control": "no-store"})

    @detail_action(description=_("List"), url_path="list", permissions=("list_of",))  # type: ignore[untyped-decorator]
    def list_of(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The page on which a list is uploaded or read, for the kinds that are one."""
        connector = self.get_object(request, object_id)
        if connector is None or not is_a_list(connector):
            raise Http404
        title = _t("%(name)s: the list") % {"name": connector.name}
        context = {**self.admin_site.each_context(request), "title": title, "opts": self.model._meta}
        return list_page(request, connector, context, lambda: self._switch_on(request, connector))

    @detail_action(description=_("Copy"), url_path="copy")  # type: ignore[untyped-decorator]
    def copy(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks first, because a link alone must change nothing."""
        connector = self.get_object(request, object_id)
        if connector is None:
            raise Http404
        if request.method != "POST":
            title = _t("Copy %(name)s") % {"name": connector.name}
            context = {**self.admin_site.each_context(request), "title": title, "opts": self.model._meta}
            return TemplateResponse(request, "admin/copy_connector.html", {**context, "connector": connector})
        with changing(request):
            made = make_copy(connector, keeps_private=administered(request) is None)
            self.record_change(request, made, "added")
        said = _t("%(name)s was made. It is switched off, and no secret was copied: enter its own, then enable it.")
        self.message_user(request, said % {"name": made.name})
        return HttpResponseRedirect(reverse("admin:integrations_connector_change", args=[made.pk]))

    @detail_action(description=_("Change the order"), url_path="order")  # type: ignore[untyped-decorator]
    def order(self, request: HttpRequest) -> HttpResponse:
        """The systems from the one that wins when they disagree to the one that loses, each to be moved up or down."""
        if request.method == "POST":
            return self._moved(request)
        context = {
            **self.admin_site.each_context(request),
            "title": _t("Whose word counts"),
            "opts": self.model._meta,
            "orders": orders_of(self.get_queryset(request)),
            "moved": _direction_and_key(request.GET.get("moved", "")),
        }
        return TemplateResponse(request, "admin/order_connectors.html", context)

    def _moved(self, request: HttpRequest) -> HttpResponse:
        direction, pk = _direction_and_key(request.POST.get("move", ""))
        connector = self.get_object(request, str(pk))
        if connector is None or direction not in ("up", "down"):
            raise Http404
        with changing(request):
            for row in move(connector, up=direction == "up"):
                self.record_change(request, row, "changed", ["priority"])
        return HttpResponseRedirect(f"{request.path}?moved={direction}-{connector.pk}")

    def _switch_on(self, request: HttpRequest, connector: Connector) -> None:
        with changing(request):
            connector.enabled = True
            connector.save(update_fields=["enabled"])
            self.record_change(request, connector, "changed", ["enabled"])
        self.message_user(request, _t("Calls ask %(name)s from now on.") % {"name": connector.name})

    def has_list_of_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whether the settings have the button; Unfold asks by this name. Another organisation's is refused by the page."""
        connector = self.get_queryset(request).filter(pk=object_id).first()
        return connector is None or is_a_list(connector)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = form_of(obj) if obj else NewConnectorForm
        kwargs["help_texts"] = help_texts_of(obj.kind) if obj else _NEW_HELP
        form = super().get_form(request, obj, change, **kwargs)
        if obj and "fallback_for" in form.base_fields:
            others = form.base_fields["fallback_for"]
            others.queryset = others.queryset.exclude(pk=obj.pk)
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": ["organization", "kind", "name", "key"]})]
        return fieldsets_of(obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        closed = () if administered(request) is None else ("allow_private", "hosts")
        return ("organization", "kind_label", "how_it_does", *closed) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else {"key": ("name",)}

    @admin.display(description=_("Kind"), ordering="kind")
    def kind_label(self, connector: Connector) -> str:
        kind = kinds().get(connector.kind)
        return kind.label if kind else connector.kind

    @admin.display(description=_("How it does"))
    def how_it_does(self, connector: Connector) -> SafeString:
        link = reverse("admin:integrations_slowsystem_change", args=[connector.pk])
        style = "text-primary-600 dark:text-primary-400 font-medium"
        _plan, source = plan_with(connector.organization_id, connector.pk)
        _tone, state = state_of(connector, source)
        return format_html('{} {} <a class="{}" href="{}">{}</a>', state, summary(connector.pk), style, link, _t("Day by day"))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.enabled = False  # until its options have been entered and checked
        super().save_model(request, obj, form, change)
        if administered(request) is not None:
            for name, what in (("allow_private", "allow private addresses"), ("hosts", "allow other hosts")):
                if request.POST.get(name) and not getattr(obj, name):
                    record_refusal(request, what, obj.organization_id)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Counts the rows of lists, of which there may be hundreds of thousands, instead of reading each."""
        people = DirectoryRow.objects.filter(list__connector__in=objs).count()
        named = [str(one) for one in objs] + ([_t("the people in its list: %(count)d") % {"count": people}] if people else [])
        return named, {self.model._meta.verbose_name_plural: len(objs)}, set(), []

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        if is_a_list(obj):
            self.message_user(request, _t("Now upload the list. For a Google Sheet, enter its address in the settings first."))
            return HttpResponseRedirect(reverse("admin:integrations_connector_list_of", args=[obj.pk]))
        self.message_user(request, _t("Now enter how to reach this system, then enable it."))
        return HttpResponseRedirect(reverse("admin:integrations_connector_change", args=[obj.pk]))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        request._saved = obj  # type: ignore[attr-defined]
        return super().response_change(request, obj)  # type: ignore[no-any-return]

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What is saved is kept even if the system does not answer: it may be switched on only later. But it is said."""
        response: HttpResponse = super().changeform_view(request, *args, **kwargs)
        # Only now is it committed, and what is asked is what was saved.
        if saved := getattr(request, "_saved", None):
            self._say_how_it_is(request, saved)
        return response

    def _say_how_it_is(self, request: HttpRequest, connector: Connector) -> None:
        found = async_to_sync(probe_one)(connector.organization_id, connector.pk)
        if found and found.status == "healthy":
            self.message_user(request, _t("%(name)s answers and accepts the sign-in.") % {"name": connector.name})
        elif found:
            said = (
                _t("Saved. %(name)s can be used, but: %(why)s")
                if found.usable
                else _t("Saved, but %(name)s cannot be used as it is. %(why)s")
            )
            self.message_user(request, said % {"name": connector.name, "why": translated(found.message)}, messages.WARNING)
        if found and found.usable:
            self._say_whom_it_finds(request, connector)

    def _say_whom_it_finds(self, request: HttpRequest, connector: Connector) -> None:
        """A system that finds somebody by a number that nobody has is not asked by calls."""
        doubt = async_to_sync(doubt_about)(connector.organization_id, connector.pk)
        if doubt.refused and connector.enabled:
            with changing(request):
                connector.enabled = False
                connector.save(update_fields=["enabled"])
                self.record_change(request, connector, "deactivated", ["enabled"])
        if doubt.refused:
            said = _t("%(name)s is switched off. %(why)s")
            self.message_user(request, said % {"name": connector.name, "why": doubt.sentence}, messages.ERROR)
        elif doubt.sentence:
            self.message_user(request, f"{connector.name}: {doubt.sentence}", messages.WARNING)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.get_queryset(request).exists():
            self.message_user(request, _t("No system connected yet. Add the one that knows most about your callers."))
        return super().changelist_view(request, extra_context)  # type: ignore[no-any-return]

    @admin.action(description=_("Ask the chosen systems again at once, if they are paused"))
    def ask_again(self, request: HttpRequest, queryset: QuerySet[Connector]) -> None:
        for connector in queryset:
            end_pause(connector.organization_id, connector.pk)
            self.record_change(request, connector, "pause ended")
        self.message_user(request, _t("They are asked again with the next call."))

    @admin.action(description=_("Deactivate the chosen systems"))
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Connector]) -> None:
        for connector in queryset.filter(enabled=True):
            connector.enabled = False
            connector.save(update_fields=["enabled"])
            self.record_change(request, connector, "deactivated", ["enabled"])


@admin.register(CustomField)
class CustomFieldAdmin(TenantAdmin):
    list_display = ("label", "name", "organization", "type", "sensitivity", "section")
    list_filter = ("sensitivity", "section")
    search_fields = ("name", "label")
