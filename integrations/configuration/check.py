"""Everything that is checked before anything is written: shapes, references within the file, secrets, and the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ValidationError

from integrations import connectors
from integrations.configuration import schema
from integrations.configuration.check_connector import check_connector, kept_for_another
from integrations.configuration.check_people import check_across, check_people, person_facts
from integrations.configuration.references import Secret, Unresolved, resolve
from integrations.configuration.relations import relation_problems
from integrations.configuration.source import Problem, Problems, Source, Where
from integrations.configuration.state import PLAIN, Facts, Place, State, secrets_of, stored
from integrations.configuration.wording import findings
from integrations.models import ApiKey, CustomField, Organization, TwilioAccount
from integrations.models.keys import folded
from integrations.models.people import DEFAULT_TIERS
from integrations.profile import FIELDS, Field, Sensitivity, vocabulary_with
from integrations.redaction import is_never

# Section → its table's model, and the key by which the file matches its entries.
_SECTIONS: dict[str, tuple[type[schema.Table], str]] = {
    "twilio": (schema.Twilio, "account_sid"),
    "tier": (schema.Tier, "name"),
    "field": (schema.OwnField, "name"),
    "connector": (schema.Connector, "key"),
    "person": (schema.Person, "username"),
    "api_key": (schema.ApiKey, "name"),
}


@dataclass(frozen=True)
class Checked:
    """What the file wants, one state per organisation. ``notes`` tell what was left out on request."""

    wanted: list[State]
    notes: list[str]


def check(source: Source, *, skip_unknown_kinds: bool = False) -> Checked:
    """Raises Problems with everything that is wrong. Contacts no system and writes nothing."""
    raw = source.data.get("organization")
    problems = [
        source.problem((key,), "This key is not known. Remove it, or put it into an [[organization]] table.")
        for key in source.data
        if key != "organization"
    ]
    if not isinstance(raw, list) or not raw:
        raise Problems([*problems, source.problem(("organization",), "Add at least one [[organization]] table.")])
    checks = [_OrganizationCheck(source, index, skip_unknown_kinds) for index in range(len(raw))]
    for one in checks:
        one.run()
        problems += one.problems
    problems += _shared_within_file(source, checks)
    everybody = ((str(one.table.slug), entry) for one in checks if one.table for entry in one.rows("person"))
    problems += [source.problem(where, sentence) for where, sentence in check_across(everybody)]
    if problems:
        raise Problems(problems)
    return Checked([one.state() for one in checks], [note for one in checks for note in one.notes])


def _shared_within_file(source: Source, checks: list[_OrganizationCheck]) -> Iterator[Problem]:
    """What may occur once in a file, whatever the organisation: slugs, Twilio accounts, API keys' values."""
    seen: dict[tuple[str, str], Where] = {}
    for one in checks:
        unique: list[tuple[str, str, Where]] = [("slug", str(one.table.slug), (*one.where, "slug"))] if one.table else []
        unique += [("account_sid", row.account_sid, (*where, "account_sid")) for where, row in one.rows("twilio")]
        unique += [("key", secret.fingerprint, where) for where, secret in one.api_secrets.items()]
        for what, value, where in unique:
            if (first := seen.setdefault((what, value), where)) != where:
                yield source.problem(
                    where, f"The same {what} stands in line {source.line_of(first)} already. Each may be there once."
                )


@dataclass
class _OrganizationCheck:
    """One ``[[organization]]`` of the file."""

    source: Source
    index: int
    skip_unknown_kinds: bool
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    table: schema.Organization | None = None
    sections: dict[str, list[tuple[Where, Any]]] = field(default_factory=dict)
    secrets: dict[Where, Secret] = field(default_factory=dict)
    api_secrets: dict[Where, Secret] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)

    @property
    def where(self) -> Where:
        return ("organization", self.index)

    @property
    def raw(self) -> Any:
        return self.source.data["organization"][self.index]

    def rows(self, section: str) -> list[tuple[Where, Any]]:
        return self.sections.get(section, [])

    def run(self) -> None:
        own = {key: value for key, value in self.raw.items() if key not in _SECTIONS} if isinstance(self.raw, dict) else {}
        self.table = self._validated(self.where, own, schema.Organization)
        for section, (model, key) in _SECTIONS.items():
            self.sections[section] = list(self._read_section(section, model))
            self._check_unique(section, key)
        if self.table is not None:
            rows = {section: [row for _, row in self.rows(section)] for section in _SECTIONS}
            self.table = self.table.model_copy(update=rows)
        self._check_tiers()
        self._check_fields()
        self._check_twilio()
        self._check_connectors()
        self._check_people()
        self._check_api_keys()

    def problem(self, where: Where, sentence: str) -> None:
        self.problems.append(self.source.problem(where, sentence))

    # -- Shapes ---------------------------------------------------------------------------------------------------

    def _read_section(self, section: str, model: type[schema.Table]) -> Iterator[tuple[Where, Any]]:
        raw = self.raw.get(section, []) if isinstance(self.raw, dict) else []
        where = (*self.where, section)
        if not isinstance(raw, list):
            self.problem(where, f"Write this as [[organization.{section}]], with two brackets.")
            return
        for position, entry in enumerate(raw):
            if (row := self._validated((*where, position), entry, model)) is not None:
                yield (*where, position), row

    def _validated[T: BaseModel](self, where: Where, raw: Any, model: type[T]) -> T | None:
        """The table, without its bad keys where it can do without them, so that the rest is checked in the same go."""
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            bad: set[str | int] = set()
            for place, sentence in findings(error, model):
                self.problem((*where, *place), sentence)
                bad.update(place[:1])
        if not isinstance(raw, dict):
            return None
        try:
            return model.model_validate({key: value for key, value in raw.items() if key not in bad})
        except ValidationError:
            return None

    def _check_unique(self, section: str, key: str) -> None:
        counted = Counter[str]()
        for where, row in self.rows(section):
            value = getattr(row, key)
            counted[value] += 1
            if counted[value] > 1:
                self.problem((*where, key), f"{value} stands here twice. Remove one, or give it another {key}.")

    def _named(self, section: str) -> set[str]:
        """Names in the file, those of entries with a mistake included: one mistake is reported once."""
        raw = self.raw.get(section) if isinstance(self.raw, dict) else None
        key = _SECTIONS[section][1]
        return (
            {folded(str(entry[key])) for entry in raw if isinstance(entry, dict) and key in entry}
            if isinstance(raw, list)
            else set()
        )

    # -- What refers to what --------------------------------------------------------------------------------------

    def _check_tier(self, where: Where, tier: str) -> None:
        known = self._named("tier") or set(DEFAULT_TIERS)
        if tier not in known:
            self.problem(where, f"There is no tier called {tier!r}. Use one of: {', '.join(sorted(known))}.")

    def _check_tiers(self) -> None:
        for where, tier in self.rows("tier"):
            for target in tier.rules:
                if target == Sensitivity.NEVER or is_never(target) or _is_never_field(target):
                    self.problem((*where, "rules", target), "Values of this kind are never shown. Remove the rule.")
                elif target not in schema.SENSITIVITIES and target not in FIELDS and target not in self._named("field"):
                    self.problem(
                        (*where, "rules", target),
                        "This is neither a sensitivity nor a field. Correct it, or add the field as [[organization.field]].",
                    )
        if self.table and self.table.flex_roles:
            for name, role in self.table.flex_roles.items():
                self._check_tier((*self.where, "flex_roles", name, "tier"), role.tier)

    def _check_fields(self) -> None:
        for where, own in self.rows("field"):
            if own.name in FIELDS or own.name in set(Sensitivity):
                self.problem(
                    (*where, "name"), "The portal already has a field or sensitivity of this name. Choose another name."
                )
            elif is_never(own.name):
                self.problem((*where, "name"), "Values of this kind are never shown, so no field can hold them. Remove it.")

    @property
    def _vocabulary(self) -> Mapping[str, Field]:
        return vocabulary_with(CustomField(**row.model_dump()).definition() for _, row in self.rows("field"))

    def _check_twilio(self) -> None:
        for where, account in self.rows("twilio"):
            for position, reference in enumerate(account.auth_tokens):
                self._resolve((*where, "auth_tokens", position), reference, ("twilio", account.account_sid, position))
            owner = TwilioAccount.objects.filter(account_sid=account.account_sid).select_related("organization").first()
            if owner and self.table and owner.organization.slug != self.table.slug:
                self.problem((*where, "account_sid"), "This account belongs to another organisation. Correct the account SID.")

    def _check_connectors(self) -> None:
        known_kinds = connectors.kinds()
        for where, row in self.rows("connector"):
            if row.kind not in known_kinds and self.skip_unknown_kinds:
                self.left_out.add(row.key)
                self.notes.append(f"{self._slug}: connector {row.key}: left out, because this version has no kind {row.kind!r}")
                continue
            secrets = {
                name: self._resolve((*where, "secrets", name), reference, ("connector", row.key, name))
                for name, reference in row.secrets.items()
            }
            if row.kind in known_kinds:
                self._check_references(where, row)
                if self.table:
                    values = {name: secret.value for name, secret in secrets.items() if secret}
                    unresolved = self._secret_names(where) - values.keys()
                    own_fields = self._named("field")
                    found = check_connector(row, self.table, values, unresolved, self._vocabulary, own_fields)
                    kept = [name for name, secret in secrets.items() if secret and secret.unreferenced]
                    for place, sentence in [*found, *kept_for_another(row, self._slug, kept)]:
                        self.problem((*where, *place), sentence)
            else:
                self.problem(
                    (*where, "kind"),
                    f"There is no kind of system called {row.kind!r}. Use one of: {', '.join(known_kinds)}; "
                    "or leave such connectors out with --skip-unknown-kinds.",
                )

    def _secret_names(self, where: Where) -> set[str]:
        """The secrets' names as they stand in the file, those included that are no references."""
        raw = self.raw["connector"][where[-1]].get("secrets", {})
        return set(raw) if isinstance(raw, dict) else set()

    def _check_references(self, where: Where, row: schema.Connector) -> None:
        rows = {other.key: other for _, other in self.rows("connector")}
        # One with a mistake of its own is there all the same.
        others = dict.fromkeys(self._named("connector"), "")
        asked_by = others | {key: other.details_by for key, other in rows.items()}
        stands_in = others | {key: other.fallback_for for key, other in rows.items()}
        for name, sentence in relation_problems(row.key, row.details_by, row.fallback_for, asked_by, stands_in):
            self.problem((*where, name), sentence)

    def _check_people(self) -> None:
        for where, person in self.rows("person"):
            self._check_tier((*where, "tier"), person.tier)
        for where, sentence in check_people(self.rows("person"), self._named("person"), self._slug):
            self.problem(where, sentence)

    def _check_api_keys(self) -> None:
        for where, key in self.rows("api_key"):
            self._check_tier((*where, "tier"), key.tier)
            if (secret := self._resolve((*where, "key"), key.key, ("api_key", key.name, "key"))) is None:
                continue
            self.api_secrets[(*where, "key")] = secret
            owner = ApiKey.objects.filter(hash=secret.fingerprint).select_related("organization").first()
            if owner and (owner.organization.slug, owner.name) != (self._slug, key.name):
                self.problem((*where, "key"), "Another API key has this value already. Make a new value for this one.")

    @property
    def _slug(self) -> str:
        return self.table.slug if self.table else ""

    def _resolve(self, where: Where, reference: str, place: Place) -> Secret | None:
        """What ``reference`` names; for the placeholder that an export shows for this very secret, what is stored."""
        try:
            self.secrets[where] = resolve(reference)
        except Unresolved as error:
            kept = self._without_reference.get(place)
            if kept and kept.reference == reference:
                self.secrets[where] = kept
            else:
                self.problem(where, str(error))
        return self.secrets.get(where)

    @cached_property
    def _without_reference(self) -> dict[Place, Secret]:
        """The organisation's stored secrets that came from no reference."""
        organizations = Organization.objects.filter(slug=self._slug)
        found = [item for one in organizations for item in secrets_of(stored(one))]
        return {place: secret for place, secret in found if secret.unreferenced}

    # -- The result -----------------------------------------------------------------------------------------------

    def state(self) -> State:
        """What the file wants of this organisation. Only after run() found no problem."""
        table = self.table
        assert table is not None  # noqa: S101 -- a problem was reported otherwise
        return State(
            slug=table.slug,
            facts={
                **{name: getattr(table, name) for name in PLAIN},
                "retention_days": table.retention_days.model_dump(),
                "flex_roles": table.roles,
            },
            sections={
                "tier": {name: {"rules": dict(rules)} for name, rules in table.tiers.items()},
                "field": {own.name: own.model_dump(exclude={"name"}) for own in table.field},
                "connector": {
                    row.key: self._connector_facts(where, row)
                    for where, row in self.rows("connector")
                    if row.key not in self.left_out
                },
                "twilio": {
                    account.account_sid: {
                        "auth_tokens": [self.secrets[(*where, "auth_tokens", n)] for n in range(len(account.auth_tokens))],
                        "workspace_sid": account.workspace_sid,
                    }
                    for where, account in self.rows("twilio")
                },
                "person": {person.username: person_facts(person, table.slug) for person in table.person},
                "api_key": {
                    key.name: {**key.model_dump(exclude={"name"}), "key": self.secrets[(*where, "key")]}
                    for where, key in self.rows("api_key")
                },
            },
            left_out=frozenset(self.left_out),
            existing_users=frozenset(person.username for person in table.person if person.existing_user),
        )

    def _connector_facts(self, where: Where, row: schema.Connector) -> Facts:
        main = row.fallback_for
        if main in self.left_out:
            self.notes.append(f"{self._slug}: connector {row.key}: asked on every call, because {main} was left out")
            main = ""
        return {
            **row.model_dump(exclude={"key", "cache", "limits", "timeout_ms"}),
            "cache": row.cache.model_dump(exclude_none=True),
            "limits": row.limits.model_dump(exclude_none=True),
            "timeout_ms": row.timeout_ms or connectors.kinds()[row.kind].default_timeout_ms,
            "secrets": {name: self.secrets[(*where, "secrets", name)] for name in row.secrets},
            "fallback_for": main,
        }


def _is_never_field(name: str) -> bool:
    return name in FIELDS and FIELDS[name].sensitivity is Sensitivity.NEVER
