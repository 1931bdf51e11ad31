"""The audit trail: two doors to write it, one way to verify it.

``record()`` (async) and ``record_now()`` commit an entry by themselves, before anything leaves. ``record_within()``
adds it to the caller's own short transaction, as its last statement. Each organisation has one hash chain; its head
row is locked while the chain grows, so any number of processes write one unbroken chain.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from integrations.errors import AuditUnavailable
from integrations.models import AccessEntry, AuditHead, Organization
from integrations.models.audit import FORMAT_VERSION
from integrations.models.encryption import fernet_for

WAIT_S = 0.5
_CHUNK = 2_000
# What a hash covers: every column but the row's own id and the hash itself.
_HASHED = tuple(column.attname for column in AccessEntry._meta.concrete_fields if column.attname not in {"id", "hash"})


@dataclass(frozen=True)
class Entry:
    """One thing to be put on record. ``subject`` is the caller's number (E.164) and is stored keyed and sealed only.

    ``fields`` are ``{"field", "effect", "sources"}``; ``detail`` holds what only this event has, never caller data.
    """

    organization_id: int
    event: str
    actor_kind: str
    outcome: str = ""
    actor_id: str = ""
    actor_label: str = ""
    person_id: int | None = None
    team: str = ""
    tier: str = ""
    channel: str = ""
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


# -- Writing ------------------------------------------------------------------------------------------------------

_executor: ThreadPoolExecutor | None = None


async def record(entry: Entry) -> None:
    """Commit ``entry``. Raises AuditUnavailable if it is not committed within 500 ms: then nothing may leave."""
    global _executor
    if _executor is None:
        # A thread of its own keeps one connection, and keeps commits away from whatever the request's thread does.
        _executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="audit")
    commit = asyncio.get_running_loop().run_in_executor(_executor, _commit_on_own_connection, entry)
    try:
        async with asyncio.timeout(WAIT_S):
            # Shielded: a request that goes away still gets its entry.
            await asyncio.shield(commit)
    except TimeoutError as error:
        commit.add_done_callback(_retrieve)
        raise AuditUnavailable("the entry was not committed in time") from error


def record_now(entry: Entry) -> None:
    """Commit ``entry`` on this thread's connection, outside any transaction. Raises AuditUnavailable."""
    try:
        with transaction.atomic(durable=True):
            _extend_chain(entry)
    except DatabaseError as error:
        raise AuditUnavailable("the entry could not be committed") from error


def record_within(entry: Entry) -> None:
    """Add ``entry`` to the open transaction, as its last statement: it is committed with what it tells of."""
    if not connection.in_atomic_block:
        raise RuntimeError("record_within() belongs inside a transaction; use record_now().")
    _extend_chain(entry)


def record_anywhere(entry: Entry) -> None:
    """For refusals and signals, which happen inside a transaction (admin saves) as well as outside one."""
    if connection.in_atomic_block:
        _extend_chain(entry)
    else:
        record_now(entry)


def _retrieve(commit: asyncio.Future[None]) -> None:
    """Take note of a late failure, so that the loop does not report it as forgotten."""
    if not commit.cancelled():
        commit.exception()


def _commit_on_own_connection(entry: Entry) -> None:
    # A connection that the server closed in the meantime would fail every later commit.
    if connection.connection is not None and not connection.is_usable():
        connection.close()
    record_now(entry)


def _extend_chain(entry: Entry) -> None:
    AuditHead.objects.get_or_create(organization_id=entry.organization_id)
    head = AuditHead.objects.select_for_update().get(organization_id=entry.organization_id)
    row = _row(entry, seq=head.seq + 1, prev_hash=head.hash)
    row.save(force_insert=True)
    head.seq, head.hash = row.seq, row.hash
    head.save(update_fields=["seq", "hash"])


def _row(entry: Entry, *, seq: int, prev_hash: str) -> AccessEntry:
    facts = asdict(replace(entry, subject=""))
    facts.pop("subject")
    # The columns' lengths are limits of the trail, not reasons to refuse an entry.
    limits = {column.name: column.max_length for column in AccessEntry._meta.concrete_fields}
    facts = {name: value[: limits[name]] if isinstance(value, str) else value for name, value in facts.items()}
    facts["sources"], facts["fields"] = list(entry.sources), list(entry.fields)
    row = AccessEntry(**facts, seq=seq, prev_hash=prev_hash, format_version=FORMAT_VERSION)
    secret, row.key_version = _audit_secret(entry.organization_id)
    if entry.subject and secret:
        row.subject_key = subject_key(secret, entry.subject)
        row.subject_sealed = fernet_for(secret).encrypt(entry.subject.encode()).decode()
    row.hash = _digest(row)
    return row


@lru_cache(maxsize=1_000)
def _audit_secret(organization_id: int) -> tuple[str, int]:
    organization = Organization.objects.only("audit_secret", "audit_key_version").get(pk=organization_id)
    return organization.audit_secret, organization.audit_key_version


def subject_key(secret: str, number: str) -> str:
    """By which all entries about one number of one organisation are found (64 lower-hex characters)."""
    return hmac.new(secret.encode(), number.encode(), hashlib.sha256).hexdigest()


def subject_number(entry: AccessEntry) -> str:
    """The number that an entry is about; ``""`` if it is about none, or its subjects were erased."""
    secret, _version = _audit_secret(entry.organization_id)
    if not entry.subject_sealed or not secret:
        return ""
    return fernet_for(secret).decrypt(entry.subject_sealed.encode()).decode()


def _digest(row: AccessEntry) -> str:
    columns = {name: getattr(row, name) for name in _HASHED}
    columns["at"] = row.at.astimezone(UTC).isoformat(timespec="microseconds")
    return hashlib.sha256(orjson.dumps(columns, option=orjson.OPT_SORT_KEYS)).hexdigest()


# -- Verifying ----------------------------------------------------------------------------------------------------


class BrokenChain(Exception):
    """The trail is not what was written. ``str()`` is ``entry SEQ: why``."""

    def __init__(self, seq: int, why: str) -> None:
        super().__init__(f"entry {seq}: {why}")
        self.seq = seq


def verify(organization: Organization) -> int:
    """The number of entries on the organisation's chain, each checked. Raises BrokenChain at the first bad one.

    Entries that are written meanwhile are left for the next run.
    """
    head = AuditHead.objects.filter(organization=organization).first()
    end, last_hash = (head.seq, head.hash) if head else (0, "")
    expected, previous = 1, ""
    for row in _rows(organization, end):
        if row.seq != expected:
            raise BrokenChain(expected, "it is missing")
        if row.prev_hash != previous:
            raise BrokenChain(row.seq, "it does not follow from the entry before it")
        if row.hash != _digest(row):
            raise BrokenChain(row.seq, "it was changed after it was written")
        expected, previous = row.seq + 1, row.hash
    if expected != end + 1:
        raise BrokenChain(expected, "it is missing")
    if previous != last_hash:
        raise BrokenChain(end, "it is not the one that was last written")
    if head is None and AccessEntry.objects.filter(organization=organization).exists():
        raise BrokenChain(1, "the end of the chain is not recorded")
    return end


def _rows(organization: Organization, end: int) -> Iterator[AccessEntry]:
    """In chunks, so that a long trail neither fills the memory nor holds a lock."""
    seq = 0
    while chunk := list(
        AccessEntry.objects.filter(organization=organization, seq__gt=seq, seq__lte=end).order_by("seq")[:_CHUNK]
    ):
        yield from chunk
        seq = chunk[-1].seq
