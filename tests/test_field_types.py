"""What a type of field does, in each layer that has a say in it: every type is named there, none is left to a default."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

from integrations import coercion, comparisons
from integrations.configuration import schema
from integrations.disclosure import masking
from integrations.lookup import merge
from integrations.models import CustomField
from integrations.presentation import formatting
from integrations.profile import FieldType, Section, Sensitivity

PACKAGE = Path(__file__).resolve().parents[1] / "integrations"
TABLES: dict[str, Mapping[FieldType, object]] = {
    "coercion.py: how a source's value is read": coercion._SHAPES,
    "coercion.py: what becomes of its digits": coercion._DIGITS,
    "comparisons.py: what conditions ask of it": comparisons.COMPARISONS,
    "comparisons.py: how a value is compared": comparisons._READ,
    "lookup/merge.py: whether two systems say the same": merge._SAME,
    "disclosure/masking.py: what a mask shows": masking._MASKS,
    "presentation/formatting.py: how people read it": formatting._LINES,
}
# Who else asks for a type, and for what: each asks for the few that it is about, and the others do not concern it.
ASKING = {
    "connectors/base.py": "numbers from abroad get their country code",
    "connectors/directory/filing.py": "dates of a list are stored in one order",
    "disclosure/history.py": "the type of two fields that come from our own calls",
    "disclosure/matches.py": "the day of a moment is enough to tell people apart",
    "models/connectors.py": "the type that a new field has",
    "profile.py": "what no answer means: an answer to a consent is read only where it is mapped",
    "configuration/schema.py": "the type that a new field has",
}


@pytest.mark.parametrize("layer", TABLES)
def test_every_type_is_named(layer: str) -> None:
    assert set(TABLES[layer]) == set(FieldType)


def test_an_organisations_own_field_can_be_of_every_type() -> None:
    assert {value for value, _label in CustomField._meta.get_field("type").choices or ()} == set(FieldType)
    for kind in FieldType:
        row = schema.OwnField(name="own", label="Own", type=kind.value, sensitivity="basic")
        own = CustomField(**row.model_dump()).definition()
        assert (own.type, own.section, own.sensitivity) == (kind, Section.ACCOUNT, Sensitivity.BASIC)


def test_nobody_else_tells_types_apart() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "FieldType"
    }
    assert found == {*ASKING, *(layer.partition(":")[0] for layer in TABLES)}
