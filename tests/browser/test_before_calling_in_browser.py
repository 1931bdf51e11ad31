"""What an agent is told before they call somebody back, as they see it."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from integrations.calls import CallFacts, open_call
from integrations.models import Call, CallTask
from integrations.phone import classify
from tests.browser.conftest import Visitor
from tests.browser.test_panel_in_browser import shoot
from tests.factories import World
from tests.known_callers import ROSA, Source

SAID = {"voicemail_ok": "", "may_identify": "N", "best_time": "Mornings", "interpreter": "Spanish", "language": "es"}


def test_the_notes_stand_above_all_else_where_the_agent_calls(visitor: Visitor, world: World, source: Source) -> None:
    world.riverside.timezone = "America/New_York"
    world.riverside.save()
    source.row.fields = {name: name for name in SAID}
    source.answers(people=[{**ROSA, **SAID}])
    for sid in ("CA01", "CA02"):
        open_call(world.riverside.pk, CallFacts(classify("+14155550123", "US"), sid))
    Call.objects.update(created_at=timezone.now() - timedelta(days=2))
    visitor.log_in()
    visitor.open_call()
    page = visitor.page
    assert "Do not leave a message" in page.inner_text("#part-attention")
    assert "2 calls in 30 days" in page.inner_text("#part-head")
    assert "there, by the number’s area" in page.inner_text("#part-head")
    shoot(page, "attention-before-calling")
    call = Call.objects.get(call_sid="CA1")
    CallTask.objects.create(call=call, organization=world.riverside, task_sid="WT1", kind="callback")
    Call.objects.filter(pk=call.pk).update(number_doubted=True)
    page.reload()
    page.wait_for_selector("#part-before")
    before, attention = page.inner_text("#part-before"), page.inner_text("#part-attention")
    for note in ("Do not leave a message", "Do not say who is calling", "Speaks Spanish", "Needs an interpreter: Spanish"):
        assert note in before
        assert note not in attention
    assert "it may be forged" in attention
    shoot(page, "call-back")
    assert visitor.problems == []
