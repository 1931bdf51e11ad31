"""What Studio is sent, and with what an account of Twilio's signs in, in and out of the configuration file."""

from __future__ import annotations

import pytest

from integrations.models import ConfigurationChange, Organization, TwilioAccount
from tests.configuration.conftest import Command, Write

ACCOUNT, KEY = f"AC{'1' * 32}", f"SK{'2' * 32}"
TEXT = f"""\
[[organization]]
slug = "riverside"
name = "Riverside"

[organization.studio]
share = ["email", "name"]

[[organization.twilio]]
account_sid = "{ACCOUNT}"
api_key = "{KEY}"
api_secret = "env:RIVERSIDE_SF_SECRET"
tier = "advanced"
"""
pytestmark = pytest.mark.django_db(transaction=True)


def test_it_goes_in_and_out_again_and_changes_nothing(run: Command, write: Write) -> None:
    assert run("config", "import", str(write(TEXT)), "--yes").code == 0
    organization = Organization.objects.get(slug="riverside")
    assert organization.studio_share == ["name", "email"]
    account = TwilioAccount.objects.get()
    assert (account.api_key_sid, account.api_secret, account.auth_tokens) == (KEY, "planted-sf_secret-value", [])
    assert account.tier == organization.tiers.get(name="advanced")
    exported = run("config", "export", "riverside").out
    assert 'share = ["name", "email"]' in exported
    assert 'api_secret = "env:RIVERSIDE_SF_SECRET"' in exported
    assert "planted" not in exported
    assert "Nothing to change" in run("config", "import", str(write(exported))).out


def test_what_changes_is_told_and_remembered_without_the_secret(run: Command, write: Write) -> None:
    run("config", "import", str(write(TEXT)), "--yes")
    changed = TEXT.replace('["email", "name"]', "[]").replace("SF_SECRET", "SF_ID").replace('"advanced"', '"admin"')
    done = run("config", "import", str(write(changed)), "--yes")
    assert 'riverside: studio.share: ["name", "email"] → []' in done.out
    assert f"Twilio account {ACCOUNT}: api_secret changed" in done.out
    assert f'Twilio account {ACCOUNT}: tier: "advanced" → "admin"' in done.out
    told = str(list(ConfigurationChange.objects.values()))
    assert "planted" not in told
    assert "tier" in told


def test_left_out_it_is_all_three(run: Command, write: Write) -> None:
    run("config", "import", str(write(TEXT)), "--yes")
    text = TEXT.replace('[organization.studio]\nshare = ["email", "name"]\n', "")
    assert run("config", "import", str(write(text)), "--yes").code == 0
    assert Organization.objects.get().studio_share == ["name", "email", "customer"]


@pytest.mark.parametrize(
    ("old", "new", "line", "path", "words"),
    [
        ('["email", "name"]', '["email", "phone"]', 6, "studio.share[2]", "name, email, customer"),
        ('["email", "name"]', '"name"', 6, "studio.share", "list"),
        (f'api_key = "{KEY}"\n', "", 8, f"twilio[{ACCOUNT}]", "belong together"),
        (f'api_key = "{KEY}"\napi_secret = "env:RIVERSIDE_SF_SECRET"\n', "", 8, f"twilio[{ACCOUNT}]", "needs auth_tokens"),
        (KEY, "SK1", 10, f"twilio[{ACCOUNT}].api_key", "SK followed"),
        ('"env:RIVERSIDE_SF_SECRET"', '"plain"', 11, f"twilio[{ACCOUNT}].api_secret", "reference"),
        ('"advanced"', '"gold"', 12, f"twilio[{ACCOUNT}].tier", "gold"),
    ],
)
def test_a_mistake_is_told_where_it_stands(
    old: str, new: str, line: int, path: str, words: str, run: Command, write: Write
) -> None:
    done = run("config", "import", str(write(TEXT.replace(old, new))), "--yes")
    assert done.code == 2
    assert f":{line}: organization[riverside].{path}: " in done.err, done.err
    assert words in done.err


def test_a_tier_stays_while_an_account_has_it(run: Command, write: Write) -> None:
    run("config", "import", str(write(TEXT)), "--yes")
    tiers = '[[organization.tier]]\nname = "basic"\nrules = { basic = "clear" }\n[organization.flex_roles]\n'
    done = run("config", "import", str(write(TEXT.partition("[[organization.twilio]]")[0] + tiers)), "--yes")
    assert "tier advanced: kept, because people, API keys or Twilio accounts still have it" in done.out
    assert "tier admin: deleted" in done.out
