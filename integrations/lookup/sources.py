"""The sources that an organisation has: its connectors as immutable, built, ready-to-ask objects."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import structlog
from pydantic import ValidationError

from integrations.connectors import build, kinds
from integrations.connectors.base import Connector, DetailKeys, Limits, SourceSettings
from integrations.errors import ConfigurationError
from integrations.lookup.breaker import Breaker
from integrations.lookup.cache import CachePolicy
from integrations.lookup.limiter import Limiter
from integrations.lookup.rate_limit import RateLimit
from integrations.lookup.restricted import Restricted, restricted_in
from integrations.lookup.source_settings import settings_of
from integrations.lookup.stored_rows import StoredRows
from integrations.models import Connector as ConnectorRow
from integrations.models import Organization
from integrations.models.connectors import vocabulary_of
from integrations.models.organizations import IdentityQuestion
from integrations.models.people import Effect, rule_for
from integrations.models.snapshots import Snapshots
from integrations.phone import Number
from integrations.profile import FIELDS, Field
from integrations.search_query import SearchQuery
from integrations.storage.database_thread import in_database_thread

log = structlog.get_logger(__name__)


@dataclass
class LatencyEstimate:
    """How long a source usually takes to answer: who takes longest is asked first."""

    usual_s: float = 0.0

    def took(self, seconds: float) -> None:
        self.usual_s += (seconds - self.usual_s) * _NEWS


_NEWS = 0.2  # the share of the latest answer in what is usual


@dataclass(frozen=True)
class Source:
    """One configured source. ``connector`` is None where the configuration cannot be used.

    ``details_by`` as in the configuration: a connector's key, ``field:email``, ``field:account_id`` or empty.
    ``fingerprint`` names its configuration: answers to another one do not count.
    ``fallback_for`` is the key of the source that this one is asked instead of, once that one has failed.
    """

    key: str
    label: str
    kind: str
    priority: int
    essential: bool
    timeout_s: float
    details_by: str
    fallback_for: str
    fingerprint: str
    cache_policy: CachePolicy
    breaker: Breaker
    limiter: Limiter
    latency: LatencyEstimate
    connector: Connector | None

    @cached_property
    def asked_by_phone(self) -> bool:
        return not self.details_by and self._can("find")

    @cached_property
    def has_details(self) -> bool:
        return self._can("details")

    def can_be_searched(self, search_query: SearchQuery) -> bool:
        """Whether it can be searched: by a number as a caller's is looked up, else where the kind can."""
        return self._can("find" if search_query.number else "search")

    @cached_property
    def knows_people(self) -> bool:
        """Whether it knows people, and not only services."""
        return self._can("find") or self.has_details

    @cached_property
    def tells_something(self) -> bool:
        """Whether some tier may see anything of it."""
        return self.connector is None or bool(self.connector.field_expressions)

    def counts_against_limit(self, question: str, keys: DetailKeys) -> bool:
        """Whether a question counts against the budget of questions a second."""
        return self.connector is None or self.connector.counts_against_limit(question, keys)

    def _can(self, capability: str) -> bool:
        if self.connector:
            return self.connector.can(capability)
        # A source that is not set up correctly is asked, fails and says so, rather than vanishing.
        kind = kinds().get(self.kind)
        return kind is None or capability in kind.capabilities


@dataclass(frozen=True)
class Plan:
    """What a lookup in one organisation needs to know; ``sources`` in the order of their priority."""

    organization_id: int
    vocabulary: Mapping[str, Field]
    sources: tuple[Source, ...]
    region: str  # for numbers that carry no country
    shared_numbers: frozenset[str] = frozenset()  # E.164; of many people, so that they tell nobody apart
    restricted: Restricted | None = None  # None where no system marks anybody, and nobody is listed

    def shares(self, number: Number | None) -> bool:
        """Whether many people have this number, so that nobody is taken for the caller by it."""
        return number is not None and not self.shared_numbers.isdisjoint(number.forms)


def _load_plan(organization_id: int) -> Plan:
    organization = Organization.objects.get(pk=organization_id)
    plan = _read_plan(organization)
    _retire_others(organization, [source.connector for source in plan.sources])
    return plan


def _read_plan(organization: Organization) -> Plan:
    vocabulary = vocabulary_of(organization)
    # Who stands in for a system that is switched off takes its place.
    rows = organization.connectors.filter(enabled=True).order_by("priority", "key")
    sources = tuple(_sources(organization, vocabulary, list(rows)).values())
    listed = restricted_in(organization.pk, kinds())
    marked = any("restricted" in source.connector.field_expressions for source in sources if source.connector)
    hidden = listed if marked or listed.listed else None
    return Plan(organization.pk, vocabulary, sources, organization.region, frozenset(organization.shared_numbers), hidden)


def every_source(organization: Organization, rows: Sequence[ConnectorRow]) -> dict[int, Source]:
    """All of an organisation's connectors as sources, by their ids, whether they are enabled or not. (sync)"""
    return _sources(organization, vocabulary_of(organization), rows)


def _sources(organization: Organization, vocabulary: Mapping[str, Field], rows: Sequence[ConnectorRow]) -> dict[int, Source]:
    keys = {row.pk: row.key for row in rows}
    asked = _asked(organization, vocabulary)
    return {row.pk: _source(row, organization, asked, keys) for row in rows}


def plan_with(organization_id: int, connector_id: int) -> tuple[Plan, Source]:
    """The organisation's plan, and one of its connectors as a source, whether it is enabled or not. (sync)

    Raises Connector.DoesNotExist for one of another organisation.
    """
    organization = Organization.objects.get(pk=organization_id)
    plan = _read_plan(organization)
    row = organization.connectors.get(pk=connector_id)
    keys = dict(organization.connectors.values_list("pk", "key"))
    return plan, _source(row, organization, _asked(organization, plan.vocabulary), keys)


# What the portal itself works with, whoever may see it: to link records, to ask by, to hold a record's numbers against the
# caller's, and to keep people out of sight. So it does with the answer to what callers are asked for.
_NEEDED = frozenset({"email", "account_id", "phone", "phones", "restricted"})


def _asked(organization: Organization, vocabulary: Mapping[str, Field]) -> dict[str, Field]:
    """The vocabulary with a mark on what no tier of the organisation may see: that is not asked for."""
    needed = _NEEDED | {IdentityQuestion(organization.identity_check).answered_by}
    tiers = [{rule.target: rule.effect for rule in tier.rules.all()} for tier in organization.tiers.prefetch_related("rules")]
    return {
        name: field if name in needed or _is_seen(field, tiers) else replace(field, asked=False)
        for name, field in vocabulary.items()
    }


def _is_seen(field: Field, tiers: Iterable[Mapping[str, str]]) -> bool:
    targets = ((rules, rule_for(field, rules)) for rules in tiers)
    return any(target is not None and rules[target] != Effect.HIDE for rules, target in targets)


_plans = Snapshots(_load_plan)


async def plan_of(organization_id: int) -> Plan:
    """The organisation's plan. Connectors are built once per configuration and shared by all lookups."""
    plan = await _plans.get(organization_id)
    await _close_retired()
    return plan


async def plan_and_source(organization_id: int, connector_id: int) -> tuple[Plan, Source]:
    """``plan_with()`` for who is about to ask that source."""
    found = await in_database_thread(plan_with, organization_id, connector_id)
    await _close_retired()
    return found


def _fingerprint(row: ConnectorRow, organization: Organization, vocabulary: Mapping[str, Field]) -> str:
    own = [field for name, field in vocabulary.items() if FIELDS.get(name) != field]
    facts = f"{row.version} {organization.region} {organization.timezone} {organization.currency} {own}"
    return f"{organization.pk}:{row.pk}:{hashlib.blake2b(facts.encode(), digest_size=8).hexdigest()}"


def _guards(row: ConnectorRow, fingerprint: str) -> tuple[Breaker, Limiter, LatencyEstimate]:
    """The guards of this configuration, which outlive the plans that name them."""
    with _lock:
        known = _guarding.get(row.pk)
        if known is None or known[0] != fingerprint:
            # Not the fingerprint: what was asked under another configuration was asked of the same account.
            limiter = Limiter(row.key, f"{row.organization_id}:{row.pk}", _budget(row))
            known = _guarding[row.pk] = (fingerprint, Breaker(row.key), limiter, LatencyEstimate())
        return known[1:]


def _budget(row: ConnectorRow) -> RateLimit:
    """What is configured, else what the vendor allows."""
    kind = kinds().get(row.kind)
    usual = kind.default_limits if kind else Limits()
    rps, concurrency = row.limits.get("rps") or usual.rps, row.limits.get("concurrency") or usual.concurrency
    return RateLimit.of(float(rps), int(concurrency))


def _source(row: ConnectorRow, organization: Organization, vocabulary: Mapping[str, Field], keys: Mapping[int, str]) -> Source:
    fingerprint = _fingerprint(row, organization, vocabulary)
    breaker, limiter, latency = _guards(row, fingerprint)
    return Source(
        key=row.key,
        label=row.name,
        kind=row.kind,
        priority=row.priority,
        essential=row.essential,
        timeout_s=row.timeout_ms / 1000,
        details_by=row.details_by,
        fallback_for=keys.get(row.fallback_for_id or 0, ""),
        fingerprint=fingerprint,
        cache_policy=CachePolicy.of(row.cache),
        breaker=breaker,
        limiter=limiter,
        latency=latency,
        connector=_built(row.pk, settings_of(row, organization, vocabulary)),
    )


_connectors: dict[int, tuple[SourceSettings, Connector]] = {}
_retired: list[Connector] = []
_guarding: dict[int, tuple[str, Breaker, Limiter, LatencyEstimate]] = {}
_lock = threading.Lock()


def _built(pk: int, configured: SourceSettings) -> Connector | None:
    with _lock:
        known = _connectors.get(pk)
        if known and known[0] == configured:
            return known[1]
        try:
            connector = build(configured, StoredRows(pk))
            # Options, secrets and mapping are read lazily; a mistake in them shows here and not in mid-lookup.
            _ = connector.options, connector.secrets, connector.mapping
        except (ConfigurationError, ValidationError) as error:
            log.warning("connector.unusable", connector=configured.key, problem=type(error).__name__)
            return None
        if known:
            _retired.append(known[1])
        _connectors[pk] = (configured, connector)
        return connector


def _retire_others(organization: Organization, used: Sequence[Connector | None]) -> None:
    """What was switched off or deleted holds no connections, and is not signed in to."""
    with _lock:
        for pk, (configured, connector) in list(_connectors.items()):
            if configured.organization == organization.slug and connector not in used:
                _retired.append(connector)
                del _connectors[pk]


async def _close_retired() -> None:
    if not _retired:
        return
    with _lock:
        retired, _retired[:] = list(_retired), []
    for connector in retired:
        await connector.close()


def take_all() -> list[Connector]:
    """Every connector of the process, to be closed; the next lookup builds anew."""
    with _lock:
        taken = [connector for _configured, connector in _connectors.values()] + _retired
        _connectors.clear()
        _guarding.clear()
        _plans.clear()
        _retired.clear()
    return taken
