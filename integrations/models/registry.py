"""Every model whose rows belong to an organisation, and what the portal does with them; where it does not, why not.

History, versions, the admin and the configuration file take their lists from here, so a new model is one entry.
``tests/test_registry.py`` walks Django's models and fails when one is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from django.contrib.admin.models import LogEntry
from django.db import models

from integrations.models.audit import AccessEntry, AuditHead
from integrations.models.calls import (
    Call,
    CallRecord,
    CallTask,
    IdentityCheck,
    IdentityTries,
    PanelOpening,
    Reservation,
    Voicemail,
)
from integrations.models.connectors import Connector, CustomField, RestrictedRecord
from integrations.models.deliveries import CallIntake, WebhookDelivery
from integrations.models.directory import DirectoryKey, DirectoryList, DirectoryRow, DirectoryUpload
from integrations.models.health import Attempt, AttemptRollup
from integrations.models.history import ConfigurationChange
from integrations.models.organizations import Organization, TwilioAccount
from integrations.models.people import ApiKey, Person, Tier, TierRule, User
from integrations.models.routing import MenuRule


@dataclass(frozen=True)
class No:
    """A no, and the reason for it."""

    why: str


@dataclass(frozen=True)
class PartOf:
    """A yes, but told as a change of other objects: those that the attribute ``whole`` of a row leads to."""

    whole: str


type Yes = Literal[True]


@dataclass(frozen=True)
class Entry:
    """One model, and what becomes of its rows.

    ``bound``: the path from a row to its one organisation, by which the admin keeps rows apart; ``remembered``: changes
    are written into the history of the settings; ``versioned``: a change makes every process read the configuration
    anew; ``exported``: the section of the configuration file that holds them, ``organization`` for its own keys.
    """

    model: type[models.Model]
    bound: str | No
    remembered: Yes | PartOf | No
    versioned: Yes | No
    exported: str | No


_NOT_SETTINGS = No("the portal writes it by itself: nobody sets it")
_NOT_KEPT = No("no process keeps it: it is read anew each time")
_OF_CALLERS = No("it holds what is known of callers, which no file of settings may")
_UNUSED = No("rights follow from roles: Django's groups and permissions grant nothing here")
_OF_A_LIST = No("a list is data: it is uploaded, or read from its sheet, where it is put in use")


def _written(model: type[models.Model], bound: str) -> Entry:
    """A model that the portal itself fills, with calls, questions to systems and entries."""
    return Entry(model, bound, remembered=_NOT_SETTINGS, versioned=_NOT_KEPT, exported=_NOT_SETTINGS)


def _listed(model: type[models.Model], bound: str) -> Entry:
    """A model that holds part of an uploaded list."""
    putting = No("putting a list in use is told as a change of its system")
    version = No("putting a list in use saves its system, which is versioned")
    return Entry(model, bound, remembered=putting, versioned=version, exported=_OF_A_LIST)


REGISTRY = (
    Entry(Organization, "pk", remembered=True, versioned=True, exported="organization"),
    Entry(TwilioAccount, "organization", remembered=True, versioned=True, exported="twilio"),
    Entry(Connector, "organization", remembered=True, versioned=True, exported="connector"),
    Entry(CustomField, "organization", remembered=True, versioned=True, exported="field"),
    Entry(Tier, "organization", remembered=True, versioned=True, exported="tier"),
    Entry(TierRule, "tier__organization", remembered=PartOf("tier"), versioned=True, exported="tier"),
    Entry(Person, "organization", remembered=True, versioned=_NOT_KEPT, exported="person"),
    Entry(
        User,
        No("somebody may be a person of several organisations; only superusers see users"),
        remembered=PartOf("people"),
        versioned=_NOT_KEPT,
        exported="person",
    ),
    Entry(ApiKey, "organization", remembered=True, versioned=True, exported="api_key"),
    Entry(MenuRule, "organization", remembered=True, versioned=True, exported="menu_rule"),
    Entry(
        RestrictedRecord,
        "organization",
        remembered=No("the audit trail tells who listed somebody; a history would repeat of whom"),
        versioned=True,
        exported=_OF_CALLERS,
    ),
    _listed(DirectoryUpload, "connector__organization"),
    _listed(DirectoryList, "connector__organization"),
    _listed(DirectoryRow, "list__connector__organization"),
    _listed(DirectoryKey, "list__connector__organization"),
    _written(Call, "organization"),
    _written(CallTask, "organization"),
    _written(Reservation, "task__organization"),
    _written(CallRecord, "call__organization"),
    _written(IdentityCheck, "call__organization"),
    _written(IdentityTries, "organization"),
    _written(Voicemail, "organization"),
    _written(CallIntake, "organization"),
    _written(WebhookDelivery, "organization"),
    _written(PanelOpening, "call__organization"),
    _written(Attempt, "organization"),
    _written(AttemptRollup, "organization"),
    _written(AuditHead, "organization"),
    _written(AccessEntry, "organization"),
    _written(ConfigurationChange, "organization"),
    *(
        Entry(table, _UNUSED, remembered=_UNUSED, versioned=_UNUSED, exported=_UNUSED)
        for table in (User.groups.through, User.user_permissions.through)
    ),
    Entry(
        LogEntry,
        No("Django's own notes of who used the admin name a user and no organisation; no page lists them"),
        remembered=_NOT_SETTINGS,
        versioned=_NOT_KEPT,
        exported=_NOT_SETTINGS,
    ),
)


def entry_of(model: type[models.Model]) -> Entry | None:
    """The entry of a model, or of the one that it is a proxy of."""
    concrete = model._meta.concrete_model
    return next((entry for entry in REGISTRY if entry.model is concrete), None)


def path_of(model: type[models.Model]) -> str | None:
    """The way from a row to its organisation; None for a model that has none, or several."""
    entry = entry_of(model)
    return entry.bound if entry and isinstance(entry.bound, str) else None


def organization_id_of(row: Any) -> int:
    """The organisation of a row whose model is bound to one."""
    *steps, last = str(path_of(type(row))).split("__")
    for step in steps:
        row = getattr(row, step)
    return int(row.pk if last == "pk" else getattr(row, f"{last}_id"))


def remembered() -> tuple[type[models.Model], ...]:
    """Models whose changes the history tells, on their own or as parts."""
    return tuple(entry.model for entry in REGISTRY if not isinstance(entry.remembered, No))


def versioned() -> tuple[type[models.Model], ...]:
    """Models whose changes are a new version of the configuration."""
    return tuple(entry.model for entry in REGISTRY if entry.versioned is True)
