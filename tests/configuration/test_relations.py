"""References of systems to each other: the file and the form refuse the same, in the same words."""

from __future__ import annotations

import pytest

from integrations.admin.checks import connector_problems
from integrations.configuration.relations import relation_problems
from integrations.models import Connector
from tests.configuration.conftest import Command, Write
from tests.factories import World, make_connector

IN_A_CIRCLE = {"a": "b", "b": "c", "c": "", "x": "y", "y": "x"}


@pytest.mark.parametrize(
    ("details_by", "words"),
    [
        ("", None),
        ("field:email", None),
        ("b", None),
        ("x", None),  # these two are in a circle, which is told of them
        ("c", None),
        ("nobody", "no other system with the key 'nobody'"),
        ("here", "its own record id"),
        ("before", "in a circle"),
        ("long before", "in a circle"),
    ],
)
def test_by_whom_a_system_can_be_asked(details_by: str, words: str | None) -> None:
    asked_by = {**IN_A_CIRCLE, "here": details_by, "before": "here", "long before": "before"}
    problems = list(relation_problems("here", details_by, "", asked_by, {}))
    assert [name for name, _sentence in problems] == (["details_by"] if words else [])
    assert all(str(words) in sentence for _name, sentence in problems)


@pytest.mark.parametrize(
    ("fallback_for", "words"), [("", None), ("b", None), ("nobody", "no other"), ("here", "circle"), ("before", "circle")]
)
def test_for_whom_a_system_can_stand_in(fallback_for: str, words: str | None) -> None:
    problems = list(relation_problems("here", "", fallback_for, {}, {**IN_A_CIRCLE, "before": "here"}))
    assert [name for name, _sentence in problems] == (["fallback_for"] if words else [])
    assert all(str(words) in sentence for _name, sentence in problems)


FILE = """\
[[organization]]
slug = "riverside"
name = "Riverside"
{connectors}
"""
CONNECTOR = """
[[organization.connector]]
key = "{key}"
kind = "hubspot"
name = "x"
secrets = {{ token = "env:RIVERSIDE_HUBSPOT_TOKEN" }}
details_by = "{details_by}"
fallback_for = "{fallback_for}"
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("details_by", "fallback_for"), [("nobody", ""), ("crm", ""), ("db", ""), ("", "db"), ("", "crm"), ("db", "crm")]
)
def test_the_form_says_what_the_file_would(
    details_by: str, fallback_for: str, world: World, run: Command, write: Write
) -> None:
    crm = make_connector(world.riverside, "crm", "hubspot")
    db = make_connector(world.riverside, "db", "hubspot", details_by="crm", fallback_for=crm)
    main = {"": None, "crm": crm, "db": db}[fallback_for]
    secrets = {"token": "a token that is long enough"}
    in_the_form = {
        said
        for name, said in connector_problems(crm, {"details_by": details_by, "fallback_for": main}, secrets)
        if name in {"details_by", "fallback_for"}
    }
    rows = [("crm", details_by, fallback_for), ("db", "crm", "crm")]
    connectors = "".join(CONNECTOR.format(key=key, details_by=by, fallback_for=other) for key, by, other in rows)
    Connector.objects.all().delete()
    in_the_file = run("config", "import", str(write(FILE.format(connectors=connectors))), "--yes").err
    told = {
        line.split("connector[crm].", 1)[1].split(": ", 1)[1] for line in in_the_file.splitlines() if "connector[crm]" in line
    }
    assert in_the_form == told != set()
