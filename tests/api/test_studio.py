"""Studio asks who is calling: who may, what they get, and that the call goes on whatever happens."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import OperationalError
from django.test import AsyncClient
from twilio.request_validator import RequestValidator

from integrations.api import studio
from integrations.disclosure import audit
from integrations.models import AccessEntry, Call, Connector, MenuRule, Organization, TierRule, TwilioAccount
from integrations.models.snapshots import _seen
from tests.api.conftest import Api
from tests.factories import World, make_api_key
from tests.lookup.fakes import FakeConnector

PUBLIC, PATH = "https://portal.example.org", "/api/v1/studio/riverside/enrich"
OURS, THEIRS = f"AC{'a' * 32}", f"AC{'b' * 32}"
TOKEN, OTHER_TOKEN = "o" * 32, "t" * 32
PHONE, SID = "+14155550123", f"CA{'1' * 32}"
FORM = "application/x-www-form-urlencoded"
ALWAYS = {"found", "match_count", "lookup_status", "caller_name", "profile_url", "attributes", "customer", "timestamp"}


class Twilio:
    """A Studio flow of an account, whose requests Twilio's own validator signs."""

    def __init__(self, token: str = TOKEN) -> None:
        self.client, self.token = AsyncClient(), token

    async def post(self, fields: dict[str, str], path: str = PATH, **facts: Any) -> Any:
        """A form, signed for the portal's public address; ``facts`` say what is sent otherwise than it was signed."""
        signature = RequestValidator(self.token).compute_signature(f"{PUBLIC}{path}", fields)
        sent = {"data": urlencode(fields), "content_type": FORM} | {k: v for k, v in facts.items() if k != "headers"}
        headers = {"X-Twilio-Signature": signature} | facts.get("headers", {})
        return await self.client.post(path, headers=headers, **sent)

    async def post_json(self, fields: Any, path: str = PATH, query: str = "", **facts: Any) -> Any:
        body = json.dumps(fields).encode()
        query = query or f"bodySHA256={hashlib.sha256(body).hexdigest()}"
        signature = RequestValidator(self.token).compute_signature(f"{PUBLIC}{path}?{query}", {})
        sent = {"data": body, "content_type": "application/json"} | facts
        return await self.client.post(f"{path}?{query}", headers={"X-Twilio-Signature": signature}, **sent)


@pytest.fixture
async def flow(api: Api, world: World, monkeypatch: pytest.MonkeyPatch) -> Twilio:
    """Riverside has an account, and so has Harbor, with tokens of their own."""
    monkeypatch.setattr(settings, "PUBLIC_URL", PUBLIC)
    await TwilioAccount.objects.acreate(organization=world.riverside, account_sid=OURS, auth_tokens=[TOKEN])
    await TwilioAccount.objects.acreate(organization=world.harbor, account_sid=THEIRS, auth_tokens=[OTHER_TOKEN])
    return Twilio()


def usual(**more: str) -> dict[str, str]:
    return {"phone": PHONE, "to": "+14155550100", "call_sid": SID, "flow_sid": "FW1", "execution_sid": "FN1", **more}


async def known(**more: Any) -> None:
    """What the one source knows of the caller."""
    rosa = {"id": "1", "name": "Rosa Castillo", "email": "rosa@mail.org", "status": "active", "account_id": "RS-1", **more}
    connector = await Connector.objects.aget(key="clients")
    connector.options = {"people": [rosa]}
    await connector.asave()


async def entries(**facts: Any) -> list[AccessEntry]:
    return [entry async for entry in AccessEntry.objects.filter(**facts).order_by("pk")]


def nulls(value: Any) -> bool:
    if isinstance(value, dict):
        return any(nulls(inner) for inner in value.values())
    return value is None or (isinstance(value, list) and any(nulls(inner) for inner in value))


# -- Who may ask ---------------------------------------------------------------------------------------------------


async def test_nobody_may_ask_without_a_signature_or_a_key(flow: Twilio) -> None:
    answer = await flow.client.post(PATH, urlencode(usual()), content_type=FORM)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
    assert FakeConnector.asked == []
    assert not await Call.objects.aexists()


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({"data": urlencode(usual(phone="+14155550199"))}, "wrong signature"),
        ({"data": "phone="}, "wrong signature"),
        ({"data": ""}, "no hash"),
        ({"data": b"{}", "content_type": "application/json"}, "no hash"),
        ({"headers": {"X-Twilio-Signature": "wrong"}}, "wrong signature"),
        ({"headers": {"X-Twilio-Webhooks-Signature-Settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA1"}}, "another key"),
        ({"headers": {"X-Twilio-Webhooks-Signature-Settings": "algorithm=HMAC_SHA256"}}, "another key"),
    ],
)
async def test_what_twilio_did_not_sign_is_refused_and_on_record(flow: Twilio, facts: dict[str, Any], outcome: str) -> None:
    answer = await flow.post(usual(), **facts)
    assert answer.status_code == 401
    (entry,) = await entries(event="denied")
    assert (entry.outcome, entry.detail["what"]) == (outcome, "enrich")
    assert FakeConnector.asked == []
    if outcome == "another key":
        assert "Shared keys are not accepted yet" in answer.json()["error"]["message"]


async def test_a_request_signed_for_another_address_is_refused(flow: Twilio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "PUBLIC_URL", "https://elsewhere.example.org")
    assert (await flow.post(usual())).status_code == 401


async def test_json_is_held_against_its_hash_which_may_be_there_once(flow: Twilio) -> None:
    fields = {"phone": PHONE}
    body = json.dumps(fields).encode()
    one = f"bodySHA256={hashlib.sha256(body).hexdigest()}"
    assert (await flow.post_json(fields)).json()["found"] is True
    assert (await flow.post_json(fields, query="a=1")).status_code == 401
    assert (await flow.post_json(fields, query=f"{one}&{one}")).status_code == 401
    assert (await flow.post_json(fields, data=b'{"phone": "+14155550199"}')).status_code == 401
    assert (await flow.post_json(fields, data=b"", content_type=FORM)).status_code == 401
    assert [entry.outcome for entry in await entries(event="denied")] == ["no hash", "two hashes", "wrong hash"]


async def test_the_log_names_parameters_and_never_their_values(flow: Twilio, caplog: pytest.LogCaptureFixture) -> None:
    await flow.post(usual(), data=urlencode(usual(phone="+14155550199")))
    await flow.post_json({"phone": PHONE}, content_type=FORM)
    assert "'parameters': ['call_sid', 'execution_sid', 'flow_sid', 'phone', 'to']" in caplog.text
    assert "4155550" not in caplog.text


async def test_another_organisations_token_is_refused_and_that_is_on_its_own_record(flow: Twilio, world: World) -> None:
    theirs = Twilio(OTHER_TOKEN)
    assert (await theirs.post(usual())).status_code == 401  # whose it is, nothing says
    answer = await theirs.post(usual(AccountSid=THEIRS))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    (entry,) = await entries(organization=world.harbor, event="denied")
    assert (entry.actor_kind, entry.actor_id, entry.channel) == ("twilio", THEIRS, "studio")
    assert not await AccessEntry.objects.filter(organization=world.riverside).aexists()
    assert (await theirs.post(usual(AccountSid=OURS))).status_code == 401
    assert FakeConnector.asked == []


async def test_an_account_may_be_named_and_then_its_own_token_counts(flow: Twilio, world: World) -> None:
    second = await TwilioAccount.objects.acreate(
        organization=world.riverside, account_sid=f"AC{'c' * 32}", auth_tokens=["n" * 32, "s" * 32]
    )
    assert (await flow.post(usual(AccountSid=OURS))).status_code == 200
    assert (await flow.post(usual(AccountSid=second.account_sid))).status_code == 401
    assert (await Twilio("s" * 32).post(usual())).status_code == 200
    assert [entry.actor_id for entry in await entries(event="lookup")] == [OURS, second.account_sid]


async def test_an_unknown_organisation_is_not_found(flow: Twilio, api: Api) -> None:
    for slug in ("nobody", "system"):
        path = f"/api/v1/studio/{slug}/enrich"
        assert (await flow.post(usual(), path)).json()["error"]["code"] == "not_found"
        assert (await api.post(usual(), path)).status_code == 404


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
async def test_a_key_may_ask_with_the_scope_enrich(flow: Twilio, world: World, scheme: str) -> None:
    key, _row = await sync_to_async(make_api_key)(world.riverside, name="flow", scopes=["enrich"])
    said = key if scheme == "Bearer" else base64.b64encode(f"studio:{key}".encode()).decode()
    headers = {"Authorization": f"{scheme} {said}"}
    answer = await flow.client.post(PATH, urlencode(usual()), content_type=FORM, headers=headers)
    assert (answer.status_code, answer.json()["caller_name"]) == (200, "Rosa Castillo")
    (entry,) = await entries(event="lookup")
    assert (entry.actor_kind, entry.actor_label, entry.channel, entry.tier) == ("api_key", "flow", "studio", "basic")


async def test_a_key_without_the_scope_or_of_another_organisation_is_refused_on_its_own_record(
    flow: Twilio, world: World
) -> None:
    lookup, _row = await sync_to_async(make_api_key)(world.riverside, name="lookup", scopes=["lookup"])
    theirs, _row = await sync_to_async(make_api_key)(world.harbor, name="harbor", scopes=["enrich"])
    for key, organization in ((lookup, world.riverside), (theirs, world.harbor)):
        answer = await Api(key).post(usual(), PATH)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
        assert [entry.actor_kind for entry in await entries(organization=organization, event="denied")] == ["api_key"]
    assert FakeConnector.asked == []


async def test_what_signs_in_before_the_portal_does_not_spoil_the_signature(flow: Twilio) -> None:
    signature = RequestValidator(TOKEN).compute_signature(f"https://proxy:pass@portal.example.org{PATH}", usual())
    said = base64.b64encode(b"proxy:pass").decode()
    headers = {"Authorization": f"Basic {said}", "X-Twilio-Signature": signature}
    assert (await flow.post(usual(), headers=headers)).status_code == 200
    assert (await flow.post(usual(), headers=headers | {"Authorization": "Basic eDp5"})).status_code == 401


# -- What they get -------------------------------------------------------------------------------------------------


async def test_one_caller_flat_without_nulls_and_on_record(flow: Twilio, world: World) -> None:
    await known()
    answer = await flow.post(usual())
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    body = answer.json()
    call = await Call.objects.aget()
    url = f"{PUBLIC}/panel/riverside/{call.key}/"
    told = {
        "found": True, "match_count": 1, "lookup_status": "ok", "name": "Rosa Castillo", "caller_name": "Rosa Castillo",
        "caller_email": "r•••@mail.org", "account_status": "active", "profile_url": url, "source": "clients", "calls_30d": 0,
    }  # fmt: skip
    assert {name: body[name] for name in told} == told
    assert body["customer"] == {"name": "Rosa Castillo", "email": "r•••@mail.org", "account_id": "RS-1", "status": "active"}
    assert set(body) == ALWAYS | set(told)
    assert not nulls(body)
    assert body["attributes"] == {
        "profile_url": url, "call_sid": SID, "customer_found": True, "match_count": 1, "lookup_status": "ok",
        "caller_name": "Rosa Castillo", "name": "Rosa Castillo", "account_status": "active", "caller_email": "r•••@mail.org",
        "calls_30d": 0,
    }  # fmt: skip
    assert (call.call_sid, call.number, call.named_by_api) == (SID, PHONE, True)
    (entry,) = await entries(event="lookup")
    assert (entry.actor_kind, entry.actor_id, entry.channel, entry.call_sid) == ("twilio", OURS, "studio", SID)
    effects = {field["field"]: field["effect"] for field in entry.fields}
    assert effects == {"name": "clear", "email": "mask", "status": "clear", "account_id": "clear", "calls_30d": "clear"}


async def test_asked_again_it_is_the_same_call_with_the_same_panel(flow: Twilio) -> None:
    first, again = [(await flow.post(usual())).json() for _time in range(2)]
    assert first["profile_url"] == again["profile_url"]
    assert await Call.objects.acount() == 1
    assert len(await entries(event="lookup")) == 2
    one, other = [(await flow.post({"phone": PHONE})).json()["profile_url"] for _time in range(2)]
    assert one != other
    assert await Call.objects.acount() == 3


async def test_the_accounts_tier_decides_and_money_is_never_told(flow: Twilio, world: World) -> None:
    await known(outstanding_balance="42.50", notes="private")
    for tier, effect in (("admin", "mask"), ("none", "")):
        rows = await world.riverside.tiers.aget_or_create(name=tier)
        account = await TwilioAccount.objects.aget(account_sid=OURS)
        account.tier = rows[0]
        await account.asave()
        body = (await flow.post(usual())).json()
        assert body.get("caller_email", "") == ("r•••@mail.org" if effect else "")
        assert body["caller_name"] == ("Rosa Castillo" if effect else "Unknown")
        assert not {"private", "4250", "rosa@mail.org"} & set(json.dumps(body).replace('"', " ").split())
    first, second = await entries(event="lookup")
    assert {field["effect"] for field in first.fields if field["field"] == "email"} == {"mask"}
    assert (first.tier, second.tier, second.fields) == ("admin", "none", [])


async def test_without_a_tier_called_basic_nothing_is_told(flow: Twilio, world: World) -> None:
    await sync_to_async(world.riverside.api_keys.all().delete)()
    await sync_to_async(world.riverside.people.all().delete)()
    await sync_to_async(world.riverside.tiers.all().delete)()
    body = (await flow.post(usual())).json()
    assert (body["found"], body["caller_name"], body["customer"]) == (True, "Unknown", {})


@pytest.mark.parametrize(
    ("share", "there", "gone"),
    [
        ([], {"account_status"}, {"name", "caller_email", "crmid"}),
        (["name"], {"name", "account_status"}, {"caller_email"}),
        (["email"], {"caller_email"}, {"name"}),
        (["customer"], {"account_status"}, {"name", "caller_email"}),
    ],
)
async def test_what_an_organisation_shares(flow: Twilio, share: list[str], there: set[str], gone: set[str]) -> None:
    await known()
    await Organization.objects.aupdate(studio_share=share)
    _seen.forget()
    body = (await flow.post(usual())).json()
    assert there <= set(body)
    assert not gone & set(body)
    assert body["caller_name"] == ("Rosa Castillo" if "name" in share else "Unknown")
    assert bool(body["customer"]) is ("customer" in share)
    assert ("Rosa" in json.dumps(body)) is ("name" in share)
    assert ("mail.org" in json.dumps(body)) is ("email" in share)
    (entry,) = await entries(event="lookup")
    assert {"name", "email", "account_id"} & {field["field"] for field in entry.fields} == {
        {"customer": "account_id"}.get(word, word) for word in share
    }


async def test_the_id_in_the_crm(flow: Twilio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.routing.caller._CRM_KINDS", frozenset({"fake"}))
    await known()
    body = (await flow.post(usual())).json()
    assert (body["crmid"], body["attributes"]["crmid"]) == ("1", "1")
    (entry,) = await entries(event="lookup")
    assert {"field": "record_id", "effect": "clear", "sources": ["clients"]} in entry.fields


async def test_several_people_are_counted_and_none_is_named(flow: Twilio) -> None:
    people = [{"id": "1", "name": "Rosa"}, {"id": "2", "name": "Luis"}]
    await Connector.objects.aupdate(options={"people": people}, version=2)
    _seen.forget()
    body = (await flow.post(usual())).json()
    assert (body["found"], body["match_count"], body["lookup_status"], body["caller_name"]) == (
        False,
        2,
        "ambiguous",
        "Unknown",
    )
    assert not {"Rosa", "Luis"} & set(json.dumps(body).replace('"', " ").split())
    assert [entry.fields for entry in await entries(event="lookup")] == [[]]


async def test_whatever_a_system_holds_the_answer_is_short_and_breaks_nothing(flow: Twilio) -> None:
    await known(name='Rosa "R" {{flow.variables.x}} <b>\u2028\x00\\ ' * 60, status="\U0001f469\u200d\U0001f467" * 900)
    answer = await flow.post(usual())
    body = answer.json()
    assert len(answer.content) < 8_000
    assert len(json.dumps(body["attributes"])) <= 700
    assert body["name"].startswith("Rosa 'R' ((flow.variables.x)) (b)")
    assert len(body["name"]) <= 200
    assert body["attributes"]["profile_url"] == body["profile_url"]


@pytest.mark.parametrize("phone", ["", "  ", "anonymous", "+266696687", "Restricted"])
async def test_a_hidden_number_is_withheld_and_has_a_panel(flow: Twilio, phone: str) -> None:
    body = (await flow.post(usual(phone=phone))).json()
    assert (body["lookup_status"], body["match_count"], body["caller_name"]) == ("withheld", 0, "Unknown")
    call = await Call.objects.aget()
    assert (body["profile_url"], call.number) == (f"{PUBLIC}/panel/riverside/{call.key}/", "")
    assert FakeConnector.asked == []


async def test_the_caller_may_come_as_twilio_names_it(flow: Twilio) -> None:
    body = (await flow.post({"From": PHONE, "CallSid": SID})).json()
    assert body["found"] is True
    assert (await Call.objects.aget()).call_sid == SID


# -- Whatever happens ----------------------------------------------------------------------------------------------


def without_caller(body: dict[str, Any]) -> None:
    assert (body["lookup_status"], body["caller_name"], body["found"], body["match_count"]) == ("failed", "Unknown", False, 0)
    assert set(body) == ALWAYS
    assert body["customer"] == {}
    assert body["attributes"]["profile_url"] == body["profile_url"]
    assert not nulls(body)


@pytest.mark.parametrize("phone", ["abc", "client:bob", "+1", "555-0123", "4" * 65])
async def test_an_unusable_phone_is_answered_and_the_call_has_its_panel(flow: Twilio, phone: str) -> None:
    answer = await flow.post(usual(phone=phone))
    assert answer.status_code == 200
    without_caller(answer.json())
    assert (await Call.objects.aget()).key in answer.json()["profile_url"]
    assert FakeConnector.asked == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"phone=%ff", FORM),
        (b"x" * 70_000, FORM),
        (b"hello", "text/plain"),
        (b'{"phone": 1, "call_sid": {"a": 1}}', "application/json"),
        (b'{"phone": ["+14155550123"]}', "application/json"),
    ],
)
async def test_a_body_that_cannot_be_used_is_answered(flow: Twilio, api: Api, body: bytes, content_type: str) -> None:
    answer = await flow.client.post(PATH, body, content_type=content_type, headers=api.headers)
    assert answer.status_code == 200
    without_caller(answer.json())


async def test_without_the_record_nothing_of_the_caller_is_told(flow: Twilio, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: Any) -> None:
        raise OperationalError("down")

    assert (await flow.post(usual())).status_code == 200
    monkeypatch.setattr(audit, "_commit", fail)
    answer = await flow.post(usual())
    assert answer.status_code == 200
    without_caller(answer.json())
    assert answer.json()["profile_url"] == f"{PUBLIC}/panel/riverside/#phone=%2B14155550123&call_sid={SID}"
    assert len(await entries(event="lookup")) == 1


async def test_a_mistake_of_ours_does_not_cost_the_call_its_way(
    flow: Twilio, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: Any) -> None:
        raise KeyError(PHONE)

    monkeypatch.setattr(studio, "caller_of", broken)
    answer = await flow.post(usual())
    assert answer.status_code == 200
    without_caller(answer.json())
    assert "studio.crashed" in caplog.text
    assert PHONE not in caplog.text


async def test_a_slow_system_is_not_waited_for_and_goes_on_into_the_cache(
    flow: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studio, "WITHIN_S", 0.2)
    connector = await Connector.objects.aget(key="clients")
    connector.options = {"people": connector.options["people"], "fails": "wait"}
    await connector.asave()
    began = time.monotonic()
    body = (await flow.post(usual())).json()
    assert time.monotonic() - began < 1
    assert (body["lookup_status"], body["caller_name"], body["match_count"]) == ("failed", "Unknown", 0)
    FakeConnector.released.set()
    await asyncio.sleep(0.1)
    again = (await flow.post(usual())).json()
    assert (again["lookup_status"], again["caller_name"]) == ("ok", "Rosa Castillo")
    assert FakeConnector.asked.count(("clients", "find")) == 1


async def test_a_get_is_told_what_to_do(flow: Twilio) -> None:
    answer = await flow.client.get(PATH)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


# -- The lookup as a form ------------------------------------------------------------------------------------------


async def test_a_lookup_may_come_as_a_form(api: Api) -> None:
    fields = {"phone": PHONE, "deadline_ms": "2500", "refresh": "true", "reason": "", "call_sid": SID}
    answer = await api.post(urlencode(fields), content_type=FORM)
    assert (answer.status_code, answer.json()["caller"]["name"]) == (200, "Rosa Castillo")
    for body in ("phone=", "phone=%ff", "call_sid=CA1"):
        assert (await api.post(body, content_type=FORM)).status_code == 400


# -- The menu ------------------------------------------------------------------------------------------------------


async def ruled(world: World) -> None:
    """Spanish first for who speaks it; whoever owes something to a queue."""
    gives = {"options": ["spanish", "billing"], "greeting": "Bienvenidos.", "language": "es", "preferred_agent": "Bea"}
    spanish = {"field": "language", "is": "Spanish"}
    await MenuRule.objects.acreate(organization=world.riverside, name="spanish", conditions=spanish, **gives)
    owes = {"field": "outstanding_balance", "above": 0}
    await MenuRule.objects.acreate(organization=world.riverside, name="owes", conditions=owes, queue="Billing", priority=5)
    await Connector.objects.filter(key="clients").aupdate(fields={name: name for name in ("language", "preferred_agent")})


MENU = {"menu_option", "menu_options", "menu_greeting", "menu_queue", "menu_priority"}


async def test_a_flow_gets_flat_values_of_the_rules_that_fit(flow: Twilio, world: World) -> None:
    await ruled(world)
    await known(language="Spanish", preferred_agent="Sam", outstanding_balance="42.50")
    account = await TwilioAccount.objects.aget(account_sid=OURS)
    account.tier = await world.riverside.tiers.aget(name="advanced")
    await account.asave()
    answer = (await flow.post(usual())).json()
    assert {name: answer[name] for name in (*MENU, "language", "preferred_agent")} == {
        "menu_option": "spanish",
        "menu_options": "spanish,billing",
        "menu_greeting": "Bienvenidos.",
        "menu_queue": "Billing",
        "menu_priority": 5,
        "language": "es",
        "preferred_agent": "Bea",
    }
    assert answer["attributes"]["menu_queue"] == "Billing"
    # It decided, which is on record; it is not in the answer.
    assert "42.50" not in json.dumps(answer)
    (entry,) = await entries(event="lookup")
    assert {"outstanding_balance"} <= {shown["field"] for shown in entry.fields}


async def test_what_the_tier_does_not_see_in_the_clear_routes_nobody(flow: Twilio, world: World) -> None:
    await ruled(world)
    await known(outstanding_balance="42.50")
    assert MENU.isdisjoint((await flow.post(usual())).json())


async def test_a_rule_for_everybody_fits_whoever_calls(flow: Twilio, world: World) -> None:
    await MenuRule.objects.acreate(organization=world.riverside, name="all", greeting="Welcome.")
    for phone in (PHONE, "", "anonymous", "not a number"):
        assert (await flow.post(usual(phone=phone))).json()["menu_greeting"] == "Welcome."


async def test_a_bad_rule_never_breaks_the_answer(flow: Twilio, world: World) -> None:
    await ruled(world)
    await MenuRule.objects.acreate(organization=world.riverside, name="bad", queue="X", conditions={"all": "nonsense"})
    await known(language="Spanish")
    answer = (await flow.post(usual())).json()
    assert (answer["found"], answer["menu_option"]) == (True, "spanish")
    assert "menu_queue" not in answer


async def test_rules_of_another_organisation_route_nobody_here(flow: Twilio, world: World) -> None:
    await MenuRule.objects.acreate(organization=world.harbor, name="all", greeting="Welcome to Harbor.")
    assert MENU.isdisjoint((await flow.post(usual())).json())


# -- What is to be known before a call-back ------------------------------------------------------------------------

ALLOWED = ("voicemail_ok", "may_identify", "do_not_call", "interpreter")


async def mapped(**values: Any) -> None:
    await known(**values)
    await Connector.objects.filter(key="clients").aupdate(fields={name: name for name in ALLOWED})
    await (await Connector.objects.aget(key="clients")).asave()


@pytest.mark.parametrize("effect", ["hide", "mask", "reveal"])
async def test_what_the_accounts_tier_may_not_see_studio_is_not_told(flow: Twilio, world: World, effect: str) -> None:
    for name in ALLOWED[:3]:
        await TierRule.objects.acreate(tier=await world.riverside.tiers.aget(name="basic"), target=name, effect=effect)
    await mapped(voicemail_ok="Y", may_identify="Y", do_not_call="Y")
    answer = (await flow.post(usual())).json()
    assert answer["found"] is True
    assert set(answer).isdisjoint(ALLOWED[:3])
    assert set(answer["attributes"]).isdisjoint(ALLOWED[:3])


async def test_nobody_having_asked_is_never_a_yes(flow: Twilio) -> None:
    await mapped(may_identify="maybe", interpreter=True)
    answer = (await flow.post(usual())).json()
    assert {name: answer.get(name) for name in ALLOWED} == {
        "voicemail_ok": "not_asked", "may_identify": "not_asked", "do_not_call": None, "interpreter": "yes",
    }  # fmt: skip
    assert answer["attributes"]["voicemail_ok"] == "not_asked"


async def test_what_was_allowed_and_how_often_they_called_is_told(flow: Twilio) -> None:
    await mapped(voicemail_ok="Yes – 2024-03-01", may_identify="N", do_not_call=False, interpreter="Spanish")
    for sid in ("CA2", "CA3", SID):
        answer = (await flow.post(usual(call_sid=sid))).json()
    told = {name: answer[name] for name in (*ALLOWED, "calls_30d")}
    assert told == {
        "voicemail_ok": "yes", "may_identify": "no", "do_not_call": "no", "interpreter": "Spanish", "calls_30d": 2,
    }  # fmt: skip
    last = (await entries(event="lookup"))[-1]
    assert {"calls_30d", "voicemail_ok"} <= {field["field"] for field in last.fields}


@pytest.mark.parametrize(
    ("said", "doubted"),
    [
        ("TN-Validation-Failed-A", True),
        ("TN-Validation-Failed", True),
        ("TN-Validation-Passed-A", False),
        ("No-TN-Validation", False),
        ("", False),
    ],
)
async def test_a_number_that_failed_its_check_is_kept_with_the_call(flow: Twilio, said: str, doubted: bool) -> None:
    answer = (await flow.post(usual(stir_verstat=said))).json()
    assert answer["found"] is True
    assert (await Call.objects.aget(call_sid=SID)).number_doubted is doubted
    await flow.post(usual())
    assert (await Call.objects.aget(call_sid=SID)).number_doubted is doubted
