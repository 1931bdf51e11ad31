"""The person that a user is in an organisation: found in one place, and nobody in all the others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser

from integrations.disclosure.viewers import person_in
from tests.factories import World

PACKAGE = Path(__file__).resolve().parents[2] / "integrations"
# Who reads all of a user's people: their roles, the organisations to switch between, log-ins and refusals on record.
READERS = {"disclosure/viewers.py", "admin/tenancy.py", "dashboard/agents.py", "dashboard/sessions.py"}


@pytest.mark.django_db
def test_a_user_is_found_by_the_organisations_id_and_by_its_slug(world: World) -> None:
    user = world.ann.user
    assert user
    assert person_in(user, world.riverside.pk) == person_in(user, "riverside") == world.ann


@pytest.mark.django_db
def test_a_user_is_nobody_where_they_take_no_part(world: World) -> None:
    user = world.ann.user
    assert user
    for organization in (world.harbor.pk, "harbor", str(world.riverside.pk), "", 0, "nowhere"):
        assert person_in(user, organization) is None, organization
    assert person_in(AnonymousUser(), "riverside") is None


@pytest.mark.django_db
def test_who_was_switched_off_is_nobody(world: World) -> None:
    world.ann.active = False
    world.ann.save(update_fields=["active"])
    user = world.ann.user
    assert user
    assert person_in(user, "riverside") is None


def test_nobody_else_looks_through_a_users_people() -> None:
    found, picked = set(), set()
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "people_of":
                found.add(place)
            # One of them by what it is: a loop with a condition within next().
            if isinstance(node, ast.GeneratorExp) and "people_of" in ast.dump(node) and node.generators[0].ifs:
                picked.add(place)
    assert found == READERS
    assert picked == {"disclosure/viewers.py", "admin/tenancy.py"}
