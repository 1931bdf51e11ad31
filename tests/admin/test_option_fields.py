"""Options are entered in inputs of their own; only what no line can hold is written in brackets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from integrations.models import Connector, Person
from tests.admin.conftest import facts_of
from tests.factories import World, make_connector

LogIn = Callable[[Person], Client]


def address(connector: Connector) -> str:
    return reverse("admin:integrations_connector_change", args=[connector.pk])


def entered(connector: Connector, **options: str) -> dict[str, Any]:
    """What a browser sends: the plain options in their inputs, the others in brackets."""
    return facts_of(connector, options="{}") | {f"option-{name}": value for name, value in options.items()}


@pytest.fixture
def database(world: World) -> Connector:
    return make_connector(world.riverside, "members", "database", enabled=False)


def test_each_plain_option_has_an_input_with_help_and_what_counts_if_it_is_left(
    world: World, log_in: LogIn, database: Connector
) -> None:
    html = log_in(world.ann).get(address(database)).content.decode()
    assert 'name="option-url"' in html
    assert 'name="option-table" value="customers"' in html.replace("\n", " ") or 'value="customers"' in html
    assert "Columns with numbers as people write them. Several with commas between." in html
    assert "The table that holds people." in html
    assert 'name="option-join"' not in html


def test_what_is_entered_is_stored_as_the_kind_takes_it(world: World, log_in: LogIn, database: Connector) -> None:
    facts = entered(database, url="sqlite:///members.sqlite3", table="", id_column="nr", phone_columns="tel, mobil ,")
    assert log_in(world.ann).post(address(database), facts).status_code == 302
    stored = Connector.objects.get(pk=database.pk).options
    assert stored == {"url": "sqlite:///members.sqlite3", "id_column": "nr", "phone_columns": ["tel", "mobil"]}


def test_a_problem_stands_at_its_input(world: World, log_in: LogIn, database: Connector) -> None:
    facts = entered(database, url="postgres", table="a`b", id_column="id", phone_columns="phone")
    answer = log_in(world.ann).post(address(database), facts)
    assert answer.status_code == 200
    errors = answer.context["adminform"].form.errors
    assert any(name.startswith("option-") for name in errors)
    assert Connector.objects.get(pk=database.pk).options == {}


def test_a_missing_option_is_said_at_its_input(world: World, log_in: LogIn, database: Connector) -> None:
    answer = log_in(world.ann).post(address(database), entered(database, url="", table="people", id_column="id"))
    assert "option-url" in answer.context["adminform"].form.errors


def test_options_in_brackets_and_in_inputs_add_up(world: World, log_in: LogIn, database: Connector) -> None:
    facts = entered(database, url="sqlite:///members.sqlite3", table="people", id_column="id", phone_columns="phone")
    facts["options"] = '{"join": {"table": "visits", "key": "person", "columns": ["last"]}}'
    assert log_in(world.ann).post(address(database), facts).status_code == 302
    stored = Connector.objects.get(pk=database.pk).options
    assert (stored["table"], stored["join"]["table"]) == ("people", "visits")
    html = log_in(world.ann).get(address(database)).content.decode()
    assert "visits" in html
    assert 'value="people"' in html


def test_a_choice_is_a_list_to_choose_from(world: World, log_in: LogIn) -> None:
    salesforce = make_connector(world.riverside, "sf", "salesforce", enabled=False)
    html = log_in(world.ann).get(address(salesforce)).content.decode()
    assert '<option value="soql">soql</option>' in html
