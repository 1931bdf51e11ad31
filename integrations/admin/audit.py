"""Admin pages of the audit trail: to read only, and without the callers' numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.formats import get_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from integrations.admin.tenancy import ReadOnlyAdmin, administered
from integrations.models import AccessEntry, Connector
from integrations.models.connectors import vocabulary_of
from integrations.presentation.endings import WORDS
from integrations.profile import label_of

# What stands in the chain, in words; what is not here is written in words already.
_ENDINGS: Mapping[str, Any] = {**WORDS, "pending": _("first answers, others still to come"), "panel": ""}
_EFFECTS = {
    "revealed": _("revealed"),
    "clear": pgettext_lazy("a field", "shown"),
    "choice": _("shown to choose by"),
    "mask": _("masked"),
    "reveal": _("hidden until revealed"),
    "verify_first": _("hidden until the caller is checked"),
    "outdated": _("too old to be shown"),
}


@admin.register(AccessEntry)
class AccessEntryAdmin(ReadOnlyAdmin):
    list_display = ("when", "actor_label", "event", "ending", "seen", "purpose", "call", "place")
    list_filter = ("event", "at")
    search_fields = ("actor_label", "call_sid", "purpose")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """The latest first: by place in the chain, or across several chains, whose places compare to nothing, as written."""
        ids = administered(request)
        return ("-seq",) if ids is not None and len(ids) == 1 else ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessEntry]:
        return super().get_queryset(request).prefetch_related("organization__custom_fields")

    fields = (
        "organization", "when", "actor_label", "event", "ending", "seen_in_full", "systems", "purpose", "team", "tier",
        "channel", "address", "actor_kind", "call", "task_sid", "detail", "place", "hash", "prev_hash",
    )  # fmt: skip

    @admin.display(description=_("when"), ordering="seq")
    def when(self, entry: AccessEntry) -> str:
        return date_format(timezone.localtime(entry.at), get_format("DATETIME_FORMAT").replace(":i", ":i:s"))

    @admin.display(description=_("outcome"))
    def ending(self, entry: AccessEntry) -> Any:
        return _ENDINGS.get(entry.outcome, entry.outcome.replace("_", " "))

    @admin.display(description=_("what was seen"))
    def seen(self, entry: AccessEntry) -> str:
        """A revealed field by its name, because that is what is looked for; the others by their number."""
        return " · ".join(
            f"{word}: {', '.join(names) if effect == 'revealed' else len(names)}" for effect, word, names in _by_effect(entry)
        )

    @admin.display(description=_("what was seen"))
    def seen_in_full(self, entry: AccessEntry) -> str:
        return " · ".join(f"{word}: {', '.join(names)}" for _effect, word, names in _by_effect(entry))

    @admin.display(description=_("from which systems"))
    def systems(self, entry: AccessEntry) -> str:
        rows = Connector.objects.filter(organization=entry.organization_id, key__in=entry.sources)
        names = dict(rows.values_list("key", "name"))
        return ", ".join(names.get(key, key) for key in entry.sources)

    @admin.display(description=_("call"))
    def call(self, entry: AccessEntry) -> str:
        return entry.call_sid

    @admin.display(description=_("place in the chain"))
    def place(self, entry: AccessEntry) -> int:
        return entry.seq


def _by_effect(entry: AccessEntry) -> list[tuple[str, Any, list[str]]]:
    """(effect, its words, the fields' labels), what says most first."""
    names: dict[str, list[str]] = {effect: [] for effect in _EFFECTS}
    vocabulary = vocabulary_of(entry.organization)
    for item in entry.fields:
        names.setdefault(item["effect"], []).append(label_of(item["field"], vocabulary))
    return [(effect, _EFFECTS.get(effect, effect), labels) for effect, labels in names.items() if labels]
