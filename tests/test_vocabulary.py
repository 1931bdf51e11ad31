"""The fields of an organisation: the portal's and its own, put together in one place, and named there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from integrations.models import CustomField
from integrations.models.connectors import vocabulary_of
from integrations.profile import FIELDS, Field, FieldType, Section, Sensitivity, label_of, vocabulary_with
from tests.factories import World

PACKAGE = Path(__file__).resolve().parents[1] / "integrations"
SHOES = Field("shoe_size", "Size of shoes", Section.ACCOUNT, FieldType.TEXT, Sensitivity.PERSONAL)


def test_own_fields_stand_behind_the_portals() -> None:
    assert list(vocabulary_with([SHOES])) == [*FIELDS, "shoe_size"]


@pytest.mark.django_db
def test_a_field_that_the_portal_took_for_itself_since_keeps_the_portals_sensitivity(world: World) -> None:
    CustomField.objects.create(organization=world.riverside, name="email", label="Mail", type="text", sensitivity="basic")
    assert vocabulary_of(world.riverside)["email"] == FIELDS["email"]
    assert FIELDS["email"].sensitivity is Sensitivity.PERSONAL


@pytest.mark.django_db
def test_an_organisations_own_field_is_no_others(world: World) -> None:
    CustomField.objects.create(organization=world.riverside, name="shoe_size", label="Size", type="text", sensitivity="basic")
    assert "shoe_size" in vocabulary_of(world.riverside)
    assert "shoe_size" not in vocabulary_of(world.harbor)


def test_a_field_is_called_by_its_label_and_one_that_is_gone_by_its_name() -> None:
    assert label_of("shoe_size", vocabulary_with([SHOES])) == "Size of shoes"
    assert label_of("date_of_birth", FIELDS) == "Date of birth"
    assert label_of("shoe_size", FIELDS) == "shoe size"


def test_nobody_else_puts_a_vocabulary_together_or_names_its_fields() -> None:
    makers, namers = set(), set()
    for path in PACKAGE.rglob("*.py"):
        text, place = path.read_text(encoding="utf-8"), path.relative_to(PACKAGE).as_posix()
        calls = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        if any(isinstance(called, ast.Attribute) and called.attr == "definition" for called in calls):
            makers.add(place)
        if re.search(r"\*\*FIELDS|dict\(FIELDS|FIELDS \||\| FIELDS|FIELDS\[[^\]]+\]\.label", text):
            namers.add(place)
    assert makers == {"models/connectors.py", "configuration/sections/fields.py"}
    assert namers == {"profile.py"}
