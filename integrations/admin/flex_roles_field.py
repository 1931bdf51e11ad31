"""The form's table of what somebody may do here who comes from Flex: a line for each role there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from integrations.models.people import Role

_SPARE = 2  # empty lines, for roles to come

Roles = Mapping[str, Mapping[str, str]]


class Line(NamedTuple):
    """A role in Flex, and the role and tier that it gives here. An empty ``name`` is a line that is not used."""

    name: str = ""
    role: str = ""
    tier: str = ""


class FlexRolesField(forms.Field):
    """Flex role → ``{"role", "tier"}``, one of ``tiers``."""

    def __init__(self, tiers: Sequence[str], **facts: Any) -> None:
        super().__init__(required=False, widget=_FlexRolesWidget(tiers), **facts)

    def clean(self, value: Sequence[Line]) -> dict[str, dict[str, str]]:
        named = [line for line in value if any(line)]
        for place, line in enumerate(named):
            if not all(line):
                raise forms.ValidationError(_("Each line needs a role in Flex, a role here and a tier. Empty it to remove it."))
            if any(line.name == other.name for other in named[:place]):
                raise forms.ValidationError(_("%(role)s is there twice. Keep one of the lines."), params={"role": line.name})
        return {line.name: {"role": line.role, "tier": line.tier} for line in named}

    def has_changed(self, initial: Roles | None, data: Sequence[Line] | None) -> bool:
        return _lines(initial or {}) != [line for line in data or () if any(line)]


def _lines(roles: Roles) -> list[Line]:
    return [Line(name, found["role"], found["tier"]) for name, found in roles.items()]


class _FlexRolesWidget(forms.Widget):
    use_fieldset = True

    def __init__(self, tiers: Sequence[str]) -> None:
        super().__init__()
        self.tiers = tiers

    def render(self, name: str, value: Roles | Sequence[Line] | None, attrs: Any = None, renderer: Any = None) -> SafeString:
        lines = _lines(value) if isinstance(value, Mapping) else list(value or ())
        # A tier that is gone is shown as it is, so that saving does not silently choose another.
        gone = [line.tier for line in lines if line.tier and line.tier not in self.tiers]
        used = [line for line in lines if any(line)]
        context = {
            "name": name,
            "lines": used + [Line()] * _SPARE,
            "roles": Role.choices,
            "tiers": [*self.tiers, *dict.fromkeys(gone)],
        }
        return render_to_string("admin/flex_roles.html", context)

    def value_from_datadict(self, data: Mapping[str, Any], _files: Any, name: str) -> list[Line]:
        found: list[Line] = []
        while f"{name}-{len(found)}-name" in data:
            place = f"{name}-{len(found)}"
            found.append(Line(*(str(data.get(f"{place}-{part}", "")).strip() for part in Line._fields)))
        # Whoever empties the name wants the line to go.
        return [line if line.name else Line() for line in found]

    def value_omitted_from_data(self, data: Mapping[str, Any], _files: Any, name: str) -> bool:
        return f"{name}-0-name" not in data

    def id_for_label(self, _id: str) -> str:
        """None of the table's inputs is the one that the label is about."""
        return ""
