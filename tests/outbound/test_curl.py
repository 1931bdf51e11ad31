"""A request as a line to be typed: what it shows, and what it must not."""

from __future__ import annotations

import json
import shlex
import time

from integrations.outbound.curl import Hidden, curl_of
from integrations.outbound.recording import Asked, record_read, record_sent, recording

ADDRESS = "https://crm.example/people"
SECRETS = {"api_key": "k-secret-123456", "username": "ann"}


def test_no_header_but_those_about_the_form_is_shown() -> None:
    headers = {"Authorization": "Bearer tok-1", "X-Odd-Name": "tok-2", "Accept": "application/json", "User-Agent": "us"}
    line = curl_of("GET", ADDRESS, Hidden({}), headers=headers)
    assert "tok" not in line
    assert "Accept: application/json" in line
    assert """-H 'Authorization: '"$AUTHORIZATION" """ in line
    assert """-H 'X-Odd-Name: '"$X_ODD_NAME" """ in line


def test_secrets_are_names_wherever_they_stand() -> None:
    inside = {"filter": {"note": "with k-secret-123456 within", "who": "ann", "name": "annabel"}, "client_secret": "unknown"}
    for line in (
        curl_of("GET", ADDRESS, Hidden(SECRETS), query={"odd": "k-secret-123456", "user": "ann", "phone": "+14155550123"}),
        curl_of("POST", ADDRESS, Hidden(SECRETS), json=inside),
        curl_of("POST", ADDRESS, Hidden(SECRETS), form={"assertion": "ey.J.x", "odd": "k-secret-123456", "user": "ann"}),
    ):
        for secret in ("k-secret-123456", "ey.J.x", "unknown", '"ann"', "=ann"):
            assert secret not in line
        assert "$API_KEY" in line
    assert "annabel" in curl_of("POST", ADDRESS, Hidden(SECRETS), json=inside)


def test_the_number_stands_there_as_it_was_asked() -> None:
    body = {"filters": [{"operator": "EQ", "value": "4155550123"}]}
    words = shlex.split(curl_of("POST", ADDRESS, Hidden(SECRETS), json=body))
    assert words[:3] == ["curl", "-X", "POST"]
    assert json.loads(words[words.index("-d") + 1]) == body
    assert words[-1] == ADDRESS
    assert "phone=%2B14155550123" in curl_of("GET", ADDRESS, Hidden(SECRETS), query={"phone": "+14155550123"})


def test_once_somebody_is_known_nothing_but_the_number_is_shown() -> None:
    hidden = Hidden(SECRETS, frozenset({"4155550123"}), only_number=True)
    line = curl_of("POST", ADDRESS, hidden, json={"email": "rosa@mail.org", "ids": [17], "phone": "4155550123", "all": True})
    assert "rosa" not in line
    assert "17" not in line
    assert "4155550123" in line
    assert "true" in line


def test_nothing_in_a_request_ends_its_quotes() -> None:
    words = shlex.split(curl_of("GET", ADDRESS, Hidden({}), json={"name": "O'Neill; rm -rf $HOME `id`"}))
    assert words[-2] == '{"name": "O\'Neill; rm -rf $HOME `id`"}'


def test_a_recording_hides_addresses_of_people_in_paths_and_only_while_it_lasts() -> None:
    began = time.monotonic()
    with recording(number=["1"]) as recorded:
        record_sent(Asked("GET", f"{ADDRESS}/rosa%40mail.org"), "200", began)
        record_read({"ssn"})
        record_sent(Asked("GET", f"{ADDRESS}/rosa%40mail.org", {"email": "rosa@mail.org"}), "200", began)
        record_sent("SELECT 1", "ok", began)
    record_sent("after", "200", began)
    known = recorded.sent[1]
    assert "rosa" not in known.what + known.curl
    assert [one.what for one in recorded.sent[2:]] == ["SELECT 1"]
    assert recorded.sent[2].curl == ""
    assert recorded.dropped == {"ssn"}
