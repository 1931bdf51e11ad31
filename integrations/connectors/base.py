"""What every connector is: the contract between the portal and one kind of system.

A connector knows its vendor and nothing of viewers, cache, database or other connectors. It receives everything as
arguments, returns data, or raises from ``integrations.errors``. None found is ``[]``, never an error.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from jmespath.exceptions import JMESPathError
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
from pydantic import Field as PydanticField

from integrations import words
from integrations.coercion import Habits
from integrations.connectors.expressions import compiled
from integrations.connectors.leaving_out import is_left_out
from integrations.connectors.mapping import FieldMapping
from integrations.connectors.verifying import holds
from integrations.deadline import Deadline
from integrations.errors import ConfigurationError, InvalidResponse
from integrations.outbound.network import PUBLIC_ONLY, NetworkPolicy
from integrations.outbound.recording import record_read, remark
from integrations.phone import Number
from integrations.profile import FIELDS, JSON, Field, FieldType, Match, SourceRecord, same_id
from integrations.redaction import drop_never, scrub
from integrations.search_query import SearchQuery
from integrations.sentences import gettext_noop
from integrations.stored_numbers import with_country_code

# What a kind may say of itself that it can do.
CAPABILITIES = frozenset({"find", "details", "search", "availability", "perform", "webhook", "poll", "health"})
# More people than this behind one number cannot be chosen among on a screen.
MAX_RECORDS = 10
# So many are held against the number before the rest is cut off: systems over-match, and the right one may be the last.
MAX_CANDIDATES = 500
# So many a vendor is asked for that compares numbers more loosely than we do.
MAX_ASKED = 100
# What a call keeps of whom the agent picked (models.CallRecord).
MAX_RECORD_ID = 190


class ConnectorOptions(BaseModel):
    """What an admin sets for a connector. Kinds add their own; each field's description is the admin's help text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    external_id: str | None = PydanticField(
        None, description="Where an id stands that other systems have too, to recognise the same person."
    )

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts of the one vendor that these options are for, beside those of the kind."""
        return ()

    @field_validator("external_id")
    @classmethod
    def an_expression(cls, entered: str | None) -> str | None:
        """Raises ValueError, pydantic's way."""
        try:
            if entered:
                compiled(entered, "external_id")
        except ConfigurationError as problem:
            raise ValueError(str(problem).removeprefix("external_id: ")) from None
        return entered


class ConnectorSecrets(BaseModel):
    """What an admin enters once and never sees again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def in_use(cls, options: ConnectorOptions) -> frozenset[str]:
        """The secrets that a system with these options signs in with: all, unless a kind knows better."""
        return frozenset(cls.model_fields)


@dataclass(frozen=True)
class SourceSettings:
    """One configured source, as an immutable snapshot: everything its connector needs.

    ``options`` and ``secrets`` are the stored JSON, validated by the kind's models. ``mapping`` adds to or overrides
    the kind's own field table (``False`` unmaps). ``vocabulary`` holds the organisation's fields, its own included.
    ``region``, ``zone`` and ``currency`` are for stored numbers, times and amounts that carry none; ``home`` is the
    organisation's region, where the connector has another. ``details_by`` as in the configuration file.
    """

    key: str
    label: str
    kind: str
    organization: str
    options: Mapping[str, JSON] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    mapping: Mapping[str, str | bool] = field(default_factory=dict)
    vocabulary: Mapping[str, Field] = field(default_factory=lambda: FIELDS)
    region: str = "US"
    home: str = ""
    zone: str = "UTC"
    currency: str = ""
    details_by: str = ""
    network: NetworkPolicy = PUBLIC_ONLY
    sources_dir: Path = Path("sources")
    concurrency: int = 10

    @cached_property
    def habits(self) -> Habits:
        """The habits by which its values are read."""
        return Habits(ZoneInfo(self.zone), self.region, self.currency)


@dataclass(frozen=True)
class DetailKeys:
    """The keys by which the one linked person can be asked for at a second system."""

    record_ids: Mapping[str, str] = field(default_factory=dict)  # connector key → record id
    email: str = ""
    account_id: str = ""
    phone: str = ""
    hints: Mapping[str, JSON] = field(default_factory=dict)  # this connector's own record's hints


@dataclass(frozen=True)
class Health:
    """What a probe found: ``healthy``, ``degraded``, ``unhealthy`` or ``needs_attention``, with a sentence."""

    status: str
    message: str = ""


@dataclass(frozen=True)
class Limits:
    """How often a vendor lets one account ask. ``rps``: questions a second, ``concurrency``: at a time; 0: it does not say.

    ``why``: a sentence for the admin about where the figures come from.
    """

    rps: float = 0.0
    concurrency: int = 0
    why: str = ""


@dataclass(frozen=True)
class AvailabilityQuestion:
    """What somebody looks for. ``day`` is an ISO date."""

    service_type: str
    location: str
    day: str


@dataclass(frozen=True)
class AvailabilityOption:
    """One thing that may be had. ``next_at`` as the system writes it, or empty."""

    service: str = ""
    location: str = ""
    next_at: str = ""
    note: str = ""


@dataclass(frozen=True)
class Availability:
    """One system's answer; ``available`` is None where it does not say."""

    available: bool | None
    options: tuple[AvailabilityOption, ...] = ()


class Connector(ABC):
    """One configured source of one kind. Instances are shared by all lookups of a configuration version.

    Sub-classes set the class attributes and implement the methods that their ``capabilities`` name, which are checked when
    the class is loaded. ``field_table`` is the kind's own mapping: vocabulary name → JMESPath over one raw record.
    """

    kind: ClassVar[str]
    label: ClassVar[str]
    capabilities: ClassVar[frozenset[str]]
    Options: ClassVar[type[ConnectorOptions]]
    Secrets: ClassVar[type[ConnectorSecrets]] = ConnectorSecrets
    field_table: ClassVar[Mapping[str, str]]
    default_timeout_ms: ClassVar[int] = 5_000
    default_limits: ClassVar[Limits] = Limits()
    # Where a kind of one vendor's may be spoken to, unless a superuser allows another; ``*.`` is whatever is below.
    vendor_hosts: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        """Raises ConfigurationError, a sentence, for a capability that no connector can have."""
        super().__init_subclass__(**options)
        named: frozenset[str] = getattr(cls, "capabilities", frozenset())
        if unknown := named - CAPABILITIES:
            raise ConfigurationError(
                f"{cls.__name__} names capabilities that there are none of: {', '.join(sorted(unknown))}. "
                f"Use some of: {', '.join(sorted(CAPABILITIES))}."
            )

    def __init__(self, settings: SourceSettings) -> None:
        self.settings = settings
        self.key = settings.key

    @cached_property
    def options(self) -> Any:
        return self.Options.model_validate(dict(self.settings.options))

    @cached_property
    def secrets(self) -> Any:
        return self.Secrets.model_validate(dict(self.settings.secrets))

    @cached_property
    def network(self) -> NetworkPolicy:
        """The addresses that it may reach; the doors get this one."""
        return self.settings.network.of_vendor((*self.vendor_hosts, *self.options.hosts))

    @cached_property
    def mapping(self) -> FieldMapping:
        return FieldMapping(self.field_table, self.settings.mapping, self.settings.vocabulary)

    @classmethod
    def record_key(cls, written: str) -> str:
        """The same for every way in which people write one record's id. Raises ValueError, a sentence, for what is none."""
        return same_id(written)

    @property
    def field_expressions(self) -> dict[str, str]:
        """Field → expression, as it is configured."""
        return dict(self.mapping.expressions)

    @cached_property
    def _external_id(self) -> Any:
        return compiled(self.options.external_id, "external_id") if self.options.external_id else None

    @property
    def last_known_health(self) -> Health:
        """What its last answers told of it, without asking: with a sentence where an admin should know of something."""
        return Health("healthy")

    def can(self, capability: str) -> bool:
        """Whether this one, as it is configured, has one of the kind's capabilities."""
        return capability in self.capabilities

    def holds(self, number: Number, stored: JSON) -> bool:
        """Whether a stored value is this number. Systems over-match, so every hit is checked before it is shown."""
        return holds(stored, number, self.settings.region)

    async def find(self, number: Number, deadline: Deadline) -> list[SourceRecord]:
        """Everyone whose record holds this number, re-verified locally; ``[]`` if nobody's does."""
        raise NotImplementedError(f"{self.kind} cannot be asked by phone number")

    async def details(self, keys: DetailKeys, deadline: Deadline) -> list[SourceRecord]:
        """More about the one linked person; ``[]`` if this system does not know them."""
        raise NotImplementedError(f"{self.kind} has no details")

    async def search(self, search_query: SearchQuery, deadline: Deadline) -> list[SourceRecord]:
        """People of this name or e-mail address, at most MAX_HITS. They are verified by whoever asks."""
        raise NotImplementedError(f"{self.kind} cannot be searched")

    async def fetch(self, record_id: str, search_query: SearchQuery, deadline: Deadline) -> list[SourceRecord]:
        """The record that ``search_query`` once found: by asking the same again, unless a kind can ask for it by its id."""
        found = await (self.find(search_query.number, deadline) if search_query.number else self.search(search_query, deadline))
        return [record for record in found if record.record_id == record_id]

    async def availability(self, question: AvailabilityQuestion, deadline: Deadline) -> Availability:
        """Whether a service can be had, which is no caller's data."""
        raise NotImplementedError(f"{self.kind} knows nothing of services")

    async def health(self, deadline: Deadline) -> Health:
        """Whether the system answers and accepts our credentials, without touching any person's record."""
        raise NotImplementedError(f"{self.kind} cannot be probed")

    def has_details_for(self, keys: DetailKeys) -> bool:
        """Whether asking for details could add anything; saves the round trip when the first answer tells."""
        return True

    def counts_against_limit(self, question: str, keys: DetailKeys) -> bool:
        """Whether a question, named like the method that answers it, is one of those that ``limits.rps`` is about."""
        return True

    def read_sample(self, sample: JSON) -> list[SourceRecord]:
        """What would be read of a record, or of an answer with several, that an admin pastes; without asking anyone.

        Raises SourceError or ConfigurationError for a sample that this system would not send.
        """
        return [self.record(raw, raw.get("id") or place) for place, raw in enumerate(records_within(self.key, sample), 1)]

    async def warm_up(self, deadline: Deadline) -> None:  # noqa: B027 -- some kinds have nothing to do
        """Do what the first caller would else wait for, like signing in. Touches nobody's record. Raises SourceError."""

    async def close(self) -> None:  # noqa: B027 -- most kinds hold nothing
        """Let go of connections. Called when the configuration changes and at shutdown."""

    def record(
        self,
        raw: JSON,
        record_id: object,
        *,
        mapping: FieldMapping | None = None,
        matched: tuple[Match, ...] = (),
        **extra: Any,
    ) -> SourceRecord:
        """A raw record as the rest of the portal may see it. Raises InvalidResponse if it has no id, or one too long to keep.

        ``mapping``: that of this sort of record, where a kind has several.
        """
        own_id = words.record_id(record_id)
        if not own_id:
            raise UnusableRecord(self.key, "a record without an id")
        if len(own_id) > MAX_RECORD_ID:
            raise UnusableRecord(self.key, f"a record's id is longer than {MAX_RECORD_ID} characters")
        if scrub(own_id) != own_id:
            raise InvalidResponse(self.key, "a record's id is what nobody may see, like a card number: choose another id")
        raw, dropped = drop_never(raw)
        shared = words.shared_id(self._external_id_of(raw))
        fields, unreadable = (mapping or self.mapping).read(raw, self.settings.habits)
        if self.settings.home not in ("", self.settings.region):
            fields = {name: self._from_abroad(name, value) for name, value in fields.items()}
            matched = tuple(replace(one, stored=with_country_code(one.stored, self.settings.region)) for one in matched)
        read = SourceRecord(
            connector=self.key,
            record_id=own_id,
            fields=fields,
            matched=tuple(map(_scrubbed, matched)),
            external_id=shared if scrub(shared) == shared else "",
            unreadable=unreadable,
            **extra,
        )
        if not is_left_out(read):
            record_read(dropped)
        return read

    def _from_abroad(self, name: str, value: JSON) -> JSON:
        """A number with its country code, which goes without saying only where the system stands."""
        kind = self.settings.vocabulary[name].type
        if kind is FieldType.PHONES:
            return [with_country_code(one, self.settings.region) for one in value]
        return with_country_code(value, self.settings.region) if kind is FieldType.PHONE else value

    def _external_id_of(self, raw: JSON) -> JSON:
        try:
            return self._external_id.search(raw) if self._external_id else None
        except JMESPathError:
            return None  # it links this record to no other


def _scrubbed(match: Match) -> Match:
    stored = scrub(match.stored)
    return match if stored == match.stored else replace(match, stored=stored)


class UnusableRecord(InvalidResponse):
    """One record of several that cannot be told from others, which costs itself where the others can be kept."""


def usable[Raw](read: Callable[[Raw], SourceRecord], raws: Iterable[Raw]) -> list[SourceRecord]:
    """The records that can be kept; that others cannot is remarked."""
    kept = []
    for raw in raws:
        try:
            kept.append(read(raw))
        except UnusableRecord:
            remark(NO_ID)
    return kept


NO_ID = gettext_noop("A record of it has no id that can be used, so it is left out.")


# Below which key vendors send a list of records.
_LISTS = ("results", "records", "searchRecords", "rows", "data")


def records_within(connector: str, sample: JSON) -> list[dict[str, JSON]]:
    """The raw records of a pasted sample: itself, or those in its list. Raises InvalidResponse where there is none."""
    within = sample
    if isinstance(sample, dict):
        within = next((sample[name] for name in _LISTS if isinstance(sample.get(name), list)), sample)
    raws = within if isinstance(within, list) else [within]
    if not raws or any(not isinstance(raw, dict) for raw in raws):
        raise InvalidResponse(connector, "no record in the sample")
    return raws


def parsed[Model: BaseModel](model: type[Model], answer: JSON, connector: str) -> Model:
    """A system's answer in the shape that its kind relies on. Raises InvalidResponse naming the place and never the value."""
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"])
        raise InvalidResponse(connector, f"unexpected shape at {place or 'the top'}") from None
