"""The form's table of what is read of a system's records: a line for each field, so that nobody has to write brackets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from pydantic import ValidationError

from integrations.connectors import build, kinds
from integrations.errors import ConfigurationError
from integrations.lookup.source_settings import settings_of
from integrations.lookup.sources import plan_with
from integrations.lookup.stored_rows import StoredRows
from integrations.models import Connector
from integrations.profile import Field, Sensitivity

_LEFT_OUT = "-left-out"

Mapped = dict[str, str | bool]


@dataclass(frozen=True)
class Line:
    """One field: its name and label, and the expression by which its kind reads it, ``""`` where it does not.

    ``own`` is what the organisation reads it by instead; ``left_out`` says that it does not read it at all.
    """

    name: str
    label: str
    usual: str
    own: str = ""
    left_out: bool = False


class MappingField(forms.Field):
    """An organisation's changes to a kind's mapping: field → expression, or False for a field that is left out."""

    def __init__(self, row: Connector, **facts: Any) -> None:
        super().__init__(required=False, widget=_MappingWidget(_lines_of(row)), **facts)

    def clean(self, value: Mapped | None) -> Mapped:
        return value or {}

    def has_changed(self, initial: Mapped | None, data: Mapped | None) -> bool:
        return (initial or {}) != (data or {})


class _MappingWidget(forms.Widget):
    use_fieldset = True

    def __init__(self, lines: Sequence[Line]) -> None:
        super().__init__()
        self.lines = lines

    def render(self, name: str, value: Mapped | None, attrs: Any = None, renderer: Any = None) -> SafeString:
        changes = value or {}
        lines = [self._changed(line, changes.get(line.name)) for line in self.lines]
        used = [line for line in lines if line.usual or line.own or line.left_out]
        unused = [line for line in lines if line not in used]
        context = {"name": name, "left_out": _LEFT_OUT, "used": used, "unused": unused, "is_changed": bool(changes)}
        return render_to_string("admin/mapping.html", context)

    def value_from_datadict(self, data: Mapping[str, Any], _files: Any, name: str) -> Mapped:
        found: Mapped = {}
        for line in self.lines:
            own = str(data.get(f"{name}-{line.name}", "")).strip()
            if f"{name}-{line.name}{_LEFT_OUT}" in data:
                found[line.name] = False
            elif own:
                found[line.name] = own
        return found

    def value_omitted_from_data(self, data: Mapping[str, Any], _files: Any, name: str) -> bool:
        return not any(key.startswith(f"{name}-") for key in data)

    def id_for_label(self, _id: str) -> str:
        """None of the table's inputs is the one that the label is about."""
        return ""

    @staticmethod
    def _changed(line: Line, change: str | bool | None) -> Line:
        return replace(line, own=change if isinstance(change, str) else "", left_out=change is False)


def _lines_of(row: Connector) -> list[Line]:
    """A line for each field that the organisation knows, and for each that is mapped and no longer known."""
    vocabulary = plan_with(row.organization_id, row.pk)[0].vocabulary
    usual = _usual_reading(row, vocabulary)
    known = [
        Line(name, str(_(field.label)), usual.get(name, ""))
        for name, field in vocabulary.items()
        if field.sensitivity is not Sensitivity.NEVER
    ]
    return known + [Line(name, name, "") for name in row.fields if name not in vocabulary]


def _usual_reading(row: Connector, vocabulary: Mapping[str, Field]) -> Mapping[str, str]:
    """Field → expression without the organisation's changes; only what its kind always reads while it cannot be asked."""
    settings = replace(settings_of(row, row.organization, vocabulary), mapping={})
    try:
        return build(settings, StoredRows(row.pk)).field_expressions
    except (ConfigurationError, ValidationError):
        return kinds()[row.kind].field_table if row.kind in kinds() else {}
