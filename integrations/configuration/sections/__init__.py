"""The sections of the configuration file, one entry each: whoever reads, checks, compares, stores or exports walks this table.

A new one is a table in ``schema.py``, a module of functions here, an entry below, and ``exported`` in the registry of models.
"""

from __future__ import annotations

from integrations.configuration import schema
from integrations.configuration.sections import api_keys, connectors, fields, menu_rules, people, tiers, twilio
from integrations.configuration.sections.section import Section
from integrations.configuration.state import Facts, State, own_facts
from integrations.models import Organization

# In the order in which they stand in an export and are written: what is referred to comes first.
SECTIONS = (
    Section(
        name="tier",
        key="name",
        words="tier",
        table=schema.Tier,
        check=tiers.check,
        wanted=tiers.wanted,
        stored=tiers.stored,
        absent=tiers.absent,
        write=tiers.write,
        retire=tiers.retire,
    ),
    Section(
        name="twilio",
        key="account_sid",
        words="Twilio account",
        table=schema.Twilio,
        check=twilio.check,
        across=twilio.across,
        wanted=twilio.wanted,
        stored=twilio.stored,
        write=twilio.write,
        unless_empty=("auth_tokens",),
    ),
    Section(
        name="field",
        key="name",
        words="field",
        table=schema.OwnField,
        check=fields.check,
        wanted=fields.wanted,
        stored=fields.stored,
        absent=fields.absent,
        write=fields.write,
        retire=fields.retire,
    ),
    Section(
        name="connector",
        key="key",
        words="connector",
        table=schema.Connector,
        check=connectors.check,
        wanted=connectors.wanted,
        stored=connectors.stored,
        absent=connectors.absent,
        write=connectors.write,
        after=connectors.link_fallbacks,
        retire=connectors.retire,
        unless_empty=("allow_private", "hosts"),
    ),
    Section(
        name="person",
        key="username",
        words="person",
        table=schema.Person,
        check=people.check,
        across=people.across,
        wanted=people.wanted,
        stored=people.stored,
        absent=people.absent,
        before=people.free_worker_sids,
        write=people.write,
        retire=people.retire,
        more=people.users_of_others,
    ),
    # People name it by its ``name``: as its ``key`` somebody may have put down the secret itself.
    Section(
        name="api_key",
        key="name",
        words="API key",
        table=schema.ApiKey,
        check=api_keys.check,
        across=api_keys.across,
        wanted=api_keys.wanted,
        stored=api_keys.stored,
        absent=api_keys.absent,
        write=api_keys.write,
        retire=api_keys.retire,
        moments=("expires",),
    ),
    Section(
        name="menu_rule",
        key="name",
        words="menu rule",
        table=schema.MenuRule,
        check=menu_rules.check,
        wanted=menu_rules.wanted,
        stored=menu_rules.stored,
        absent=menu_rules.absent,
        write=menu_rules.write,
        retire=menu_rules.retire,
        unless_empty=("options",),
    ),
)


def key_by_section() -> dict[str, str]:
    """Section → the key by which the file matches its entries."""
    return {section.name: section.key for section in SECTIONS}


def named_by() -> dict[str, str]:
    """The key by which the tables of each array are named to people."""
    return {"organization": "slug", **key_by_section()}


def stored(organization: Organization) -> State:
    """The organisation as the database holds it."""
    active: dict[str, dict[str, Facts]] = {section.name: {} for section in SECTIONS}
    inactive: dict[str, dict[str, Facts]] = {section.name: {} for section in SECTIONS}
    for section in SECTIONS:
        for held in section.stored(organization):
            (active if held.active else inactive)[section.name][held.name] = held.facts
    return State(organization.slug, own_facts(organization), active, inactive)
