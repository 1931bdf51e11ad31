"""No model of an organisation is forgotten by the history, the versions, the admin or the configuration file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.test.utils import isolate_apps

from integrations.admin.people import UserAdmin
from integrations.admin.tenancy import TenantAdmin
from integrations.models import Organization, PeriodicRun, TierRule, User
from integrations.models.registry import REGISTRY, No, PartOf, entry_of, organization_id_of, path_of
from tests.factories import World

NAMES = [entry.model.__name__ for entry in REGISTRY]


def belongs(model: type[models.Model], seen: frozenset[type[models.Model]] = frozenset()) -> bool:
    """Whether a row of it leads to an organisation, or to a user, who is somebody in one; be it over other rows."""
    if model in (Organization, User):
        return True
    columns = model._meta.concrete_fields
    if any(column.name.startswith("organization") for column in columns):
        return True
    fields = [*columns, *model._meta.many_to_many]
    related = {field.related_model for field in fields if isinstance(field.related_model, type)} - seen
    return any(belongs(other, seen | {model}) for other in related)


def missing(found: Iterator[type[models.Model]]) -> list[str]:
    return [model.__name__ for model in found if belongs(model) and entry_of(model) is None]


def test_every_model_that_leads_to_an_organisation_has_an_entry() -> None:
    assert missing(iter(apps.get_models(include_auto_created=True))) == []


@isolate_apps("integrations.apps.IntegrationsConfig")
def test_a_model_without_an_entry_is_noticed() -> None:
    class MenuRule(models.Model):
        organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "integrations"

        def __str__(self) -> str:
            return ""

    class MenuChoice(models.Model):
        rule = models.ForeignKey(MenuRule, on_delete=models.CASCADE, related_name="+")

        class Meta:
            app_label = "integrations"

        def __str__(self) -> str:
            return ""

    assert missing(iter((MenuRule, MenuChoice, PeriodicRun))) == ["MenuRule", "MenuChoice"]
    with pytest.raises(ImproperlyConfigured, match="MenuRule is bound to no organisation"):
        TenantAdmin(MenuRule, admin.site)


def test_every_model_has_one_entry_and_every_no_a_reason() -> None:
    assert len(NAMES) == len(set(NAMES))
    for entry in REGISTRY:
        for answer in (entry.bound, entry.remembered, entry.versioned, entry.exported):
            assert not isinstance(answer, No) or len(answer.why.split()) > 3, entry.model


@pytest.mark.parametrize("name", NAMES)
def test_the_path_of_a_model_leads_to_one_organisation(name: str) -> None:
    entry = next(entry for entry in REGISTRY if entry.model.__name__ == name)
    if isinstance(entry.bound, No) or entry.bound == "pk":
        assert path_of(entry.model) == (None if isinstance(entry.bound, No) else "pk")
        return
    model: type[models.Model] = entry.model
    for step in entry.bound.split("__"):
        column = model._meta.get_field(step)
        assert column.many_to_one or column.one_to_one, step
        assert isinstance(column, models.ForeignKey)
        assert not column.null, step
        model = column.related_model  # type: ignore[assignment]  # never "self" here
    assert model is Organization


def test_a_row_tells_its_organisation_over_other_rows(world: World) -> None:
    rule = TierRule.objects.filter(tier__organization=world.harbor).first()
    for row in (world.harbor, world.cy, rule):
        assert organization_id_of(row) == world.harbor.pk


def test_what_is_part_of_something_is_part_of_what_is_remembered() -> None:
    parts = [(entry.model, entry.remembered.whole) for entry in REGISTRY if isinstance(entry.remembered, PartOf)]
    assert parts
    for model, whole in parts:
        related = model._meta.get_field(whole).related_model
        assert isinstance(related, type)
        found = entry_of(related)
        assert found is not None
        assert found.remembered is True, model


def test_whatever_the_configuration_file_holds_is_remembered() -> None:
    forgotten = [entry.model for entry in REGISTRY if isinstance(entry.exported, str) and isinstance(entry.remembered, No)]
    assert forgotten == []


def test_the_admin_keeps_rows_apart_by_the_registrys_paths() -> None:
    for model, shown in admin.site._registry.items():
        assert isinstance(shown, TenantAdmin), model
        # Users are for superusers alone, and lead to the people that they are.
        assert shown.organization_path == ("people__organization" if isinstance(shown, UserAdmin) else path_of(model)), model
