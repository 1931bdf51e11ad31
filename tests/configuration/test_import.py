"""``manage.py config import`` and ``export``, seen from outside."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core import mail
from django.urls import path as url

from integrations.configuration import invitations
from integrations.disclosure import audit
from integrations.models import AccessEntry, ApiKey, Connector, CustomField, Organization, Person, Tier, TwilioAccount, User
from integrations.models.people import hash_api_key
from tests.configuration.conftest import Command, Write
from tests.factories import World, make_organization, make_person

EXAMPLE, EXPORTED = (Path(__file__).parent / name for name in ("example.toml", "exported.toml"))
SMALL = """\
[[organization]]
slug = "riverside"
name = "Riverside"

[[organization.connector]]
key = "crm"
kind = "hubspot"
name = "HubSpot"
secrets = { token = "env:RIVERSIDE_HUBSPOT_TOKEN" }

[[organization.person]]
username = "ann"
email = "ann@riverside.example"
role = "admin"
tier = "admin"

[[organization.api_key]]
name = "studio"
key = "env:RIVERSIDE_STUDIO_KEY"
tier = "basic"
scopes = ["lookup"]
"""
pytestmark = pytest.mark.django_db(transaction=True)


def counts() -> list[int]:
    models = (Organization, Tier, CustomField, Connector, TwilioAccount, Person, ApiKey, User, AccessEntry)
    return [model.objects.count() for model in models]


def test_the_example_is_imported_without_the_kinds_that_do_not_exist_yet(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RIVERSIDE_SF_ID")  # a secret of a connector that is left out is not needed
    done = run("config", "import", str(EXAMPLE), "--yes", "--skip-unknown-kinds")
    assert (done.code, done.err) == (0, "")
    assert "crm-backup: left out" in done.out
    assert "payments: left out" in done.out
    organization = Organization.objects.get(slug="riverside")
    assert organization.timezone == "America/Los_Angeles"
    crm, clients = organization.connectors.order_by("-priority")
    assert (crm.key, crm.secrets, crm.secret_refs) == (
        "crm",
        {"token": "planted-hubspot_token-value"},
        {"token": "env:RIVERSIDE_HUBSPOT_TOKEN"},
    )
    assert crm.cache == {"fresh_s": 300, "stale_s": 3600, "negative_s": 60}
    assert (clients.allow_private, clients.timeout_ms, clients.options["join"]["key"]) == (["10.0.0.5"], 2000, "customer_id")
    assert organization.api_keys.get().hash == hash_api_key("planted-studio_key-value")
    assert organization.twilio_accounts.get().auth_tokens == ["planted-twilio_token-value"]
    ann = organization.people.get().user
    assert ann is not None
    assert (ann.is_staff, ann.has_usable_password()) == (True, False)


def test_a_second_import_changes_nothing_and_needs_no_leave(run: Command) -> None:
    run("config", "import", str(EXAMPLE), "--yes", "--skip-unknown-kinds")
    before = (counts(), list(Connector.objects.values_list("version", flat=True)))
    again = run("config", "import", str(EXAMPLE), "--skip-unknown-kinds")
    assert (again.code, "Nothing to change" in again.out) == (0, True)
    assert (counts(), list(Connector.objects.values_list("version", flat=True))) == before


def test_without_yes_and_without_a_terminal_the_difference_is_printed_and_nothing_changes(run: Command, write: Write) -> None:
    before = counts()
    done = run("config", "import", str(write(SMALL)))
    assert done.code == 2
    assert "riverside: connector crm: new (hubspot)" in done.out
    assert "--yes" in done.err
    assert counts() == before


@pytest.mark.parametrize(("answer", "code", "made"), [("y", 0, 1), ("n", 2, 0), ("", 2, 0)])
def test_a_terminal_is_asked(
    answer: str, code: int, made: int, run: Command, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _question: answer)
    assert run("config", "import", str(write(SMALL))).code == code
    assert Organization.objects.count() == made


PEOPLE = "[[organization.person]]"
OWN_FIELD = '[[organization.field]]\nname = "{}"\nlabel = "x"\nsensitivity = "basic"\n'
MISTAKES = [
    ('slug = "riverside"', 'slug = "session"', 2, "slug", "reserved"),
    ('slug = "riverside"', 'slug = "R!"', 2, "slug", "lower-case"),
    ('name = "Riverside"', 'name = "Riverside"\ntimezone = "Mars/Base"', 4, "timezone", "time zone"),
    ('name = "Riverside"', 'name = "Riverside"\nregion = "XX"', 4, "region", "country"),
    ('name = "Riverside"', 'name = "Riverside"\norigins = ["http://a.example"]', 4, "origins[1]", "https://"),
    ('name = "Riverside"', 'name = "Riverside"\nretention_days = { audit = "a" }', 4, "retention_days.audit", "whole number"),
    ('name = "Riverside"', 'name = "Riverside"\ncolour = "red"', 4, "colour", "not known"),
    ('name = "Riverside"\n', "", 1, "name", "missing"),
    ('key = "crm"', 'key = "CRM!"', 6, "connector[CRM!].key", "lower-case"),
    ('kind = "hubspot"', 'kind = "fax"', 7, "connector[crm].kind", "fax"),
    ('name = "HubSpot"', 'name = "HubSpot"\ntimeout_ms = 9000', 9, "connector[crm].timeout_ms", "at most 6000"),
    ('name = "HubSpot"', 'name = "HubSpot"\nregion = "XX"', 9, "connector[crm].region", "two letters"),
    ('name = "HubSpot"', 'name = "HubSpot"\npriority = true', 9, "connector[crm].priority", "whole number"),
    ('name = "HubSpot"', 'name = "HubSpot"\noptions = { color = 1 }', 9, "connector[crm].options.color", "not known"),
    ('name = "HubSpot"', 'name = "HubSpot"\nfields = { nothing = "a" }', 9, "connector[crm].fields.nothing", "no field"),
    ('name = "HubSpot"', 'name = "HubSpot"\nfields = { name = "a[" }', 9, "connector[crm].fields.name", "JMESPath"),
    ('name = "HubSpot"', 'name = "HubSpot"\nfields = { ssn = "a" }', 9, "connector[crm].fields.ssn", "never"),
    ('name = "HubSpot"', 'name = "HubSpot"\ncache = { fresh_s = 9, stale_s = 1 }', 9, "connector[crm].cache", "fresh_s"),
    ('name = "HubSpot"', 'name = "HubSpot"\nlimits = { rps = 0 }', 9, "connector[crm].limits.rps", "more than 0"),
    ('name = "HubSpot"', 'name = "HubSpot"\ndetails_by = "nobody"', 9, "connector[crm].details_by", "nobody"),
    ('name = "HubSpot"', 'name = "HubSpot"\ndetails_by = "crm"', 9, "connector[crm].details_by", "its own"),
    ('name = "HubSpot"', 'name = "HubSpot"\nfallback_for = "crm"', 9, "connector[crm].fallback_for", "circle"),
    ('"env:RIVERSIDE_HUBSPOT_TOKEN"', '"plain-secret-text"', 9, "connector[crm].secrets.token", "reference"),
    ('"env:RIVERSIDE_HUBSPOT_TOKEN"', '"env:NOT_SET_AT_ALL"', 9, "connector[crm].secrets.token", "NOT_SET_AT_ALL"),
    ('"env:RIVERSIDE_HUBSPOT_TOKEN"', '"file:/nowhere/at/all"', 9, "connector[crm].secrets.token", "/nowhere/at/all"),
    ("token = ", "tokn = ", 9, "connector[crm].secrets.tokn", "not known"),
    ('role = "admin"', 'role = "boss"', 14, "person[ann].role", "agent, supervisor, admin"),
    ('tier = "admin"', 'tier = "gold"', 15, "person[ann].tier", "gold"),
    ('email = "ann@riverside.example"', 'email = "nobody"', 13, "person[ann].email", "mail"),
    ('scopes = ["lookup"]', 'scopes = ["all"]', 21, "api_key[studio].scopes[1]", "lookup, enrich"),
    ('scopes = ["lookup"]', 'scopes = ["lookup"]\nexpires = "soon"', 22, "api_key[studio].expires", "date and time"),
    (PEOPLE, '[[organization.tier]]\nname = "t"\nrules = { basic = "maybe" }\n' + PEOPLE, 13, "tier[t].rules.basic", "clear"),
    (PEOPLE, '[[organization.tier]]\nname = "t"\nrules = { ssn = "clear" }\n' + PEOPLE, 13, "tier[t].rules.ssn", "never"),
    (PEOPLE, '[[organization.tier]]\nname = "t"\nrules = { typo = "clear" }\n' + PEOPLE, 13, "tier[t].rules.typo", "neither"),
    (PEOPLE, OWN_FIELD.format("email") + PEOPLE, 12, "field[email].name", "already"),
    (PEOPLE, OWN_FIELD.format("home_ssn") + PEOPLE, 12, "field[home_ssn].name", "never"),
    (PEOPLE, '[organization.flex_roles]\na = { role = "agent", tier = "gold" }\n' + PEOPLE, 12, "flex_roles.a.tier", "gold"),
    (PEOPLE, '[[organization.twilio]]\naccount_sid = "AC1"\nauth_tokens = ["plain"]\n' + PEOPLE, 12,
     "twilio[AC1].account_sid", "AC followed"),
    (PEOPLE, '[[organization.twilio]]\naccount_sid = "AC1"\nauth_tokens = ["plain"]\n' + PEOPLE, 13,
     "twilio[AC1].auth_tokens[1]", "reference"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "path", "words"), MISTAKES)
def test_a_mistake_is_shown_at_its_line_and_nothing_is_written(
    old: str, new: str, line: int, path: str, words: str, run: Command, write: Write
) -> None:
    assert old in SMALL
    before, file = counts(), write(SMALL.replace(old, new, 1))
    done = run("config", "import", str(file), "--yes")
    assert (done.code, done.out) == (2, "")
    [problem] = [text for text in done.err.splitlines() if f"{path}: " in text]
    assert re.match(rf"{re.escape(str(file))}:{line}: organization\[[^]]*\]\.{re.escape(path)}: .*{re.escape(words)}", problem)
    assert counts() == before
    assert "plain-secret-text" not in done.err + done.out


def test_all_mistakes_are_listed_in_the_order_of_their_lines(run: Command, write: Write) -> None:
    text = SMALL.replace('name = "Riverside"', 'name = "Riverside"\ntimezone = "Mars"').replace('"hubspot"', '"fax"')
    text = text.replace('"env:RIVERSIDE_STUDIO_KEY"', '"open"').replace('tier = "admin"', 'tier = "gold"')
    done = run("config", "import", str(write(text)), "--yes")
    assert [int(line.split(":")[1]) for line in done.err.splitlines()] == [4, 8, 16, 20]


def test_a_good_organisation_is_not_written_beside_a_bad_one(run: Command, write: Write) -> None:
    second = '[[organization]]\nslug = "harbor"\nname = "Harbor"\nregion = "XX"\n'
    assert run("config", "import", str(write(SMALL + second)), "--yes").code == 2
    assert not Organization.objects.exists()


@pytest.mark.parametrize("text", ["", "# nothing\n", "colour = 1\n", "organization = 3\n"])
def test_a_file_without_an_organisation_is_refused(text: str, run: Command, write: Write) -> None:
    done = run("config", "import", str(write(text)), "--yes")
    assert (done.code, "Add at least one [[organization]]" in done.err) == (2, True)


def test_the_same_slug_connector_or_key_value_twice_is_refused(run: Command, write: Write) -> None:
    second = SMALL.replace("riverside", "harbor", 1).replace('"ann"', '"cy"')
    done = run("config", "import", str(write(SMALL + second)), "--yes")
    assert "organization[harbor].api_key[studio].key: The same key stands in line 19" in done.err
    done = run("config", "import", str(write(SMALL + SMALL)), "--yes")
    assert "slug: The same slug stands in line 2" in done.err
    crm = SMALL[SMALL.index("[[organization.connector]]") : SMALL.index(PEOPLE)]
    twice = SMALL.replace(PEOPLE, crm + PEOPLE)
    assert "crm stands here twice" in run("config", "import", str(write(twice)), "--yes").err


def test_another_organisations_twilio_account_or_key_cannot_be_taken(run: Command, write: Write) -> None:
    run("config", "import", str(EXAMPLE), "--yes", "--skip-unknown-kinds")
    text = EXAMPLE.read_text().replace('slug = "riverside"', 'slug = "thief"').replace('"ann"', '"mal"')
    done = run("config", "import", str(write(text)), "--yes", "--skip-unknown-kinds")
    assert done.code == 2
    assert "account_sid: This account belongs to another organisation" in done.err
    assert "key: Another API key has this value already" in done.err
    assert not Organization.objects.filter(slug="thief").exists()


def test_what_the_file_no_longer_names_is_deactivated_and_other_organisations_are_left_alone(
    world: World, run: Command, write: Write
) -> None:
    run("config", "import", str(write(SMALL)), "--yes")
    done = run("config", "import", str(write('[[organization]]\nslug = "riverside"\nname = "Riverside"\n')), "--yes")
    assert (done.code, "riverside: person ann: deactivated" in done.out) == (0, True)
    assert not Connector.objects.get(key="crm").enabled
    assert not ApiKey.objects.get(name="studio").active
    assert not Person.objects.filter(organization=world.riverside, active=True).exists()
    assert not User.objects.get(username="ann").is_staff
    assert Person.objects.get(pk=world.cy.pk).active
    back = run("config", "import", str(write(SMALL)), "--yes")
    assert (back.code, "person ann: active again" in back.out) == (0, True)
    assert Connector.objects.get(key="crm").enabled


def test_tiers_and_fields_go_when_unused_and_stay_with_a_note_when_used(world: World, run: Command, write: Write) -> None:
    CustomField.objects.create(organization=world.riverside, name="old", label="Old", sensitivity="basic")
    tiers = '[[organization.tier]]\nname = "admin"\nrules = { basic = "clear" }\n[organization.flex_roles]\n'
    done = run("config", "import", str(write(SMALL.split("[[organization.api_key]]")[0] + tiers)), "--yes")
    assert done.code == 0, done.err
    assert "tier basic: kept, because people, API keys or Twilio accounts still have it" in done.out  # Bea, deactivated, has it
    assert set(world.riverside.tiers.values_list("name", flat=True)) == {"admin", "basic"}
    assert not CustomField.objects.exists()
    assert world.harbor.tiers.count() == 3


def test_a_user_of_another_organisation_is_linked_and_not_taken_over(world: World, run: Command, write: Write) -> None:
    before = User.objects.values("email", "first_name", "password").get(username="cy")
    text = SMALL.replace('username = "ann"\nemail = "ann@', 'username = "cy"\nfirst_name = "Evil"\nemail = "evil@')
    text = text.replace('username = "cy"', 'username = "cy"\nexisting_user = true')
    assert run("config", "import", str(write(text)), "--yes").code == 0
    assert User.objects.values("email", "first_name", "password").get(username="cy") == before
    assert Person.objects.filter(user__username="cy").count() == 2
    assert "Nothing to change" in run("config", "import", str(write(text))).out


SOMEBODY_ELSES = "This user name is taken by somebody who is not of this organisation."
STRANGER = """
[[organization]]
slug = "elm"
name = "Elm"

[[organization.person]]
username = "USERNAME"
email = "jose@elm.example"
role = "admin"
tier = "admin"
"""


@pytest.mark.parametrize("spelling", ["cy", "Cy", "CY", "ｃｙ", " cy "])
def test_nobody_of_another_organisation_becomes_a_person_of_this_one_by_their_name(
    spelling: str, world: World, run: Command, write: Write
) -> None:
    before = counts()
    done = run("config", "import", str(write(STRANGER.replace("USERNAME", spelling))), "--yes")
    assert (done.code, counts()) == (2, before)
    assert f":7: organization[elm].person[{spelling}].username: {SOMEBODY_ELSES}" in done.err
    assert not world.user(world.cy).is_superuser


def test_whoever_may_do_everything_is_nobody_by_their_name_either(world: World, run: Command, write: Write) -> None:
    User.objects.create_superuser("root", password="x" * 20)
    done = run("config", "import", str(write(STRANGER.replace("USERNAME", "root"))), "--yes")
    assert (done.code, SOMEBODY_ELSES in done.err) == (2, True)


def test_names_that_differ_by_an_accent_are_two_people(world: World, run: Command, write: Write) -> None:
    oak = Person.objects.create(
        organization=world.harbor,
        user=User.objects.create_user("jose"),
        role="agent",
        tier=world.harbor.tiers.get(name="basic"),
    )
    done = run("config", "import", str(write(STRANGER.replace("USERNAME", "José"))), "--yes")
    assert done.code == 0, done.err
    assert list(Person.objects.filter(user=oak.user_id)) == [oak]
    assert not User.objects.get(username="jose").is_staff
    assert Person.objects.get(organization__slug="elm").user != oak.user
    assert User.objects.get(username="José").email == "jose@elm.example"


def test_two_organisations_of_a_file_share_nobody_unless_it_says_so(run: Command, write: Write) -> None:
    text = SMALL + STRANGER.replace("USERNAME", "Ann")
    done = run("config", "import", str(write(text)), "--yes")
    assert (done.code, SOMEBODY_ELSES in done.err, User.objects.count()) == (2, True, 0)
    text = text.replace('username = "Ann"', 'username = "Ann"\nexisting_user = true')
    assert run("config", "import", str(write(text)), "--yes").code == 0
    assert User.objects.get().people.count() == 2


def test_names_may_be_spelled_otherwise_in_the_file(world: World, run: Command, write: Write) -> None:
    text = SMALL.replace('slug = "riverside"', 'slug = "Riverside"').replace('"ann"', '"ANN"').replace('"studio"', '"Studio"')
    text = text.replace('tier = "basic"', 'tier = "Basic"').replace('key = "crm"', 'key = "CRM"')
    assert run("config", "import", str(write(text)), "--yes").code == 0
    assert "Nothing to change" in run("config", "import", str(write(SMALL))).out
    assert ApiKey.objects.get().name == "studio"
    assert set(Organization.objects.tenants().values_list("slug", flat=True)) == {"riverside", "harbor"}


def test_an_export_says_who_is_of_several_organisations(world: World, run: Command, write: Write) -> None:
    tier = world.harbor.tiers.get(name="basic")
    Person.objects.create(organization=world.harbor, user=world.bea.user, tier=tier)
    text = run("config", "export", "harbor").out
    assert text.count("existing_user = true") == 1
    assert "Nothing to change" in run("config", "import", str(write(text))).out
    assert "existing_user" not in run("config", "export", "riverside").out.partition('username = "ann"')[2].partition("[[")[0]


def test_connectors_may_stand_in_for_one_that_comes_later(run: Command, write: Write) -> None:
    head = "[[organization.connector]]"
    backup = f'{head}\nkey = "backup"\nkind = "database"\nname = "B"\nfallback_for = "crm"\noptions = {{ url = "x" }}\n'
    assert run("config", "import", str(write(SMALL.replace(head, backup + head))), "--yes").code == 0
    fallback = Connector.objects.get(key="backup").fallback_for
    assert fallback is not None
    assert fallback.key == "crm"


def test_a_changed_secret_is_told_and_never_shown(
    run: Command, write: Write, monkeypatch: pytest.MonkeyPatch, secrets_set: dict[str, str]
) -> None:
    first = run("config", "import", str(write(SMALL)), "--yes")
    monkeypatch.setenv("RIVERSIDE_HUBSPOT_TOKEN", "another-planted-value")
    second = run("config", "import", str(write(SMALL)), "--yes")
    assert "riverside: connector crm: secrets.token changed" in second.out
    third = run("config", "export", "riverside")
    printed = first.out + second.out + third.out + str(list(AccessEntry.objects.values()))
    assert not [value for value in (*secrets_set.values(), "another-planted-value") if value in printed]
    assert Connector.objects.get(key="crm").secrets == {"token": "another-planted-value"}


def test_an_import_is_on_record_of_each_changed_organisation(run: Command, write: Write) -> None:
    run("config", "import", str(write(SMALL)), "--yes")
    entry = AccessEntry.objects.get(event="config_import")
    assert (entry.actor_kind, entry.organization.slug, entry.detail["changes"] > 5) == ("operator", "riverside", True)
    assert audit.verify(entry.organization) == 1


@pytest.mark.parametrize(
    ("lines", "currency"),
    [("", "USD"), ('region = "MX"', "MXN"), ('region = "MX"\ncurrency = "USD"', "USD"), ('currency = ""', "USD")],
)
def test_an_organisation_without_a_currency_gets_its_country_s(run: Command, write: Write, lines: str, currency: str) -> None:
    text = f"""[[organization]]
slug = "elm"
name = "Elm"
{lines}
[[organization.connector]]
key = "list"
kind = "database"
name = "List"
options.url = "mysql://reader@db.example.org/clients"
secrets.password = "env:RIVERSIDE_DB_PASSWORD"
currency = "CAD"
"""
    done = run("config", "import", str(write(text)), "--yes")
    assert done.code == 0, done.err
    elm = Organization.objects.get(slug="elm")
    assert (elm.currency, elm.connectors.get().currency) == (currency, "CAD")
    exported = run("config", "export", "elm").out
    assert f'currency = "{currency}"' in exported
    assert "Nothing to change" in run("config", "import", str(write(exported))).out


@pytest.mark.parametrize("entered", ["usd", "US", "XYZ", "€", "DOLLARS"])
def test_what_is_no_currency_is_refused_with_what_to_write(run: Command, write: Write, entered: str) -> None:
    done = run(
        "config", "import", str(write(f'[[organization]]\nslug = "elm"\nname = "Elm"\ncurrency = "{entered}"\n')), "--yes"
    )
    assert done.code == 2
    assert "Use three letters, like USD." in done.err


def test_an_unedited_export_shows_no_difference(run: Command, write: Write) -> None:
    run("config", "import", str(EXAMPLE), "--yes", "--skip-unknown-kinds")
    exported = run("config", "export", "riverside")
    assert exported.code == 0
    assert "env:RIVERSIDE_HUBSPOT_TOKEN" in exported.out
    done = run("config", "import", str(write(exported.out)))
    assert (done.code, "Nothing to change" in done.out) == (0, True), done.out + done.err


def test_an_export_is_the_same_to_the_byte(run: Command, write: Write) -> None:
    nightly = """
[[organization.api_key]]
name = "nightly"
key = "env:RIVERSIDE_DB_PASSWORD"
tier = "advanced"
scopes = ["lookup"]
expires = 2031-01-31T00:00:00Z
"""
    run("config", "import", str(write(EXAMPLE.read_text(encoding="utf-8") + nightly)), "--yes", "--skip-unknown-kinds")
    exported = run("config", "export", "riverside").out
    assert exported == EXPORTED.read_text(encoding="utf-8")
    assert "Nothing to change" in run("config", "import", str(EXPORTED)).out


def test_a_twilio_account_of_two_organisations_of_a_file_is_refused(run: Command, write: Write) -> None:
    account = '\n[[organization.twilio]]\naccount_sid = "AC{}"\nauth_tokens = ["env:RIVERSIDE_TWILIO_TOKEN"]\n'.format("7" * 32)
    elm = '\n[[organization]]\nslug = "elm"\nname = "Elm"\n'
    done = run("config", "import", str(write(SMALL + account + elm + account)), "--yes")
    assert done.code == 2
    assert "The same account_sid stands in line" in done.err


def test_shared_numbers_are_kept_as_they_are_compared(run: Command, write: Write) -> None:
    shared = SMALL.replace('name = "Riverside"', 'name = "Riverside"\nshared_numbers = ["(415) 555-0150", "+14155550150"]')
    run("config", "import", str(write(shared)), "--yes")
    assert Organization.objects.get(slug="riverside").shared_numbers == ["+14155550150"]
    assert "Nothing to change" in run("config", "import", str(write(shared))).out
    exported = run("config", "export", "riverside").out
    assert 'shared_numbers = ["+14155550150"]' in exported
    assert "Nothing to change" in run("config", "import", str(write(exported))).out


@pytest.mark.parametrize(("number", "why"), [("555-0150", "area code"), ("999-999-9999", "no one"), ("front desk", "letters")])
def test_a_shared_number_that_is_none_is_refused(run: Command, write: Write, number: str, why: str) -> None:
    done = run(
        "config", "import", str(write(SMALL.replace('name = "Riverside"', f'name = "R"\nshared_numbers = ["{number}"]')))
    )
    assert (done.code, why in done.err, "shared_numbers" in done.err) == (2, True, True)


def test_a_system_of_another_country_is_imported_told_and_exported(run: Command, write: Write) -> None:
    run("config", "import", str(write(SMALL)), "--yes")
    abroad = str(write(SMALL.replace('name = "HubSpot"', 'name = "HubSpot"\nregion = "MX"')))
    assert "connector crm: region" in run("config", "import", abroad).out
    run("config", "import", abroad, "--yes")
    assert Connector.objects.get(key="crm").region == "MX"
    exported = run("config", "export", "riverside").out
    assert 'region = "MX"' in exported
    assert "Nothing to change" in run("config", "import", str(write(exported))).out


def test_an_export_of_what_was_typed_in_the_admin_names_placeholders(
    world: World, run: Command, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    Connector.objects.create(organization=world.riverside, key="crm", kind="hubspot", name="CRM", secrets={"token": "typed"})
    key = ApiKey(organization=world.riverside, name="my key", tier=world.bea.tier, scopes=["lookup"])
    key.set_key("typed-key")
    key.save()
    make_person(world.riverside, "left", world.bea.role, "basic")
    Person.objects.filter(user__username="left").update(active=False)
    exported = run("config", "export", "riverside").out
    assert 'secrets = {token = "env:CHANGE_ME_CRM_TOKEN"} # CHANGE_ME: ' in exported
    assert "env:CHANGE_ME_API_KEY_MY_KEY" in exported
    assert "typed" not in exported
    monkeypatch.setenv("CHANGE_ME_CRM_TOKEN", "typed")
    monkeypatch.setenv("CHANGE_ME_API_KEY_MY_KEY", "typed-key")
    done = run("config", "import", str(write(exported)))
    assert (done.code, "Nothing to change" in done.out) == (0, True), done.out + done.err


def test_an_unknown_organisation_is_told_with_the_known_ones(run: Command) -> None:
    make_organization("harbor")
    done = run("config", "export", "nowhere")
    assert (done.code, done.out) == (2, "")
    assert "harbor" in done.err


urlpatterns = [url("reset/<uidb64>/<token>/", lambda request: None, name="password_reset_confirm")]  # type: ignore[arg-type, misc, return-value]


@pytest.mark.urls(__name__)
def test_newcomers_are_mailed_a_link_once(run: Command, write: Write) -> None:
    done = run("config", "import", str(write(SMALL)), "--yes", "--invite")
    assert (done.code, "Invited ann" in done.out) == (0, True)
    [message] = mail.outbox
    assert message.to == ["ann@riverside.example"]
    assert "http://127.0.0.1:8000/reset/" in message.body
    run("config", "import", str(write(SMALL.replace("Riverside", "River"))), "--yes", "--invite")
    assert len(mail.outbox) == 1


@pytest.mark.urls(__name__)
def test_a_mail_that_cannot_be_sent_is_told_after_the_import(
    run: Command, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise OSError

    monkeypatch.setattr(invitations.EmailMessage, "send", refuse)
    done = run("config", "import", str(write(SMALL)), "--yes", "--invite")
    assert (done.code, "ann" in done.err) == (1, True)
    assert Person.objects.filter(user__username="ann").exists()


def test_two_people_may_swap_their_flex_workers(run: Command, write: Write) -> None:
    one, two = f"WK{'1' * 32}", f"WK{'2' * 32}"
    text = SMALL.replace('tier = "admin"', f'tier = "admin"\nworker_sid = "{one}"')
    text += f'[[organization.person]]\nusername = "bea"\nrole = "agent"\ntier = "basic"\nworker_sid = "{two}"\n'
    assert run("config", "import", str(write(text)), "--yes").code == 0
    swapped = text.replace(one, "?").replace(two, one).replace("?", two)
    assert run("config", "import", str(write(swapped)), "--yes").code == 0
    assert dict(Person.objects.values_list("user__username", "worker_sid")) == {"ann": two, "bea": one}


@pytest.mark.parametrize(
    "text",
    [
        "organization = [1]\n",
        '[[organization]]\nslug = "aa"\nname = "A"\nconnector = 3\nperson = [1]\ntier = [{}]\n',
        '[[organization]]\nslug = 1\nname = ""\n[[organization.connector]]\nkey = 1\nsecrets = "plain-secret-text"\n',
        SMALL.replace("{ token =", '{ other = "plain-secret-text", token ='),
        SMALL.replace("secrets = {", "secrets = { token = 2026-01-01 }\noptions = {"),
    ],
)
def test_values_of_the_wrong_shape_are_sentences(text: str, run: Command, write: Write) -> None:
    done = run("config", "import", str(write(text)), "--yes")
    assert (done.code, bool(done.err), "plain-secret-text" in done.err) == (2, True, False)


def test_somebody_who_is_new_in_two_organisations_is_made_once(run: Command, write: Write) -> None:
    other = '[[organization]]\nslug = "harbor"\nname = "Harbor"\n[[organization.person]]\nusername = "ann"\n'
    other += "existing_user = true\n"
    text = f'{SMALL}{other}email = "other@harbor.example"\nrole = "agent"\ntier = "basic"\n'
    assert run("config", "import", str(write(text)), "--yes").code == 0
    assert User.objects.get().email == "ann@riverside.example"
    assert "Nothing to change" in run("config", "import", str(write(text))).out
