"""People of whom one system says that they are restricted, and another one does not."""

from __future__ import annotations

from collections.abc import Iterable

from integrations.lookup.asking import SourceResult, keep
from integrations.lookup.backends import CachePage
from integrations.lookup.cache import Outcome
from integrations.lookup.restricted import linked_with
from integrations.profile import Ref, SourceRecord


async def take_out_linked(settled: dict[str, SourceResult], page: CachePage) -> frozenset[Ref]:
    """Take out of every answer whoever was taken out of another one. All whom that concerns."""
    left_out = [trace for one in settled.values() for trace in one.left_out]
    if left_out:
        await take_out(linked_with(left_out, [record for one in settled.values() for record in one.records]), settled, page)
    return frozenset((trace.connector, trace.record_id) for one in settled.values() for trace in one.left_out)


async def take_out(gone: Iterable[SourceRecord], settled: dict[str, SourceResult], page: CachePage) -> None:
    """Take these records out of the answers and of what is kept of them, so that they are nobody's the next time at once."""
    ids = {id(record) for record in gone}
    for key, one in list(settled.items()) if ids else ():
        if taken := [record for record in one.records if id(record) in ids]:
            settled[key] = rest = one.without(taken)
            if one.source_query:
                await keep(one.source_query, page, Outcome(tuple(rest.records), left_out=rest.left_out))
