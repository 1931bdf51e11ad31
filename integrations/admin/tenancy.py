"""Keeps every organisation to itself: what an admin sees, chooses from, changes and is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.admin import RelatedOnlyFieldListFilter
from django.contrib.admin.options import ActionLocation, IncorrectLookupParameters
from django.contrib.admin.utils import lookup_spawns_duplicates, unquote
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from integrations.configuration.history import recorded, write_down
from integrations.disclosure import audit
from integrations.disclosure.viewers import Viewer, people_of, person_in, record_denial, viewer_of_person
from integrations.models import ActorKind, Channel, ConfigurationChange, Event, Organization, Role, User
from integrations.models.organizations import SYSTEM_SLUG
from integrations.models.registry import path_of, remembered

CHANGES_PER_PAGE = 25


def administered(request: HttpRequest) -> frozenset[int] | None:
    """The ids of the organisations that the user is an admin of; None, for superusers, is all of them."""
    user = request.user
    if user.is_active and getattr(user, "is_superuser", False):
        return None
    if not hasattr(request, "_administered"):
        ids = frozenset(person.organization_id for person in people_of(user) if person.role == Role.ADMIN)
        request._administered = ids  # type: ignore[attr-defined]  # asked many times in one request
    return request._administered  # type: ignore[attr-defined, no-any-return]


def place_of(request: HttpRequest) -> tuple[ZoneInfo, str]:
    """The zone and the order of dates on pages: those of the organisations that the user administers; UTC and the usual
    order where they have several."""
    ids = administered(request)
    organizations = Organization.objects.tenants() if ids is None else Organization.objects.filter(pk__in=ids)
    places = list(organizations.order_by().values_list("timezone", "region").distinct())
    zones, regions = {zone for zone, _region in places}, {region for _zone, region in places}
    return ZoneInfo(zones.pop() if len(zones) == 1 else "UTC"), regions.pop() if len(regions) == 1 else "US"


def viewer_in(request: HttpRequest, organization_id: int) -> Viewer | None:
    """The reader as one of the organisation's own people; None for whoever is none of them, because being a
    superuser shows no callers."""
    person = person_in(request.user, organization_id)
    address = request.META.get("REMOTE_ADDR", "")
    return viewer_of_person(person, channel=Channel.ADMIN, address=address) if person else None


def record_refusal(request: HttpRequest, what: str, organization_id: int | None = None) -> None:
    """Put on record that the user was refused, on the organisation's chain if they take part in it, else on their own."""
    user = request.user
    if not isinstance(user, User):
        return
    address = request.META.get("REMOTE_ADDR", "")
    record_denial(user, what=what, channel=Channel.ADMIN, address=address, within=organization_id)


@contextmanager
def changing(request: HttpRequest) -> Iterator[None]:
    """A transaction in which what the request changes is committed with its history and its audit entries, or not at all."""
    user = request.user
    name = user.get_full_name() or user.get_username() if isinstance(user, User) else ""
    with recorded(name, ConfigurationChange.By.ADMIN):
        yield


def _of_organization(model: type[models.Model]) -> bool:
    return path_of(model) == "organization"


class TenantForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """Checks names for uniqueness within the organisation even where the organisation itself is read-only."""

    def _get_validation_exclusions(self) -> set[str]:
        return super()._get_validation_exclusions() - {"organization"}  # type: ignore[misc, no-any-return]


# By what Django's own filters of fields ask.
_ASKED_BY_FILTERS = frozenset({"exact", "in", "isnull", "gte", "lt", "year", "month", "day", "id__exact", "pk__exact"})


class TenantAdmin(ModelAdmin):  # type: ignore[misc]  # Unfold has no type information
    """Rows of the organisations that the user administers, and no others.

    ``organization_path`` leads from the model to the organisation, by default as the registry of models says. Rights
    follow from roles, not Django's permissions.
    """

    organization_path = ""
    form = TenantForm

    def __init__(self, model: type[models.Model], admin_site: Any) -> None:
        super().__init__(model, admin_site)
        self.organization_path = self.organization_path or path_of(model) or ""
        if not self.organization_path:
            raise ImproperlyConfigured(f"{model.__name__} is bound to no organisation in models/registry.py.")

    def get_action_choices(
        self,
        request: HttpRequest,
        default_choices: Any = None,
        action_location: ActionLocation = ActionLocation.CHANGE_LIST,
    ) -> Any:
        """Django's: Unfold's does not know yet that actions have a location."""
        return super(ModelAdmin, self).get_action_choices(request, default_choices, action_location)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        ids = administered(request)
        if ids is None:
            return rows
        if lookup_spawns_duplicates(self.opts, self.organization_path):
            # By key, because the join would list a row once for each of its people.
            return rows.filter(pk__in=self._keys_within(ids))
        return rows.filter(**{f"{self.organization_path}__in": ids})

    def get_list_display(self, request: HttpRequest) -> Any:
        ids = administered(request)
        shown = super().get_list_display(request)
        return shown if ids is None or len(ids) > 1 else [name for name in shown if name != "organization"]

    def get_list_filter(self, request: HttpRequest) -> Any:
        ids = administered(request)
        filters = super().get_list_filter(request)
        if self.organization_path == "pk" or (ids is not None and len(ids) < 2):
            return filters
        return ((self.organization_path, RelatedOnlyFieldListFilter), *filters)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """What the page's own filters ask, and nothing else: Django lets anybody ask any column of the model how it begins,
        be it a key's hash or a number's index."""
        if lookup in {each.parameter_name for each in self.get_list_filter(request) if hasattr(each, "parameter_name")}:
            return True
        declared = [each if isinstance(each, str) else each[0] for each in self._field_filters(request)]
        return any(lookup == name or lookup.removeprefix(f"{name}__") in _ASKED_BY_FILTERS for name in declared)

    def _field_filters(self, request: HttpRequest) -> list[Any]:
        return [each for each in self.get_list_filter(request) if isinstance(each, str | tuple | list)]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Raises IncorrectLookupParameters, after which the whole list is shown: also for a year or an id that cannot be."""
        try:
            return super().get_changelist_instance(request)
        except (OverflowError, ValueError) as problem:
            raise IncorrectLookupParameters from problem

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if request.method != "POST":
            return super().changelist_view(request, extra_context)
        with changing(request):
            return super().changelist_view(request, extra_context)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method != "POST":
            return super().changeform_view(request, *args, **kwargs)
        with changing(request):
            return super().changeform_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method != "POST":
            return super().delete_view(request, *args, **kwargs)
        with changing(request):
            return super().delete_view(request, *args, **kwargs)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Each change of the object's settings: who, when, from what to what."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        if not self.has_view_or_change_permission(request, obj):
            raise PermissionDenied
        ids = administered(request)
        rows = self.history_of(obj) if ids is None else self.history_of(obj).filter(organization__in=ids)
        context = {
            **self.admin_site.each_context(request),
            "title": _t("%(name)s: what was changed") % {"name": obj},
            "opts": self.opts,
            "object": obj,
            "is_remembered": isinstance(obj, remembered()),
            "changes": Paginator(rows, CHANGES_PER_PAGE).get_page(request.GET.get("p")),
        }
        return TemplateResponse(request, "admin/history.html", context, headers={"Cache-Control": "no-store"})

    def history_of(self, obj: models.Model) -> QuerySet[ConfigurationChange]:
        """The changes that the object's history page tells of."""
        return ConfigurationChange.objects.filter(model=self.opts.model_name, object_id=str(obj.pk))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Named are the rows themselves; what goes with them is counted, because it may name callers' records."""
        deleted, counts, refused, protected = super().get_deleted_objects(objs, request)
        return [name for name in deleted if not isinstance(name, list)], counts, refused, protected

    def _keys_within(self, ids: frozenset[int]) -> QuerySet[Any]:
        path = f"{self.organization_path}__in"
        return self.model._base_manager.filter(**{path: ids}).values("pk")  # type: ignore[no-any-return]

    def _permitted(self, request: HttpRequest, obj: models.Model | None) -> bool:
        ids = administered(request)
        if ids is None:
            return True
        return bool(ids) and (obj is None or obj.pk is None or self._keys_within(ids).filter(pk=obj.pk).exists())

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self._permitted(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._permitted(request, None)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self._permitted(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return self._permitted(request, obj)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """None for a row of another organisation, after putting the refusal on that organisation's record."""
        found = super().get_object(request, object_id, from_field)
        if found is None and administered(request) is not None:
            self._record_foreign(request, object_id)
        return found

    def _record_foreign(self, request: HttpRequest, object_id: str) -> None:
        try:
            key = self.model._meta.pk.to_python(object_id)
        except forms.ValidationError:
            return
        row = self.model._base_manager.filter(pk=key).values_list(self.organization_path, flat=True).first()
        if row:
            record_refusal(request, f"open {self.model._meta.model_name} in admin", row)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        related = db_field.remote_field.model
        site = self.admin_site
        # Default deny: what has no admin has no choices.
        kwargs["queryset"] = (
            site.get_model_admin(related).get_queryset(request) if site.is_registered(related) else related.objects.none()
        )
        if related is Organization and administered(request) is not None:
            kwargs["queryset"] = kwargs["queryset"].exclude(slug=SYSTEM_SLUG)
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        ids = administered(request)
        if field and _of_organization(related) and (ids is None or len(ids) > 1):
            # Every organisation has a tier called basic.
            field.label_from_instance = lambda row: f"{row.organization}: {row}"
        if field and db_field.name == "organization" and ids is not None and len(ids) == 1:
            # A disabled field takes its initial value, whatever is sent.
            field.initial, field.disabled = next(iter(ids)), True
        return field

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs.setdefault("labels", {}).setdefault("organization", _("Organisation"))
        form = super().get_form(request, obj, change, **kwargs)
        for field in form.base_fields.values() if obj and _of_organization(self.model) else ():
            rows = getattr(field, "queryset", None)
            if rows is not None and _of_organization(rows.model):
                field.queryset = rows.filter(organization=obj.organization_id)
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        fixed = tuple(super().get_readonly_fields(request, obj))
        return (*fixed, "organization") if obj and self.organization_path == "organization" else fixed

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        # Names for the audit entry. An empty JSON column counts as changed for Django whenever it is sent.
        before, after = form.initial, form.cleaned_data
        changed = [name for name in form.changed_data if name not in after or before.get(name) != after[name]]
        changed += [formset.prefix for formset in formsets or () if formset.has_changed()]
        request._changed = changed  # type: ignore[attr-defined]
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        logged = super().log_addition(request, obj, message)
        self.record_change(request, obj, "added", getattr(request, "_changed", ()))
        return logged

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        logged = super().log_change(request, obj, message)
        self.record_change(request, obj, "changed", getattr(request, "_changed", ()))
        return logged

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        logged = super().log_deletions(request, queryset)
        for obj in queryset:
            self.record_change(request, obj, "deleted")
        return logged

    def record_change(self, request: HttpRequest, obj: models.Model, outcome: str, changed: Sequence[str] = ()) -> None:
        """Put the change on the organisation's record: names of fields, never their values."""
        write_down()  # before the entry, which locks the organisation's chain until the end
        rows = self.model._base_manager.filter(pk=obj.pk)
        organization_id = rows.values_list(self.organization_path, flat=True).first() or Organization.objects.system().pk
        address = request.META.get("REMOTE_ADDR", "")
        detail = {"model": str(self.model._meta.model_name), "object": str(obj.pk), "changed": list(changed)}
        if viewer := viewer_in(request, organization_id):
            audit.record_anywhere(viewer.entry(Event.ADMIN_CHANGE, outcome=outcome, detail=detail))
            return
        audit.record_anywhere(
            audit.Entry(
                organization_id=organization_id,
                event=Event.ADMIN_CHANGE,
                outcome=outcome,
                actor_kind=ActorKind.USER,
                actor_id=str(request.user.pk),
                actor_label=request.user.get_username(),
                channel=Channel.ADMIN,
                address=address,
                detail=detail,
            )
        )


class ReadOnlyAdmin(TenantAdmin):
    """Rows that the portal itself writes, of which there may be very many."""

    show_full_result_count = False  # counted once, not once more without the filters

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False
