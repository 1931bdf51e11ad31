from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.connectors.base import Connector, DetailKeys
from integrations.deadline import Deadline
from integrations.errors import InvalidResponse, SourceError
from integrations.outbound.recording import remarks
from integrations.phone import Number
from tests.connectors.contract import EMPTY, MISSING, NO_ITEMS, NULL, NUMBER, ConnectorContract
from tests.connectors.rest.conftest import BY_PHONE, rest
from tests.http_stub import Stub, Write, current_request, hang, reply, reset

ROSA = {"id": 7, "name": "Rosa Castillo", "phone": "(415) 555-0123"}
KEYS = DetailKeys(record_ids={"clients": "c-7"}, email="rosa@mail.org", account_id="RS-1", phone=NUMBER.e164)


class TestContract(ConnectorContract):
    empty_answer = {"people": []}
    wrong_types = ({"people": "none"}, {"people": ["x"]}, {"people": 5}, {"persons": []})
    nobody = (MISSING, EMPTY, NULL, NO_ITEMS)

    def connector(self, stub: Stub) -> Connector:
        return rest(stub)


async def test_people_are_found_by_phone_and_mapped(stub: Stub) -> None:
    stub.answer(reply({"people": [ROSA]}))
    (record,) = await rest(stub).find(NUMBER, Deadline(5))
    assert (record.record_id, record.fields["name"]) == ("7", "Rosa Castillo")
    assert [match.stored for match in record.matched] == ["(415) 555-0123"]
    assert stub.requests[0].path == "/people?phone=%2B14155550123"


async def test_what_nobody_may_see_beside_the_number_is_not_told_with_the_match(stub: Stub) -> None:
    stub.answer(reply({"people": [{**ROSA, "phone": "(415) 555-0123, SSN 078-05-1120"}]}))
    (record,) = await rest(stub).find(NUMBER, Deadline(5))
    assert [match.stored for match in record.matched] == ["(415) 555-0123, SSN [removed]"]


async def test_a_hit_whose_own_number_is_another_is_not_shown(stub: Stub) -> None:
    stub.answer(reply({"people": [{**ROSA, "phone": "+44 20 7946 0123"}, {**ROSA, "id": 8}]}))
    with remarks() as said:
        assert [record.record_id for record in await rest(stub).find(NUMBER, Deadline(5))] == ["8"]
    assert said == []


@pytest.mark.parametrize(
    "phone", [None, "", "ask Ann", {"number": "(415) 555-0123"}, [], [{"value": "4155550123"}], "555-0123", 0]
)
async def test_who_has_no_number_that_can_be_compared_is_no_match_and_told(stub: Stub, phone: object) -> None:
    stub.answer(reply({"people": [{**ROSA, "phone": phone}]}))
    with remarks() as said:
        assert await rest(stub).find(NUMBER, Deadline(5)) == []
    assert said == ["It named somebody without a number that can be compared, so they are not taken for the caller."]


async def test_the_same_people_whatever_is_asked_are_nobody(stub: Stub) -> None:
    stub.answer(reply({"people": [{"id": number, "name": f"No. {number}", "phone": ""} for number in range(10)]}))
    assert await rest(stub).find(NUMBER, Deadline(5)) == []


@pytest.mark.parametrize("place", [0, 16, 60, 499])
async def test_everybody_is_held_against_the_number_before_the_rest_is_cut(stub: Stub, place: int) -> None:
    people = [{"id": number, "name": "X", "phone": f"415555{number:04}"} for number in range(1000, 1500)]
    people[place] = ROSA
    stub.answer(reply({"people": people}))
    assert [record.record_id for record in await rest(stub).find(NUMBER, Deadline(5))] == ["7"]


async def test_more_people_than_can_be_compared_is_told(stub: Stub) -> None:
    people = [{"id": number, "name": "X", "phone": f"415555{number:04}"} for number in range(1000, 1501)]
    stub.answer(reply({"people": people}))
    with remarks() as said:
        assert await rest(stub).find(NUMBER, Deadline(5)) == []
    assert said == ["It names more people than can be held against the number, so somebody may be missing."]


WITHOUT_PHONE = {"steps": [{**BY_PHONE["steps"][0], "map": {"id": "id", "name": "name"}}]}


async def test_a_system_that_names_no_numbers_is_believed_only_where_that_is_said(stub: Stub) -> None:
    stub.answer(reply({"people": [ROSA]}))
    with remarks() as said:
        assert await rest(stub, lookup=WITHOUT_PHONE).find(NUMBER, Deadline(5)) == []
        (record,) = await rest(stub, lookup=WITHOUT_PHONE, phone={"trusted": True}).find(NUMBER, Deadline(5))
    assert (record.fields["name"], record.matched) == ("Rosa Castillo", ())
    assert "nobody is taken for the caller" in said[0]
    assert "could not be checked" in said[1]


async def test_trust_is_no_reason_not_to_look(stub: Stub) -> None:
    stub.answer(reply({"people": [{**ROSA, "phone": "4155550199"}]}))
    assert await rest(stub, phone={"trusted": True}).find(NUMBER, Deadline(5)) == []


NUMBER_IN_SECOND_STEP = {
    "steps": [
        {**BY_PHONE["steps"][0], "map": {"id": "id", "name": "name"}},
        {"path": "/people/{record_id}", "map": {"phone": "phone", "notes": "notes"}},
    ]
}


def by_id(numbers: dict[str, Any]) -> Write:
    async def answer(writer: Any) -> None:
        path = current_request.get().path
        if path.startswith("/people?"):
            await reply({"people": [{"id": key, "name": f"No. {key}"} for key in numbers]})(writer)
        else:
            number = numbers[path.rpartition("/")[2]]
            await (number if callable(number) else reply({"phone": number, "notes": "met"}))(writer)

    return answer


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        ({"7": "4155550123"}, ["7"]),
        ({"7": "4155550199"}, []),
        ({"7": None}, []),
        ({"7": "4155550199", "8": "(415) 555-0123", "9": ""}, ["8"]),
        ({"7": reply({}, 404)}, []),
        ({"7": reply({}, 500), "8": "4155550123"}, ["8"]),
    ],
)
async def test_a_number_that_only_the_second_step_tells_is_compared_there(
    stub: Stub, numbers: dict[str, Any], found: list[str]
) -> None:
    stub.answer(by_id(numbers))
    records = await rest(stub, lookup=NUMBER_IN_SECOND_STEP).find(NUMBER, Deadline(5))
    assert [record.record_id for record in records] == found
    assert all(record.matched and record.fields["notes"] == "met" for record in records)


async def test_a_second_step_that_cannot_tell_whose_number_it_is_is_a_failure(stub: Stub) -> None:
    stub.answer(by_id({"7": reply({}, 500), "8": "4155550199"}))
    with pytest.raises(SourceError):
        await rest(stub, lookup=NUMBER_IN_SECOND_STEP).find(NUMBER, Deadline(5))


JOSE = '{"people": [{"id": 7, "name": "José", "phone": "4155550123"}]}'


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"\xef\xbb\xbf" + JOSE.encode(), "application/json"),
        (JOSE.encode(), "application/json; charset=UTF-8"),
        (JOSE.encode("latin-1"), "application/json; charset=ISO-8859-1"),
        (JOSE.encode("cp1252"), 'application/json;charset="windows-1252"; x=y'),
        (JOSE.encode("utf-16"), "application/json; charset=utf-16"),
        (JOSE.encode(), "application/json; charset=klingon"),
    ],
)
async def test_an_answer_is_read_in_its_encoding(stub: Stub, body: bytes, content_type: str) -> None:
    stub.answer(reply(body, Content_Type=content_type))
    (record,) = await rest(stub).find(NUMBER, Deadline(5))
    assert record.fields["name"] == "José"


@pytest.mark.parametrize("charset", ["idna", "punycode", "unicode_escape", "base64", "rot13", "utf-7", "x" * 300])
async def test_an_encoding_that_is_none_is_not_used(stub: Stub, charset: str) -> None:
    stub.answer(reply(JOSE.encode("latin-1"), Content_Type=f"application/json; charset={charset}"))
    with pytest.raises(InvalidResponse):
        await rest(stub).find(NUMBER, Deadline(5))


@pytest.mark.parametrize("answer", [reply(b"", 204), reply(b"  "), reply({}), reply({"people": None}), reply({}, 404)])
async def test_an_answer_that_says_nothing_is_nobody(stub: Stub, answer: Write) -> None:
    stub.answer(answer)
    assert await rest(stub).find(NUMBER, Deadline(5)) == []


async def test_a_health_check_that_is_not_there_is_no_health(stub: Stub) -> None:
    stub.answer(reply({}, 404))
    with pytest.raises(InvalidResponse):
        await rest(stub, health={"path": "/gone"}).health(Deadline(5))


async def test_a_record_without_an_id_costs_itself_and_is_told(stub: Stub) -> None:
    stub.answer(reply({"people": [{**ROSA, "id": None}, {**ROSA, "id": 8}, {**ROSA, "id": "9" * 191}]}))
    with remarks() as said:
        assert [record.record_id for record in await rest(stub).find(NUMBER, Deadline(5))] == ["8"]
    assert said == ["A record of it has no id that can be used, so it is left out."]


async def test_other_notations_are_tried_until_one_finds_somebody(stub: Stub) -> None:
    stub.answer(reply({"people": []}), reply({"people": [ROSA]}))
    lookup = {"steps": [{**BY_PHONE["steps"][0], "query": {"phone": "{phone}"}}]}
    found = await rest(stub, lookup=lookup, phone={"format": "e164", "variants": ["nsn", "digits"]}).find(NUMBER, Deadline(5))
    assert len(found) == 1
    asked = [parse_qs(urlsplit(request.path).query)["phone"] for request in stub.requests]
    assert asked == [["+14155550123"], ["4155550123"]]


async def test_defaults_and_types_of_a_map(stub: Stub) -> None:
    mapping = {
        "id": "id",
        "language": {"expr": "lang", "default": "`English`"},
        "account_id": {"expr": "account", "type": "text"},
        "outstanding_balance": {"expr": "owed_cents", "type": "cents"},
        "auto_pay_enabled": {"expr": "auto", "default": True},
    }
    stub.answer(reply({"people": [{"id": 1, "account": 42, "owed_cents": 1250, "auto": False}]}))
    lookup = {"steps": [{**BY_PHONE["steps"][0], "map": mapping}]}
    (record,) = await rest(stub, lookup=lookup, phone={"trusted": True}).find(NUMBER, Deadline(5))
    assert record.fields == {
        "language": "`English`",
        "account_id": "42",
        "outstanding_balance": {"amount_minor": 1250, "currency": "USD"},
        "auto_pay_enabled": False,
    }


async def test_found_says_whether_there_is_anybody(stub: Stub) -> None:
    lookup = {"steps": [{**BY_PHONE["steps"][0], "found": "total > `0`", "records": "person"}]}
    stub.answer(reply({"total": 0}))
    assert await rest(stub, lookup=lookup).find(NUMBER, Deadline(5)) == []
    stub.answer(reply({"total": 1, "person": ROSA}))
    assert len(await rest(stub, lookup=lookup).find(NUMBER, Deadline(5))) == 1


TWO_STEPS = {
    "steps": [
        BY_PHONE["steps"][0],
        {"path": "/people/{record_id}/balance", "query": {"as": "{name}"}, "map": {"outstanding_balance": "owed"}},
    ]
}


async def test_a_second_step_uses_what_the_first_one_found(stub: Stub) -> None:
    stub.answer(reply({"people": [ROSA]}), reply({"owed": "12.50"}))
    (record,) = await rest(stub, lookup=TWO_STEPS).find(NUMBER, Deadline(5))
    assert stub.requests[1].path == "/people/7/balance?as=Rosa+Castillo"
    assert record.fields["name"] == "Rosa Castillo"
    assert record.fields["outstanding_balance"] == {"amount_minor": 1250, "currency": "USD"}


@pytest.mark.parametrize("failure", [reply({}, 500), reply({}, 410), reply({}, 403), reply(b"<html>"), reset, hang])
async def test_a_second_step_that_fails_costs_only_what_it_would_have_told(stub: Stub, failure: Write) -> None:
    stub.answer(reply({"people": [ROSA]}), failure)
    deadline = Deadline(1)
    async with asyncio.timeout(deadline.left()):
        (record,) = await rest(stub, lookup=TWO_STEPS).find(NUMBER, deadline)
    assert record.fields["name"] == "Rosa Castillo"
    assert record.unreadable == ("outstanding_balance",)


async def test_a_second_step_is_not_asked_about_one_of_several(stub: Stub) -> None:
    stub.answer(reply({"people": [ROSA, {**ROSA, "id": 8}]}))
    assert len(await rest(stub, lookup=TWO_STEPS).find(NUMBER, Deadline(5))) == 2
    assert len(stub.requests) == 1


async def test_an_admins_change_counts_in_the_step_that_maps_the_field(stub: Stub) -> None:
    stub.answer(reply({"people": [ROSA]}), reply({"owed": "12.50", "total": "20", "plan": "gold"}))
    changed = rest(
        stub,
        lookup=TWO_STEPS,
        phone={"trusted": True},
        mapping={"outstanding_balance": "total", "phone": False, "account_id": "phone"},
    )
    (record,) = await changed.find(NUMBER, Deadline(5))
    assert record.fields["outstanding_balance"]["amount_minor"] == 2000
    assert "phone" not in record.fields
    assert record.fields["account_id"] == "(415) 555-0123"


# -- Details of a known person ---------------------------------------------------------------------------------------


async def test_the_payments_preset_asks_by_customer_id(stub: Stub) -> None:
    stub.answer(
        reply({"balance": "42.50", "last_payment_date": "2026-10-01", "default_method": "Visa ending 4242", "auto_pay": False})
    )
    payments = rest(stub, preset="payments", secrets={"token": "s3cret"}, details_by="clients")
    assert payments.has_details_for(KEYS)
    (record,) = await payments.details(KEYS, Deadline(5))
    assert stub.requests[0].path == "/customer/c-7/status"
    assert stub.requests[0].headers["authorization"] == "Bearer s3cret"
    assert (record.record_id, record.fields["outstanding_balance"]["amount_minor"]) == ("c-7", 4250)
    assert (record.fields["last_payment"], record.fields["auto_pay_enabled"]) == ("2026-10-01", False)


async def test_a_customer_whom_the_payments_preset_does_not_know_is_none_found(stub: Stub) -> None:
    stub.answer(reply({"error": "no such customer"}, 404))
    payments = rest(stub, preset="payments", secrets={"token": "s3cret"}, details_by="clients")
    assert await payments.details(KEYS, Deadline(5)) == []


async def test_without_the_key_that_it_needs_nothing_is_asked(stub: Stub) -> None:
    payments = rest(stub, preset="payments", secrets={"token": "s3cret"}, details_by="elsewhere")
    assert not payments.has_details_for(KEYS)
    assert await payments.details(KEYS, Deadline(5)) == []
    assert stub.requests == []


async def test_a_system_that_is_asked_by_phone_has_no_details(stub: Stub) -> None:
    assert not rest(stub).has_details_for(KEYS)


def test_a_presets_keys_are_changed_one_by_one_and_its_lists_as_a_whole(stub: Stub) -> None:
    changed = rest(
        stub,
        preset="payments",
        secrets={"api_key": "k"},
        auth={"type": "api_key", "name": "X-Key"},
        errors=[{"status": [410], "as": "not_found"}],
    )
    assert changed.options.auth.name == "X-Key"
    assert changed.options.lookup.steps[0].path == "/customer/{customer_id}/status"
    assert [rule.status for rule in changed.options.errors] == [[410]]


async def test_details_that_may_be_anothers_are_not_taken(stub: Stub) -> None:
    stub.answer(reply({"people": [ROSA, {**ROSA, "id": 8, "name": "Luis Castillo"}]}))
    lookup = {"steps": [{**BY_PHONE["steps"][0], "query": {"email": "{email}"}}]}
    with pytest.raises(InvalidResponse, match="several records"):
        await rest(stub, lookup=lookup, details_by="field:email").details(KEYS, Deadline(5))


# -- What cannot be led astray by a value ----------------------------------------------------------------------------

NASTY = ["../../admin", "7/../8", "a?b=c", "a#b", "a&b=c", "a%2Fb", "a\r\nX-Evil: 1", '","x":"', "{email}", "é\u0000"]


@pytest.mark.parametrize("value", NASTY)
async def test_a_value_stays_where_it_was_put(stub: Stub, value: str) -> None:
    step = {
        "method": "POST",
        "path": "/customer/{customer_id}/status",
        "query": {"id": "{customer_id}"},
        "json": {"who": {"id": "{customer_id}"}, "list": ["{customer_id}"], "limit": 5, "email": "{email}"},
        "map": {"name": "name"},
    }
    stub.answer(reply({"name": "x"}))
    keys = DetailKeys(record_ids={"clients": value})
    connector = rest(stub, lookup={"steps": [{**step, "requires": ["customer_id"]}]}, details_by="clients")
    await connector.details(keys, Deadline(5))
    (request,) = stub.requests
    path, _mark, query = request.path.partition("?")
    assert path.count("/") == 3
    assert path.endswith("/status")
    assert parse_qs(query) == {"id": [value]}
    assert request.json == {"who": {"id": value}, "list": [value], "limit": 5}
    assert "x-evil" not in request.headers


@pytest.mark.parametrize("value", [".", ".."])
async def test_a_value_that_would_lead_up_the_path_is_not_sent(stub: Stub, value: str) -> None:
    connector = rest(stub, preset="payments", secrets={"token": "t"}, details_by="clients")
    assert await connector.details(DetailKeys(record_ids={"clients": value}), Deadline(5)) == []
    assert stub.requests == []


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "é", "\x00"])
async def test_a_value_that_no_header_can_hold_is_not_sent(stub: Stub, value: str) -> None:
    step = {"path": "/me", "headers": {"X-Customer": "{customer_id}"}, "map": {"name": "name"}}
    connector = rest(stub, lookup={"steps": [step]}, details_by="clients")
    assert await connector.details(DetailKeys(record_ids={"clients": value}), Deadline(5)) == []
    assert stub.requests == []


async def test_a_number_in_a_path_is_one_segment(stub: Stub) -> None:
    stub.answer(reply({"people": []}))
    lookup = {"steps": [{**BY_PHONE["steps"][0], "path": "/by-phone/{phone_national}", "query": {}}]}
    await rest(stub, lookup=lookup).find(NUMBER, Deadline(5))
    assert stub.requests[0].path == "/by-phone/(415)%20555-0123"


async def test_forms_are_filled_too(stub: Stub) -> None:
    stub.answer(reply({"people": []}))
    step = {**BY_PHONE["steps"][0], "method": "POST", "query": {}, "form": {"p": "{phone_digits}&x=1", "call": "{call_sid}"}}
    await rest(stub, lookup={"steps": [{**step, "requires": ["phone_digits"]}]}).find(NUMBER, Deadline(5))
    assert parse_qs(stub.requests[0].body.decode()) == {"p": ["14155550123&x=1"]}


async def test_cookies_are_never_sent_back(stub: Stub) -> None:
    stub.answer(reply({"people": []}, Set_Cookie="session=stolen; Path=/"))
    connector = rest(stub)
    for _time in range(2):
        await connector.find(NUMBER, Deadline(5))
    assert all("cookie" not in request.headers for request in stub.requests)


async def test_a_page_address_that_is_no_web_address_is_dropped(stub: Stub) -> None:
    lookup = {"steps": [{**BY_PHONE["steps"][0], "map": {"id": "id", "url": "link"}}]}
    for link, kept in [("javascript:alert(1)", ""), ("https://crm.example/7", "https://crm.example/7")]:
        stub.answer(reply({"people": [{"id": 1, "link": link}]}))
        (record,) = await rest(stub, lookup=lookup, phone={"trusted": True}).find(NUMBER, Deadline(5))
        assert record.url == kept


@pytest.mark.parametrize(
    "changes",
    [
        {"records": "sort_by(people, &age)"},
        {"found": "length(total) > `0`"},
    ],
)
async def test_values_of_other_types_than_described_are_an_unreadable_answer(stub: Stub, changes: dict[str, Any]) -> None:
    stub.answer(reply({"people": [{**ROSA, "active": True}], "total": 5}))
    with pytest.raises(InvalidResponse) as raised:
        await rest(stub, lookup={"steps": [{**BY_PHONE["steps"][0], **changes}]}).find(NUMBER, Deadline(5))
    assert "Rosa" not in str(raised.value)


@pytest.mark.parametrize("path", ["length(id)", "@", "active"])
async def test_what_cannot_be_an_id_is_none(stub: Stub, path: str) -> None:
    stub.answer(reply({"people": [{**ROSA, "active": True}]}))
    lookup = {"steps": [{**BY_PHONE["steps"][0], "map": {"id": path, "phone": "phone"}}]}
    with remarks() as said:
        assert await rest(stub, lookup=lookup).find(NUMBER, Deadline(5)) == []
    assert said


async def test_a_rule_that_cannot_be_applied_does_not_fit(stub: Stub) -> None:
    stub.answer(reply({"people": [ROSA]}))
    rules = [{"when": "length(people[0].id) > `1`", "as": "auth"}]
    assert len(await rest(stub, errors=rules).find(NUMBER, Deadline(5))) == 1


async def test_an_id_of_zero_is_an_id(stub: Stub) -> None:
    stub.answer(reply({"people": [{**ROSA, "id": 0}]}))
    assert [record.record_id for record in await rest(stub).find(NUMBER, Deadline(5))] == ["0"]


# -- What answers mean -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "answer", "status"),
    [
        ({"status": [404], "as": "not_found"}, reply({}, 404), "none"),
        ({"when": "error == 'nobody'", "as": "not_found"}, reply({"error": "nobody"}), "none"),
        ({"when": "error == 'token'", "as": "auth"}, reply({"error": "token"}), "auth"),
        ({"status": [420], "as": "rate_limited", "retry_after": "X-Wait"}, reply({}, 420, X_Wait="7"), "rate_limited"),
        ({"status": [400], "when": "code == `9`", "as": "transient"}, reply({"code": 9}, 400), "unavailable"),
        ({"status": [400], "when": "code == `9`", "as": "transient"}, reply({"code": 8}, 400), "invalid_response"),
        ({"status": [202], "as": "invalid"}, reply({"people": []}, 202), "invalid_response"),
        ({"when": "error", "as": "auth"}, reply(b"<html>oops</html>", 500), "unavailable"),
    ],
)
async def test_the_error_table_tells_what_an_answer_means(stub: Stub, rule: dict[str, Any], answer: Any, status: str) -> None:
    stub.answer(answer)
    connector = rest(stub, errors=[rule])
    if status == "none":
        assert await connector.find(NUMBER, Deadline(5)) == []
        return
    with pytest.raises(SourceError) as raised:
        await connector.find(NUMBER, Deadline(5))
    assert raised.value.status == status
    if status == "rate_limited":
        assert raised.value.retry_after == 7.0  # type: ignore[attr-defined]


async def test_health_is_one_request_without_a_person(stub: Stub) -> None:
    stub.answer(reply({"ok": True}))
    assert (await rest(stub, health={"path": "/ping"}).health(Deadline(5))).status == "healthy"
    assert stub.requests[0].path == "/ping"
    assert (await rest(stub).health(Deadline(5))).status == "healthy"
    assert len(stub.requests) == 1


async def test_a_number_of_another_country_is_sent_in_its_own_notation(stub: Stub) -> None:
    stub.answer(reply({"people": []}))
    await rest(stub).find(Number("+442079460123", "GB"), Deadline(5))
    assert stub.requests[0].path == "/people?phone=%2B442079460123"
