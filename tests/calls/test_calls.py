from __future__ import annotations

from django.db import transaction

from integrations.calls import CallFacts, caller_id_of, find_call, open_call, recent_calls
from integrations.calls.named import NamedCall
from integrations.models import Call
from integrations.phone import Number, Withheld, classify
from tests.factories import World

NUMBER = classify("+14155550123", "US")


def test_a_call_is_the_same_call_by_its_sid(world: World) -> None:
    one = open_call(world.riverside.pk, CallFacts(NUMBER, "CA1"))
    two = open_call(world.riverside.pk, CallFacts(NUMBER, "CA1", "WT1"))
    assert one.pk == two.pk
    assert [task.task_sid for task in two.tasks.all()] == ["WT1"]


def test_the_same_sid_in_another_organisation_is_another_call(world: World) -> None:
    assert open_call(world.riverside.pk, CallFacts(NUMBER, "CA1")).pk != open_call(world.harbor.pk, CallFacts(NUMBER, "CA1")).pk


def test_without_a_sid_every_opening_is_a_call_of_its_own(world: World) -> None:
    assert open_call(world.riverside.pk, CallFacts(NUMBER)).key != open_call(world.riverside.pk, CallFacts(NUMBER)).key


def test_the_number_is_kept_once_known_and_a_withheld_caller_has_none(world: World) -> None:
    call = open_call(world.riverside.pk, CallFacts(Withheld(), "CA1"))
    assert isinstance(caller_id_of(call, "US"), Withheld)
    call = open_call(world.riverside.pk, CallFacts(NUMBER, "CA1"))
    other = classify("+14155550199", "US")
    call = open_call(world.riverside.pk, CallFacts(other, "CA1"))
    known = caller_id_of(Call.objects.get(pk=call.pk), "US")
    assert isinstance(known, Number)
    assert known.e164 == "+14155550123"


def test_a_key_finds_its_call_in_its_own_organisation_only(world: World) -> None:
    call = open_call(world.riverside.pk, CallFacts(NUMBER))
    assert find_call(world.riverside, call.key) == call
    assert find_call(world.harbor, call.key) is None


def test_recent_calls_are_those_i_opened_or_an_api_lookup_named(world: World) -> None:
    mine = open_call(world.riverside.pk, CallFacts(NUMBER, "CA1"), person_id=world.bea.pk)
    open_call(world.riverside.pk, CallFacts(NUMBER, "CA2"), person_id=world.ann.pk)
    with transaction.atomic():
        NamedCall.write([NamedCall(pk, CallFacts(NUMBER, "CA3")) for pk in (world.riverside.pk, world.harbor.pk)])
    recent = recent_calls(world.riverside.pk, world.bea.pk)
    assert [(call.organization_id, call.call_sid) for call in recent] == [
        (world.riverside.pk, "CA3"),
        (mine.organization_id, "CA1"),
    ]


def test_opening_again_moves_a_call_up_and_counts_once(world: World) -> None:
    first = open_call(world.riverside.pk, CallFacts(NUMBER, "CA1"), person_id=world.bea.pk)
    open_call(world.riverside.pk, CallFacts(NUMBER, "CA2"), person_id=world.bea.pk)
    open_call(world.riverside.pk, CallFacts(NUMBER, "CA1"), person_id=world.bea.pk)
    recent = list(recent_calls(world.riverside.pk, world.bea.pk))
    assert recent[0].pk == first.pk
    assert len(recent) == 2
