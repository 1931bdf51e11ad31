"""The form's table of conditions: a line each of a field, a comparison and a value, so that nobody has to write brackets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.comparisons import Comparison, as_typed, typed
from integrations.profile import Field

_SPARE = 3  # empty lines, for conditions to come
WORDS: Mapping[Comparison, Any] = {
    Comparison.IS: gettext_lazy("is"),
    Comparison.IS_NOT: gettext_lazy("is not"),
    Comparison.ONE_OF: gettext_lazy("is one of"),
    Comparison.CONTAINS: gettext_lazy("contains"),
    Comparison.ABOVE: gettext_lazy("is more than"),
    Comparison.BELOW: gettext_lazy("is less than"),
    Comparison.AT_LEAST: gettext_lazy("is at least"),
    Comparison.AT_MOST: gettext_lazy("is at most"),
    Comparison.ON_OR_BEFORE: gettext_lazy("is on or before"),
    Comparison.ON_OR_AFTER: gettext_lazy("is on or after"),
    Comparison.KNOWN: gettext_lazy("is known"),
    Comparison.UNKNOWN: gettext_lazy("is not known"),
}


class Line(NamedTuple):
    """One condition as it is entered. Without a ``field`` the line is not used."""

    field: str = ""
    comparison: str = ""
    value: str = ""


class Entered(NamedTuple):
    """What a browser sends: how the lines are put together, and the lines; or a ``text`` in brackets."""

    how: str
    lines: tuple[Line, ...]
    text: str | None = None


class ConditionsField(forms.Field):
    """A condition as ``conditions.parse()`` reads it. What no table can hold is shown and taken in brackets."""

    def __init__(self, vocabulary: Mapping[str, Field], **facts: Any) -> None:
        self.vocabulary = vocabulary
        super().__init__(required=False, widget=_ConditionsWidget(vocabulary), **facts)

    def clean(self, value: Entered) -> dict[str, Any]:
        if value.text is not None:
            return _of_text(value.text)
        parts = []
        for place, line in enumerate((line for line in value.lines if line.field), start=1):
            if line.comparison not in set(Comparison):
                raise forms.ValidationError(_("Line %(line)s: choose how to compare."), params={"line": place})
            comparison = Comparison(line.comparison)
            known = self.vocabulary.get(line.field)
            wanted = typed(known.type, comparison, line.value) if known else line.value
            parts.append({"field": line.field, comparison.value: wanted})
        return {value.how if value.how in ("all", "any") else "all": parts} if parts else {}

    def has_changed(self, initial: dict[str, Any] | None, data: Entered | None) -> bool:
        try:
            return data is not None and self.clean(data) != (initial or {})
        except forms.ValidationError:
            return True


def _of_text(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise forms.ValidationError(_("This is not an object in curly brackets. Empty it to enter line by line."))
    return found


def _entered(stored: Mapping[str, Any]) -> Entered:
    """A stored condition as lines; in brackets where lines cannot hold it."""
    if not stored:
        return Entered("all", ())
    how = next((word for word in ("all", "any") if set(stored) == {word} and isinstance(stored[word], list)), "")
    parts = stored[how] if how else [stored]
    lines = [_line(part) for part in parts]
    if all(lines):
        return Entered(how or "all", tuple(line for line in lines if line))
    return Entered("all", (), json.dumps(stored, ensure_ascii=False, indent=1))


def _line(part: Any) -> Line | None:
    if not isinstance(part, dict) or len(part) != 2 or "field" not in part:
        return None
    comparison = next(word for word in part if word != "field")
    return Line(str(part["field"]), comparison, as_typed(part[comparison])) if comparison in set(Comparison) else None


class _ConditionsWidget(forms.Widget):
    use_fieldset = True

    def __init__(self, vocabulary: Mapping[str, Field]) -> None:
        super().__init__()
        self.vocabulary = vocabulary

    def render(
        self, name: str, value: Mapping[str, Any] | Entered | None, attrs: Any = None, renderer: Any = None
    ) -> SafeString:
        entered = value if isinstance(value, Entered) else _entered(value or {})
        lines = [line for line in entered.lines if any(line)]
        # A field that is gone is shown as it is, so that saving does not silently choose another.
        gone = [(line.field, line.field) for line in lines if line.field and line.field not in self.vocabulary]
        context = {
            "name": name,
            "entered": entered,
            "lines": lines + [Line()] * _SPARE,
            "fields": [*((key, _(field.label)) for key, field in self.vocabulary.items()), *dict.fromkeys(gone)],
            "comparisons": [(word.value, label) for word, label in WORDS.items()],
            "hows": [("all", _("all of these hold")), ("any", _("any of these holds"))],
        }
        return render_to_string("admin/conditions.html", context)

    def value_from_datadict(self, data: Mapping[str, Any], _files: Any, name: str) -> Entered:
        if str(data.get(f"{name}-text", "")).strip():
            return Entered("all", (), str(data[f"{name}-text"]))
        return Entered(str(data.get(f"{name}-how", "all")), tuple(self._sent(data, name)))

    @staticmethod
    def _sent(data: Mapping[str, Any], name: str) -> Sequence[Line]:
        found: list[Line] = []
        while f"{name}-{len(found)}-field" in data:
            place = f"{name}-{len(found)}"
            found.append(Line(*(str(data.get(f"{place}-{part}", "")).strip() for part in Line._fields)))
        return found

    def value_omitted_from_data(self, data: Mapping[str, Any], _files: Any, name: str) -> bool:
        return f"{name}-how" not in data and f"{name}-text" not in data

    def id_for_label(self, _id: str) -> str:
        """None of the table's inputs is the one that the label is about."""
        return ""
