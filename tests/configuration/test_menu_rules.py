"""Rules of the menu in the configuration file: told where they are wrong, stored, exported the same, deleted when absent."""

from __future__ import annotations

import pytest

from integrations.models import ConfigurationChange, CustomField, MenuRule
from tests.configuration.conftest import Command, Write

pytestmark = pytest.mark.django_db(transaction=True)

FIELD = """
[[organization.field]]
name = "case_worker"
label = "Case worker"
sensitivity = "basic"

[[organization.field]]
name = "visits"
label = "Visits"
type = "number"
sensitivity = "basic"
"""
RULE = """
[[organization.menu_rule]]
name = "Spanish First"
position = 10
conditions = {all = [
  {field = "language", is = "es"},
  {any = [{field = "case_worker", is = "Bea"}, {field = "visits", above = 3}]}
]}
greeting = "Bienvenidos."
options = ["spanish", "billing"]
priority = 0
language = "es"
"""
HEAD = '[[organization]]\nslug = "riverside"\nname = "Riverside"\n'


def test_a_rule_is_stored_exported_remembered_and_deleted(run: Command, write: Write) -> None:
    assert run("config", "import", str(write(HEAD + FIELD + RULE)), "--yes").code == 0
    rule = MenuRule.objects.get(organization__slug="riverside")
    assert (rule.name, rule.options, rule.priority, rule.enabled) == ("spanish first", ["spanish", "billing"], 0, True)
    rule.full_clean()
    exported = run("config", "export", "riverside").out
    assert "Nothing to change" in run("config", "import", str(write(exported))).out
    assert run("config", "export", "riverside").out == exported

    changed = exported.replace('"Bienvenidos."', '"Bienvenidas."')
    assert 'greeting: "Bienvenidos." → "Bienvenidas."' in run("config", "import", str(write(changed)), "--yes").out
    assert ConfigurationChange.objects.filter(model="menurule", what="changed").exists()
    # A field that a rule asks about cannot leave the file without the rule.
    refused = run("config", "import", str(write(HEAD + RULE)), "--yes")
    assert (refused.code, "There is no field called case_worker." in refused.err) == (2, True)
    assert "menu rule spanish first: deleted" in run("config", "import", str(write(HEAD)), "--yes").out
    assert not MenuRule.objects.exists()
    assert not CustomField.objects.exists()


@pytest.mark.parametrize(
    ("was", "written", "place", "words"),
    [
        ('is = "es"', "is = 3", "conditions.all[1].is", "Give a text"),
        ('is = "es"', 'above = "es"', "conditions.all[1].above", "language cannot be asked this."),
        ('"case_worker", is', '"shoe_size", is', "shoe_size", "There is no field called shoe_size."),
        ('"Bienvenidos."', "'Say \"hi\"'", "greeting", "without quotation marks"),
        ('"spanish", "billing"', '"spanish, billing"', "options", "letters from a to z"),
        ('language = "es"\n', 'language = "Spanish"\n', "language", "code of a language"),
        ('language = "es"\n', 'interpreter = "maybe"\n', "interpreter", "not known here"),
        ("priority = 0", "priority = 10001", "priority", "10000"),
    ],
)
def test_a_mistake_is_told_where_it_stands(run: Command, write: Write, was: str, written: str, place: str, words: str) -> None:
    assert was in RULE
    done = run("config", "import", str(write(HEAD + FIELD + RULE.replace(was, written))), "--yes")
    assert done.code == 2
    assert words in done.err
    assert "menu_rule[Spanish First]" in done.err
    assert not MenuRule.objects.exists()


def test_a_rule_that_gives_nothing_is_refused(run: Command, write: Write) -> None:
    done = run("config", "import", str(write(f'{HEAD}\n[[organization.menu_rule]]\nname = "x"\n')), "--yes")
    assert done.code == 2
    assert "Say what the rule gives" in done.err
