"""What Twilio's own validator signs is accepted, in every form of the address, and nothing else is."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from integrations.twilio.signature import FORM, Verdict, check, path_as_received, userinfo_of

PUBLIC, PATH, TOKEN = "https://portal.example.org", "/api/v1/studio/riverside/enrich", "t" * 32
FIELDS = {"phone": "+14155550123", "call_sid": "CA1", "note": " two  blanks ", "name": "José & Søn", "empty": ""}
BODY = urlencode(FIELDS).encode()
JSON_BODY = b'{"phone": "+14155550123"}'


def signed(url: str, fields: dict[str, str] | None = None, token: str = TOKEN) -> str:
    return str(RequestValidator(token).compute_signature(url, fields or {}))


def verdict(**facts: Any) -> Verdict:
    """A form that Twilio signed, but for what the test says."""
    usual: dict[str, Any] = {
        "body": BODY, "content_type": FORM, "query": "", "path": PATH, "settings_header": "", "public_url": PUBLIC,
        "tokens": [TOKEN], "signature": signed(f"{PUBLIC}{PATH}", FIELDS),
    }  # fmt: skip
    return check(**usual | facts)


def json_query(body: bytes = JSON_BODY) -> str:
    return f"bodySHA256={hashlib.sha256(body).hexdigest()}"


def json_verdict(query: str, **facts: Any) -> Verdict:
    signature = signed(f"{PUBLIC}{PATH}?{query}")
    return verdict(**{"body": JSON_BODY, "content_type": "application/json", "query": query, "signature": signature} | facts)


def test_a_form_that_twilio_signed() -> None:
    assert verdict() == Verdict(True, "signed", tuple(sorted(FIELDS)), 0)
    assert verdict(content_type=f"{FORM.upper()}; charset=utf-8").ok


def test_json_that_twilio_signed() -> None:
    query = json_query()
    assert RequestValidator(TOKEN).validate(f"{PUBLIC}{PATH}?{query}", JSON_BODY.decode(), signed(f"{PUBLIC}{PATH}?{query}"))
    assert json_verdict(query) == Verdict(True, "signed", ("bodySHA256",), 0)
    assert json_verdict(query.upper().replace("BODYSHA256", "bodySHA256")).ok


def test_a_value_that_came_twice_counts_once_and_each_name_in_order() -> None:
    body = b"b=2&a=2&a=1&b=2"
    pairs = "a1a2b2"
    assert verdict(body=body, signature=signed(f"{PUBLIC}{PATH}{pairs}")).ok


@pytest.mark.parametrize(
    ("public", "as_signed"),
    [
        ("https://portal.example.org", "https://portal.example.org:443"),
        ("https://portal.example.org:8443", "https://portal.example.org:8443"),
        ("https://portal.example.org:8443", "https://portal.example.org"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.0.0.1", "http://127.0.0.1:80"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]:443"),
    ],
)
def test_with_and_without_the_port(public: str, as_signed: str) -> None:
    assert verdict(public_url=public, signature=signed(f"{as_signed}{PATH}", FIELDS)).ok


@pytest.mark.parametrize("as_signed", ["studio:p@ss/1@", "studio:p%40ss%2F1@", ""])
@pytest.mark.parametrize("port", ["", ":443"])
def test_with_and_without_what_signs_in(as_signed: str, port: str) -> None:
    text = f"https://{as_signed}portal.example.org{port}{PATH}" + "".join(f"{n}{FIELDS[n]}" for n in sorted(FIELDS))
    assert verdict(userinfo="studio:p@ss/1", signature=signed(text)).ok


def test_the_path_and_the_query_are_taken_as_they_came() -> None:
    path, query = "/hooks/a%2Fb/%C3%A9", "b=2&a=%20x&a=+y"
    assert verdict(path=path, query=query, signature=signed(f"{PUBLIC}{path}?{query}", FIELDS)).ok
    assert not verdict(path="/hooks/a/b/é", query=query, signature=signed(f"{PUBLIC}{path}?{query}", FIELDS)).ok


def test_each_of_several_tokens_counts_while_they_are_changed() -> None:
    found = verdict(tokens=["new" * 10, TOKEN], signature=signed(f"{PUBLIC}{PATH}", FIELDS))
    assert (found.ok, found.token) == (True, 1)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"body": BODY + b"&more=1"}, "wrong_signature"),
        ({"body": BODY.replace(b"0123", b"0124")}, "wrong_signature"),
        ({"body": b""}, "wrong_signature"),
        ({"body": b"\xff=\xfe"}, "unreadable_form"),
        ({"body": b"a=%ff"}, "unreadable_form"),
        ({"path": PATH + "/"}, "wrong_signature"),
        ({"query": "a=1"}, "wrong_signature"),
        ({"public_url": "http://portal.example.org"}, "wrong_signature"),
        ({"public_url": "https://other.example.org"}, "wrong_signature"),
        ({"tokens": []}, "wrong_signature"),
        ({"tokens": ["u" * 32]}, "wrong_signature"),
        ({"signature": ""}, "no_signature"),
        ({"signature": "é" * 28}, "wrong_signature"),
        ({"content_type": "application/json"}, "no_hash"),
        ({"content_type": "multipart/form-data; boundary=x"}, "no_hash"),
        ({"content_type": ""}, "no_hash"),
    ],
)
def test_a_form_that_is_not_what_was_signed(facts: dict[str, Any], reason: str) -> None:
    found = verdict(**facts)
    assert (found.ok, found.reason, found.token) == (False, reason, -1)


def test_json_that_was_changed_or_whose_hash_is_missing_wrong_or_there_twice() -> None:
    query = json_query()
    assert json_verdict(query, body=b'{"phone": "+14155550199"}').reason == "wrong_hash"
    assert json_verdict("a=1").reason == "no_hash"
    assert json_verdict("").reason == "no_hash"
    assert json_verdict("bodySHA256=").reason == "wrong_hash"
    other = json_query(b"other")
    assert json_verdict(f"{query}&{other}").reason == "two_hashes"
    assert json_verdict(f"{query}&{query}").reason == "two_hashes"
    assert json_verdict("bodysha256=1").reason == "no_hash"


def test_json_sent_again_as_an_empty_form_is_refused_though_twilios_own_validator_takes_it() -> None:
    query = json_query()
    assert RequestValidator(TOKEN).validate(f"{PUBLIC}{PATH}?{query}", {}, signed(f"{PUBLIC}{PATH}?{query}"))
    assert json_verdict(query, content_type=FORM, body=b"").reason == "wrong_hash"
    assert not json_verdict(query, content_type=FORM).ok


@pytest.mark.parametrize(
    ("header", "is_refused"),
    [
        ("", False),
        ("algorithm=HMAC_SHA1", False),
        ("algorithm=HMAC_SHA256", True),
        ("key=webhooks_sharedkey_1,algorithm=HMAC_SHA1", True),
        ("key=webhooks_sharedkey_1,algorithm=HMAC_SHA256", True),
        ("key=webhooks_sharedkey_1", True),
        ("something", True),
    ],
)
def test_a_request_that_names_another_key_or_algorithm_is_refused(header: str, is_refused: bool) -> None:
    assert (verdict(settings_header=header).reason == "another_key") is is_refused


def test_sha256_is_never_taken_of_an_auth_token() -> None:
    signature = RequestValidator(TOKEN).compute_signature(f"{PUBLIC}{PATH}", FIELDS, "HMAC_SHA256")
    assert not verdict(signature=signature).ok


def test_the_verdict_names_parameters_and_never_their_values() -> None:
    found = verdict(query="secret=hidden", signature="wrong")
    assert found.parameters == tuple(sorted(["secret", *FIELDS]))
    assert not any(value in repr(found) for value in ("hidden", "4155550123", "José"))


def test_json_that_is_taken_for_a_form_names_nothing() -> None:
    found = json_verdict(json_query(), content_type=FORM)
    assert found.parameters == ("bodySHA256",)
    assert "4155550123" not in repr(found)


@pytest.mark.parametrize(
    ("header", "userinfo"),
    [("Basic c3R1ZGlvOnBAc3MvMQ==", "studio:p@ss/1"), ("basic  c3R1ZGlvOng= ", "studio:x"), ("Bearer c3R1ZGlvOng=", ""),
     ("Basic ???", ""), ("Basic /w==", ""), ("Basic", ""), ("", "")],
)  # fmt: skip
def test_a_name_and_password_of_the_address_are_read_or_there_are_none(header: str, userinfo: str) -> None:
    assert userinfo_of(header) == userinfo


def test_a_path_is_signed_as_it_came() -> None:
    assert path_as_received({"raw_path": b"/hooks/%41b/x"}, "/hooks/Ab/x") == "/hooks/%41b/x"
    assert path_as_received({}, "/hooks/a b") == "/hooks/a%20b"
