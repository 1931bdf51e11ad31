"""The hash chain itself: how entries become rows that follow from one another, and how that is verified.

Each organisation has one chain. Its head row is locked while the chain grows, so any number of processes write one
unbroken chain, and organisations are taken in the order of their ids, so that no two batches wait for each other.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Any, Literal

import orjson
from cryptography.fernet import Fernet
from django.db import connection
from django.db.models import Max
from django.utils import timezone

from integrations.models import AccessEntry, ActorKind, AuditHead, Channel, Event, Organization
from integrations.models.audit import FORMAT_VERSION
from integrations.storage.bulk import insert
from integrations.storage.encryption import fernet_for

_CHUNK = 2_000
# What a hash covers: every column but the row's own id and the hash itself.
_HASHED = tuple(column.attname for column in AccessEntry._meta.concrete_fields if column.attname not in {"id", "hash"})
_LIMITS = {column.attname: getattr(column, "max_length", None) for column in AccessEntry._meta.concrete_fields}

# Written as SQL: a row of this many columns costs the mapper several times what it costs the database, and every
# answer waits for it.
_STORED = (*_HASHED, "hash")
_JSON = ("sources", "fields", "detail")
_HEAD = f"SELECT seq, hash FROM {AuditHead._meta.db_table} WHERE organization_id = %s"  # noqa: S608 -- names of our own
_ADVANCE = f"UPDATE {AuditHead._meta.db_table} SET seq = %s, hash = %s WHERE organization_id = %s"  # noqa: S608


@dataclass(frozen=True)
class Entry:
    """One thing to be put on record. ``subject`` is the caller's number (E.164), or what was searched for instead, and is
    stored keyed and sealed only.

    ``fields`` are ``{"field", "effect", "sources"}``; ``detail`` holds what only this event has, never caller data.
    """

    organization_id: int
    event: Event
    actor_kind: ActorKind
    outcome: str = ""
    actor_id: str = ""
    actor_label: str = ""
    person_id: int | None = None
    team: str = ""
    tier: str = ""
    channel: Channel | Literal[""] = ""
    address: str = ""
    purpose: str = ""
    subject: str = ""
    call_sid: str = ""
    task_sid: str = ""
    panel_key: str = ""
    view_id: str = ""
    sources: tuple[str, ...] = ()
    fields: tuple[dict[str, Any], ...] = ()
    detail: dict[str, Any] = field(default_factory=dict)
    at: datetime = field(default_factory=timezone.now)

    @cached_property
    def columns(self) -> dict[str, Any]:
        """The row's columns without its place in the chain. Raises TypeError for what JSON cannot hold."""
        facts = {name: value for name, value in vars(self).items() if name != "subject"}
        facts["sources"], facts["fields"] = list(self.sources), list(self.fields)
        orjson.dumps([facts["sources"], facts["fields"], facts["detail"]])
        # The columns' lengths are limits of the trail, not reasons to refuse an entry.
        return {name: value[: _LIMITS[name]] if isinstance(value, str) else value for name, value in facts.items()}


def extend(entries: Sequence[Entry]) -> None:
    """Put entries on their chains, within the caller's transaction, in the order given."""
    by_organization = sorted(entries, key=lambda entry: entry.organization_id)
    with connection.cursor() as cursor:
        for organization_id, group in groupby(by_organization, key=lambda entry: entry.organization_id):
            cursor.execute(_HEAD + (" FOR UPDATE" if connection.features.has_select_for_update else ""), [organization_id])
            head = cursor.fetchone()
            if head is None:
                raise AuditHead.DoesNotExist(f"organisation {organization_id} has no chain")
            seq, last_hash = head
            rows = []
            for entry in group:
                row = _row(entry, seq=seq + 1, prev_hash=last_hash)
                seq, last_hash = row["seq"], row["hash"]
                rows.append(_stored(row))
            insert(AccessEntry, _STORED, rows)
            cursor.execute(_ADVANCE, [seq, last_hash, organization_id])


def _row(entry: Entry, *, seq: int, prev_hash: str) -> dict[str, Any]:
    """Every column but the id."""
    key = audit_key(entry.organization_id)
    keyed, sealed = _subject(key, entry.subject) if entry.subject and key.secret else ("", "")
    row = {
        **entry.columns,
        "seq": seq,
        "prev_hash": prev_hash,
        "format_version": FORMAT_VERSION,
        "segment": 0,
        "key_version": key.version,
        "subject_key": keyed,
        "subject_sealed": sealed,
    }
    row["hash"] = _hash(row)
    return row


def _stored(row: Mapping[str, Any]) -> list[Any]:
    """The row's values as this database takes them."""
    texts = {name: orjson.dumps(row[name]).decode() for name in _JSON}
    values = {**row, **texts, "at": connection.ops.adapt_datetimefield_value(row["at"])}
    return [values[name] for name in _STORED]


@dataclass(frozen=True)
class AuditKey:
    """An organisation's audit secret, ``""`` once it is destroyed, and its version."""

    secret: str = field(repr=False)
    version: int

    @cached_property
    def box(self) -> Fernet:
        return fernet_for(self.secret)


@lru_cache(maxsize=1_000)
def _subject(key: AuditKey, subject: str) -> tuple[str, str]:
    """Keyed and sealed, once for the several entries that a call has about its number."""
    return subject_key(key.secret, subject), key.box.encrypt(subject.encode()).decode()


@lru_cache(maxsize=1_000)
def audit_key(organization_id: int) -> AuditKey:
    organization = Organization.objects.only("audit_secret", "audit_key_version").get(pk=organization_id)
    return AuditKey(organization.audit_secret, organization.audit_key_version)


def subject_key(secret: str, subject: str) -> str:
    """The key by which all entries about one number or search of one organisation are found (64 lower-hex characters)."""
    return hmac.digest(secret.encode(), subject.encode(), "sha256").hex()


def subject_text(entry: AccessEntry) -> str:
    """The number or the search that an entry is about; ``""`` if it is about none, or its subjects were erased."""
    key = audit_key(entry.organization_id)
    if not entry.subject_sealed or not key.secret:
        return ""
    return key.box.decrypt(entry.subject_sealed.encode()).decode()


def digest(row: AccessEntry) -> str:
    """SHA-256 over the row's columns in a canonical form (64 lower-hex characters)."""
    return _hash({name: getattr(row, name) for name in _HASHED})


def _hash(columns: Mapping[str, Any]) -> str:
    canonical = {**columns, "at": columns["at"].astimezone(UTC).isoformat(timespec="microseconds")}
    return hashlib.sha256(orjson.dumps(canonical, option=orjson.OPT_SORT_KEYS)).hexdigest()


class BrokenChain(Exception):
    """The trail is not what was written. ``str()`` is ``entry SEQ: why``."""

    def __init__(self, seq: int, why: str) -> None:
        super().__init__(f"entry {seq}: {why}")
        self.seq = seq


def verify(organization: Organization) -> int:
    """The number of entries on the organisation's chain, each checked. Raises BrokenChain at the first bad one.

    Entries that are written meanwhile are left for the next run.
    """
    entries = AccessEntry.objects.filter(organization=organization)
    # Before the head: what is written in between is then no further than it.
    furthest = entries.aggregate(seq=Max("seq"))["seq"] or 0
    head = AuditHead.objects.filter(organization=organization).first()
    end, last_hash = (head.seq, head.hash) if head else (0, "")
    expected, previous = 1, ""
    for row in _rows(organization, end):
        if row.seq < expected:
            raise BrokenChain(row.seq, "it is there twice")
        if row.seq != expected:
            raise BrokenChain(expected, "it is missing")
        if row.prev_hash != previous:
            raise BrokenChain(row.seq, "it does not follow from the entry before it")
        if row.hash != digest(row):
            raise BrokenChain(row.seq, "it was changed after it was written")
        expected, previous = row.seq + 1, row.hash
    if expected != end + 1:
        raise BrokenChain(expected, "it is missing")
    if previous != last_hash:
        raise BrokenChain(end, "it is not the one that was last written")
    if head is None and furthest:
        raise BrokenChain(1, "the end of the chain is not recorded")
    if furthest > end:
        raise BrokenChain(end + 1, "it lies beyond the recorded end of the chain")
    if entries.filter(seq__lte=end).count() != end:
        raise BrokenChain(end, "there are entries beside the chain")
    return end


def _rows(organization: Organization, end: int) -> Iterator[AccessEntry]:
    """The rows in chunks, so that a long trail neither fills the memory nor holds a lock."""
    seq = 0
    while chunk := list(
        AccessEntry.objects.filter(organization=organization, seq__gt=seq, seq__lte=end).order_by("seq")[:_CHUNK]
    ):
        yield from chunk
        seq = chunk[-1].seq
