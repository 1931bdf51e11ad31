"""The history of an organisation's configuration: who changed what, from what to what, and never a secret.

Within ``recorded()`` every row of a model that the registry calls remembered is, when it is saved or deleted, compared
with what was stored before, and the differences are written in the same transaction. What a change is part of is what
people know: a rule is part of its tier, a user of the person that they are in each organisation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import models, transaction
from django.db.models.signals import post_save, pre_delete, pre_save
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from integrations.models import ConfigurationChange, Connector, Organization, Person, Tier
from integrations.models.connectors import vocabulary_of
from integrations.models.registry import PartOf, entry_of, organization_id_of, remembered
from integrations.profile import label_of
from integrations.redaction import is_never
from integrations.storage.encryption import EncryptedJSONField, EncryptedTextField

# What the portal counts for itself.
_LEFT_OUT = {"id", "organization", "version", "updated_at", "created_at", "last_used_at", "audit_key_version", "hint"}
_SECRET = {"hash": "key", "hook_key": "webhook key"}
_OF_A_PERSON = ("first_name", "last_name", "email", "is_active", "is_superuser")
MAX_VALUE = 2_000
_PASSWORD_IN_URL = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]*(?=@)")
_SECRET_IN_URL = re.compile(r"(?<=[?&])([\w.-]*(?:key|token|secret|password|sig|signature|code)=)[^&\s]*", re.IGNORECASE)
_SECRET_NAME = re.compile(r"(^|[_-])(authorization|cookie|token|password|secret|apikey|credentials?)$|[_-]key$", re.IGNORECASE)
_INITIALS = {"api", "id", "url"}


@dataclass(frozen=True)
class Fact:
    """One field of an object. ``value`` is in words; of a secret it is only compared."""

    label: str
    value: str = field(repr=False)
    secret: bool = False


type Facts = dict[str, Fact]


@dataclass
class _Before:
    """How an object was before it was first touched; ``facts`` is None for one that did not exist."""

    organization_id: int
    label: str
    facts: Facts | None


@dataclass
class _Recording:
    who: str
    by: ConfigurationChange.By
    touched: dict[tuple[type[models.Model], int], _Before] = field(default_factory=dict)


_recording: ContextVar[_Recording | None] = ContextVar("recording", default=None)


@contextmanager
def recorded(who: str, by: ConfigurationChange.By) -> Iterator[None]:
    """A transaction in which every change of the configuration is written down as made by ``who``. (sync)

    Within another one it is part of that one.
    """
    if _recording.get() is not None:
        yield
        return
    token = _recording.set(_Recording(who[:200], by))
    try:
        with transaction.atomic():
            yield
            write_down()
    finally:
        _recording.reset(token)


def write_down() -> None:
    """Write what has changed so far: for whoever has a statement that must come last, as audit entries do."""
    recording = _recording.get()
    if recording is None:
        return
    touched, recording.touched = recording.touched, {}
    rows = [_change(recording, *key, before) for key, before in touched.items()]
    ConfigurationChange.objects.bulk_create(row for row in rows if row)


def _change(recording: _Recording, model: type[models.Model], pk: int, before: _Before) -> ConfigurationChange | None:
    row = model._base_manager.filter(pk=pk).first()
    after = _described(row) if row else {}
    if before.facts is None and row is None:
        return None
    changes = list(_differences(before.facts or {}, after))
    what = ConfigurationChange.What
    if not changes and before.facts is not None and row is not None:
        return None
    return ConfigurationChange(
        organization_id=before.organization_id,
        who=recording.who,
        by=recording.by,
        what=what.ADDED if before.facts is None else what.CHANGED if row else what.DELETED,
        model=str(model._meta.model_name),
        object_id=str(pk),
        label=(str(row) if row else before.label)[:200],
        changes=changes,
    )


def _differences(before: Facts, after: Facts) -> Iterator[list[str]]:
    for name in [*after, *(name for name in before if name not in after)]:
        fact = after.get(name) or before[name]
        old, new = (facts[name].value if name in facts else "" for facts in (before, after))
        if old == new:
            continue
        if fact.secret:
            yield [fact.label, _("changed") if old and new else _("entered") if new else _("removed")]
        else:
            yield [fact.label, _shortened(old), _shortened(new)]


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"


# -- What an object says of itself ----------------------------------------------------------------------------------


def _described(row: models.Model) -> Facts:
    facts: Facts = {}
    for column in row._meta.concrete_fields:
        if column.name not in _LEFT_OUT:
            facts.update(_facts_of(row, column))
    if isinstance(row, Tier):
        vocabulary = vocabulary_of(row.organization)
        for rule in row.rules.all():
            facts[f"rule.{rule.target}"] = Fact(label_of(rule.target, vocabulary), str(rule.get_effect_display()))
    if isinstance(row, Person) and row.user:
        user = row.user
        for name in _OF_A_PERSON:
            facts[f"user.{name}"] = Fact(_label(user._meta.get_field(name)), _in_words(getattr(user, name)))
    return facts


def _facts_of(row: models.Model, column: Any) -> Facts:
    value = getattr(row, column.name)
    if isinstance(column, EncryptedJSONField | EncryptedTextField) or column.name in _SECRET:
        named = value if isinstance(value, dict) else {_SECRET.get(column.name, column.name): value}
        return {
            f"{column.name}.{name}": Fact(str(capfirst(worded(name))), json.dumps(secret) if secret else "", secret=True)
            for name, secret in named.items()
        }
    if column.choices:
        value = getattr(row, f"get_{column.name}_display")()
    if isinstance(column, models.JSONField):
        # Options stand in the form under their own names; the other tables are named with theirs.
        label = "" if column.name == "options" else _label(column)
        return dict(_leaves(column.name, label, value))
    if isinstance(value, datetime):
        zone = Organization.objects.get(pk=organization_id_of(row)).timezone
        value = value.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %Z")
    return {column.name: Fact(_label(column), _in_words(value))}


def _leaves(path: str, label: str, value: Any, name: str = "") -> Iterator[tuple[str, Fact]]:
    """Each value of a table by its path, so that one changed key is one line."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        value = {str(position): item for position, item in enumerate(value, start=1)}
    if isinstance(value, dict):
        for key, inner in value.items():
            told = worded(key)
            yield from _leaves(f"{path}.{key}", f"{label}: {told}" if label else str(capfirst(told)), inner, key)
        return
    # A secret belongs into an input for secrets; should somebody have written one elsewhere, it is not repeated.
    yield path, Fact(label, _in_words(value), secret=bool(_SECRET_NAME.search(name)) or is_never(name))


def _label(column: Any) -> str:
    return str(capfirst(str(column.verbose_name)))


def worded(name: str) -> str:
    """The name of an option or a secret as people read it: ``base_url`` → ``base URL``."""
    return " ".join(word.upper() if word in _INITIALS else word for word in name.split("_"))


def _in_words(value: Any) -> str:
    """A stored value as people read it; ``""`` for nothing."""
    if value is None or value == "" or value == []:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(_in_words(item) if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in value)
    return _SECRET_IN_URL.sub(r"\1…", _PASSWORD_IN_URL.sub(r"\1:…", str(value)))


# -- What is touched ------------------------------------------------------------------------------------------------


def _part_of(model: type[models.Model]) -> PartOf | None:
    entry = entry_of(model)
    return entry.remembered if entry and isinstance(entry.remembered, PartOf) else None


def _told_of(row: Any) -> list[Any]:
    """The objects that a change of ``row`` is a change of."""
    part = _part_of(type(row))
    if part is None:
        return [row]
    whole = getattr(row, part.whole)
    if isinstance(whole, models.Model):
        return [whole]
    return list(whole.all()) if row.pk else []


def _remember(sender: type[models.Model], instance: Any, **signal: Any) -> None:
    recording = _recording.get()
    if recording is None or signal.get("raw"):
        return
    for row in _told_of(instance):
        key = (type(row), row.pk)
        if row.pk is None or key in recording.touched:
            continue
        stored = type(row)._base_manager.filter(pk=row.pk).first()
        if stored:
            recording.touched[key] = _Before(organization_id_of(stored), str(stored), _described(stored))


def _remember_new(sender: type[models.Model], instance: Any, created: bool, **signal: Any) -> None:
    recording = _recording.get()
    if recording is not None and created and not signal.get("raw") and not _part_of(sender):
        recording.touched.setdefault((sender, instance.pk), _Before(organization_id_of(instance), str(instance), None))


def _remember_deleted(sender: type[models.Model], instance: Any, **signal: Any) -> None:
    _remember(sender, instance, **signal)
    if isinstance(instance, Connector):
        for fallback in instance.fallbacks.all():  # which then stand in for nothing
            _remember(Connector, fallback)


def watch(model: type[models.Model]) -> None:
    """Remember what becomes of the model's rows."""
    pre_save.connect(_remember, sender=model, dispatch_uid=f"history-{model.__name__}-before")
    post_save.connect(_remember_new, sender=model, dispatch_uid=f"history-{model.__name__}-new")
    pre_delete.connect(_remember_deleted, sender=model, dispatch_uid=f"history-{model.__name__}-deleted")


for _model in remembered():
    watch(_model)
