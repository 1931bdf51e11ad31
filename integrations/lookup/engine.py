"""One lookup: every source asked at once, each settling on its own, none waited for past its deadline.

Stage 1 asks by phone number. Stage 2 asks, for the one person found, what needs a record id or an e-mail address.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace

from integrations.connectors import close_clients
from integrations.deadline import Deadline
from integrations.lookup.backends import backends
from integrations.lookup.background import cancel_background, run_in_background
from integrations.lookup.result import LookupRequest, LookupResult, cut_short
from integrations.lookup.sources import plan_of, take_all
from integrations.lookup.stages import Stages, shared, withheld
from integrations.phone import Number
from integrations.single_flight import SingleFlight

# So long, as a share of its time, a lookup under way is joined by others: who comes later would be given less than theirs.
SHARED_FOR = 0.1


async def look_up(question: LookupRequest) -> LookupResult:
    """Everything that the organisation's sources know of a number, within the question's deadline.

    Never raises for what a source does. A withheld caller is not looked up. Who asks the same within a moment gets the
    same result.
    """
    lookup = await _begin(question)
    if isinstance(lookup, LookupResult):
        return lookup
    # The plan: what has been configured since the first one asked counts for the second.
    return await _under_way.join((id(lookup.plan), question), lookup.to_its_end, open_s=question.deadline_s * SHARED_FOR)


_under_way: SingleFlight[LookupResult] = SingleFlight()


async def stream(question: LookupRequest) -> AsyncGenerator[LookupResult]:
    """The same lookup as it goes: a result each time that a source settles, the essential one asked first.

    Sources that are still being asked are ``pending``. What is kept is shown at once; where that is stale, or to be refreshed,
    its source is asked again (``renewal``) and replaces it. The last result, in which nothing is open, holds the newest.
    """
    lookup = await _begin(question, follows=True)
    if isinstance(lookup, LookupResult):
        yield lookup
        return
    async with aclosing(lookup.steps()) as steps:
        async for _step in steps:
            yield lookup.result()


async def so_far(question: LookupRequest, seconds: float) -> LookupResult:
    """What is known ``seconds`` from now, as ``stream()`` tells it. The lookup goes on behind, so that who asks again joins
    it and begins none."""
    lookup = await _begin(question, follows=True)
    if isinstance(lookup, LookupResult):
        return lookup
    run_in_background(look_up(question))
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), aclosing(lookup.steps()) as steps:
            async for _step in steps:
                pass
    return lookup.result()


async def known_within(question: LookupRequest, seconds: float) -> LookupResult:
    """What is known ``seconds`` from now at the latest; who has not answered by then counts as timed out.

    They are asked to the question's deadline all the same, and what they answer is kept for whoever asks next.
    """
    lookup = await _begin(question)
    if isinstance(lookup, LookupResult):
        return lookup
    whole = run_in_background(lookup.to_its_end())
    await asyncio.wait({whole}, timeout=seconds)
    return whole.result() if whole.done() else cut_short(lookup.result())


async def _begin(question: LookupRequest, *, follows: bool = False) -> Stages | LookupResult:
    """The lookup to make, or its result where there is none to make."""
    deadline = Deadline(question.deadline_s)
    plan = await plan_of(question.organization_id)
    if plan.restricted and not question.with_restricted:
        question = replace(question, choice=plan.restricted.hidden_from(question.choice))
    number = question.caller_id if isinstance(question.caller_id, Number) else None
    if plan.shares(number) and not question.choice.found_by:
        return shared(plan, question.caller_id)
    if number or question.choice.found_by:
        return Stages(plan, number, deadline, question, follows=follows)
    return withheld(plan, question.caller_id)


async def close_sources() -> None:
    """Let go of every connection to every source. The next lookup opens new ones."""
    await cancel_background()
    for connector in take_all():
        await connector.close()
    await backends().close()
    await close_clients()
