"""A section of the configuration file is one entry: a dummy one is read, checked, compared, stored, exported and remembered."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from django.db import connection, models
from django.db.models.signals import post_save, pre_delete, pre_save
from django.test.utils import isolate_apps

from integrations.configuration import history, schema, sections
from integrations.configuration.reading import Reading
from integrations.configuration.references import as_stored, fingerprint, placeholder
from integrations.configuration.sections.section import Action, Held, Kept, Section, Writing
from integrations.configuration.state import Facts, State
from integrations.models import ConfigurationChange, Organization, User, registry
from integrations.models.registry import Entry, No
from integrations.storage.encryption import EncryptedTextField
from tests.configuration.conftest import Command, Write

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "integrations" / "configuration"
FILE = """\
[[organization]]
slug = "riverside"
name = "Riverside"

[[organization.greeting]]
name = "Welcome"
words = "Good morning"
token = "env:RIVERSIDE_TWILIO_TOKEN"
"""


class GreetingTable(schema.Table):
    name: schema.NameOfField
    words: schema.Text = ""
    token: schema.Reference


def make_section(model: type[models.Model]) -> Section:
    """The one entry, over a model with the columns ``organization``, ``name``, ``words``, ``token`` and ``token_ref``."""
    rows = model._default_manager

    def check(reading: Reading) -> None:
        for where, row in reading.rows("greeting"):
            reading.resolve((*where, "token"), row.token, row.name)
            if row.words.isupper():
                reading.problem((*where, "words"), "Nobody is shouted at. Use small letters.")

    def wanted(reading: Reading) -> dict[str, Facts]:
        return {
            row.name: {"words": row.words, "token": reading.secrets[(*where, "token")]}
            for where, row in reading.rows("greeting")
        }

    def stored(organization: Organization) -> Iterator[Held]:
        for name, words, token, reference in rows.filter(organization=organization).values_list(
            "name", "words", "token", "token_ref"
        ):
            secret = as_stored(reference, placeholder("greeting", name), fingerprint(token), token)
            yield Held(name, {"words": words, "token": secret})

    def absent(name: str, now: State, wanted: State) -> Action | Kept:
        return Action.DELETE

    def write(writing: Writing, name: str, facts: Facts) -> None:
        token = {"token": facts["token"].value, "token_ref": facts["token"].stored_reference}
        rows.update_or_create(organization=writing.organization, name=name, defaults={"words": facts["words"], **token})

    def retire(organization: Organization, name: str) -> None:
        rows.filter(organization=organization, name=name).delete()

    return Section(
        name="greeting",
        key="name",
        words="greeting",
        table=GreetingTable,
        check=check,
        wanted=wanted,
        stored=stored,
        absent=absent,
        write=write,
        retire=retire,
    )


@pytest.fixture
def greetings(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[models.Model]]:
    """A model, its entry among the models and its entry among the sections."""
    with isolate_apps("integrations.apps.IntegrationsConfig"):

        class Greeting(models.Model):
            organization = models.ForeignKey(Organization, models.CASCADE, related_name="+", db_constraint=False)
            name = models.CharField(max_length=40)
            words = models.CharField(max_length=80)
            token = EncryptedTextField()
            token_ref = models.CharField(max_length=80)

            class Meta:
                app_label = "integrations"

            def __str__(self) -> str:
                return self.name

    entry = Entry(Greeting, "organization", remembered=True, versioned=No("it is a dummy"), exported="greeting")
    monkeypatch.setattr(registry, "REGISTRY", (*registry.REGISTRY, entry))
    monkeypatch.setattr(sections, "SECTIONS", (*sections.SECTIONS, make_section(Greeting)))
    with connection.schema_editor() as editor:
        editor.create_model(Greeting)
    history.watch(Greeting)
    yield Greeting
    for signal, when in ((pre_save, "before"), (post_save, "new"), (pre_delete, "deleted")):
        assert signal.disconnect(sender=Greeting, dispatch_uid=f"history-Greeting-{when}")
    with connection.schema_editor() as editor:
        editor.delete_model(Greeting)


def told() -> list[tuple[str, list[list[str]]]]:
    return [(row.what, row.changes) for row in ConfigurationChange.objects.filter(model="greeting").order_by("pk")]


def test_its_mistakes_are_told_where_they_stand(greetings: type[models.Model], run: Command, write: Write) -> None:
    bad = FILE.replace('name = "Riverside"', 'name = "Riverside"\ncolour = "red"').replace("Good morning", "HELLO")
    bad += '\n[[organization.greeting]]\nname = "welcome"\ntune = 1\ntoken = "env:UNSET"\n'
    done = run("config", "import", str(write(bad)), "--yes")
    assert done.code == 2
    lines = [line.rsplit("portal.toml:")[-1] for line in done.err.splitlines()]
    assert lines[0].startswith("4: organization[riverside].colour: This key is not known.")
    assert lines[0].endswith(", api_key, menu_rule, greeting.")
    assert lines[1:] == [
        "8: organization[riverside].greeting[Welcome].words: Nobody is shouted at. Use small letters.",
        "12: organization[riverside].greeting[welcome].name: welcome stands here twice. Remove one, or give it another name.",
        "13: organization[riverside].greeting[welcome].tune: This key is not known. "
        "Remove it, or use one of: name, words, token.",
        "14: organization[riverside].greeting[welcome].token: The environment variable UNSET is not set. "
        "Set it, or name another one.",
    ]
    assert not greetings._default_manager.exists()


def test_it_is_compared_stored_exported_and_remembered(greetings: type[models.Model], run: Command, write: Write) -> None:
    run("config", "import", str(write(FILE)), "--yes")
    assert greetings._default_manager.values_list("name", "words", "token").get() == (
        "welcome",
        "Good morning",
        "planted-twilio_token-value",
    )
    exported = run("config", "export", "riverside").out
    assert '[[organization.greeting]]\nname = "welcome"\nwords = "Good morning"\ntoken = "env:RIVERSIDE' in exported
    assert "Nothing to change" in run("config", "import", str(write(exported))).out
    assert run("config", "export", "riverside").out == exported

    changed = str(write(exported.replace("Good morning", "Good day")))
    line = 'riverside: greeting welcome: words: "Good morning" → "Good day"\n'
    assert line in run("config", "import", changed, "--yes").out
    gone = str(write(FILE.split("[[organization.greeting]]")[0]))
    assert "riverside: greeting welcome: deleted\n" in run("config", "import", gone, "--yes").out
    assert not greetings._default_manager.exists()

    added, altered, deleted = told()
    assert added[0] == "added"
    assert ["Token", "entered"] in added[1]
    assert altered == ("changed", [["Words", "Good morning", "Good day"]])
    assert deleted[0] == "deleted"
    assert "planted" not in str(told())


def test_its_secret_is_kept_where_it_was_typed(greetings: type[models.Model], run: Command, write: Write) -> None:
    run("config", "import", str(write(FILE)), "--yes")
    greetings._default_manager.update(token_ref="")
    exported = run("config", "export", "riverside").out
    assert 'token = "env:CHANGE_ME_GREETING_WELCOME" # CHANGE_ME: ' in exported
    assert run("config", "import", str(write(exported.replace("Good morning", "Good day"))), "--yes").code == 0
    assert greetings._default_manager.values_list("words", "token").get() == ("Good day", "planted-twilio_token-value")


def test_the_registry_of_models_names_the_same_sections() -> None:
    exported = {entry.exported for entry in registry.REGISTRY if isinstance(entry.exported, str)}
    assert exported == {"organization", *(section.name for section in sections.SECTIONS)}


# What a file does not say, and why.
NOT_IN_THE_FILE = {
    "active": "who is not in the file is switched off",
    "audit_key_version": "of the audit's secret",
    "audit_secret": "made with the organisation, and never changed",
    "api_key_sid": "called `api_key` in the file",
    "api_secret_ref": "stands in the file as the reference itself",
    "auth_token_refs": "stands in the file as the references themselves",
    "created_at": "noted by the portal",
    "effect": "the value of a rule in its tier's table",
    "hash": "of an API key: the file holds a reference to the key",
    "hint": "of an API key: its beginning, for people",
    "hook_key": "made with the organisation, and never changed",
    "id": "of a row",
    "last_used_at": "noted by the portal",
    "organization": "the table that it stands in",
    "expires_at": "called `expires` in the file",
    "reference": "called `key` in the file",
    "secret_refs": "stands in the file as the references themselves",
    "studio_share": "called `studio.share` in the file",
    "target": "the key of a rule in its tier's table",
    "tier": "the table that a rule stands in",
    "updated_at": "noted by the portal",
    "user": "called `username` in the file",
    "version": "raised by the portal when a list is put in use",
}


def test_every_column_of_the_settings_is_a_key_of_the_file_or_says_why_not() -> None:
    tables = {"organization": schema.Organization, **{section.name: section.table for section in sections.SECTIONS}}
    missing = {
        f"{entry.model.__name__}.{column.name}"
        for entry in registry.REGISTRY
        if isinstance(entry.exported, str) and entry.model is not User
        for column in entry.model._meta.concrete_fields
        if column.name not in tables[entry.exported].model_fields and column.name not in NOT_IN_THE_FILE
    }
    assert missing == set()


def test_every_section_is_described() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert [section.name for section in sections.SECTIONS if f"### `[[organization.{section.name}]]`" not in page] == []


def words_in(path: Path) -> Iterable[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_nothing_but_the_sections_names_one() -> None:
    names = {section.name for section in sections.SECTIONS}
    found = {(path.name, word) for path in sorted(PACKAGE.glob("*.py")) for word in words_in(path) if word in names}
    flex_roles = {("check.py", "tier"), ("schema.py", "tier")}  # which give somebody a tier
    assert found == flex_roles
