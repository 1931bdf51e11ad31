"""Form fields for a kind's options, made from its own model, so that nobody has to write brackets for an address."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Literal, Union, cast, get_args, get_origin

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from integrations.configuration.history import worded
from integrations.connectors.base import ConnectorOptions

PREFIX = "option-"


def option_fields(model: type[BaseModel], stored: Mapping[str, Any]) -> dict[str, forms.Field]:
    """An input for each option that one line can hold; the others stay in the object in brackets."""
    # What all kinds have comes last.
    fields = sorted(model.model_fields.items(), key=lambda entry: entry[0] in ConnectorOptions.model_fields)
    made = {name: _field(name, info, stored.get(name)) for name, info in fields}
    return {f"{PREFIX}{name}": field for name, field in made.items() if field}


def option_value(field: forms.Field, entered: Any) -> Any:
    """What the option's model takes; None for an input that was left empty, which means the default."""
    if isinstance(field, ListField):
        return entered or None
    return None if entered in ("", None) else entered


class ListField(forms.CharField):
    """Names with commas between them."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        return [name.strip() for name in str(value or "").split(",") if name.strip()]

    def validate(self, value: Any) -> None:
        super().validate(", ".join(value))

    def run_validators(self, value: Any) -> None:
        return


def _field(name: str, info: FieldInfo, stored: Any) -> forms.Field | None:
    kind = _without_none(info.annotation)
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    facts: dict[str, Any] = {
        "label": capfirst(worded(name)),
        "required": False,  # the model says what is missing, in one voice with everything else
        "initial": stored if stored is not None else (default if isinstance(default, str | int | list) else None),
        "help_text": info.description or "",
    }
    if words := _words(kind, info):
        # What is stored and no word any more is shown, and refused when it is saved: not silently replaced by the first.
        choices = dict.fromkeys([*words, *([stored] if isinstance(stored, str) else [])])
        return forms.ChoiceField(choices=[(word, word or "–") for word in choices], widget=UnfoldAdminSelectWidget, **facts)
    if kind is str:
        return forms.CharField(widget=UnfoldAdminTextInputWidget, **facts)
    if kind is int:
        return forms.IntegerField(widget=UnfoldAdminIntegerFieldWidget, **facts)
    if get_origin(kind) is list and get_args(kind) == (str,):
        facts["help_text"] = f"{facts['help_text']} {_('Several with commas between.')}".strip()
        return ListField(**facts)
    return None


def _words(kind: Any, info: FieldInfo) -> tuple[str, ...]:
    """The words that the option can be, if they are known: by its type, or by its JSON schema where they are data."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    extra = info.json_schema_extra
    return tuple(cast("list[str]", extra["enum"])) if isinstance(extra, dict) and "enum" in extra else ()


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return kinds[0] if len(kinds) == 1 else annotation
    return annotation
