"""Whether Twilio sent a request: its signature, held against the raw body and the address that the portal is known by.

Twilio signs with an account's auth token (HMAC-SHA1, base64) the whole address, followed by the names and values of a form.
Of any other body it signs nothing but a hash, which stands in the address as ``bodySHA256``. There is no time in a signature,
so a request can be sent again: whoever acts on one must do the same thing twice without harm.
https://www.twilio.com/docs/usage/security#validating-requests
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

FORM = "application/x-www-form-urlencoded"
HASH = "bodySHA256"
SIGNED_WITH = "HMAC_SHA1"
# What may be told of a name: whoever sends JSON as a form has the whole of it taken for one.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
MAX_NAMES = 40
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Verdict:
    """``reason`` is a word for the log, ``parameters`` the names that came, for the same. ``token`` is the place of the token
    that signed, -1 where none did."""

    ok: bool
    reason: str
    parameters: tuple[str, ...] = ()
    token: int = -1


def check(
    *,
    body: bytes,
    content_type: str,
    query: str,
    path: str,
    signature: str,
    settings_header: str,
    public_url: str,
    tokens: Sequence[str],
    userinfo: str = "",
) -> Verdict:
    """Whether one of ``tokens`` signed this request.

    ``path`` and ``query`` as they were received, not decoded. ``public_url``: scheme, host and port by which the portal is
    known, whatever the request's headers say. ``userinfo``: ``name:password`` that came with it, which may be part of the
    signed address. ``settings_header``: of X-Twilio-Webhooks-Signature-Settings.
    """
    is_form = content_type.partition(";")[0].strip().lower() == FORM
    form = _form(body) if is_form else {}
    if form is None:
        return Verdict(False, "unreadable_form")
    names = _names(query, form)
    if not signature:
        return Verdict(False, "no_signature", names)
    if names_another_key(settings_header):
        return Verdict(False, "another_key", names)
    if problem := _hash_problem(body, query, is_form=is_form):
        return Verdict(False, problem, names)
    fields = "".join(name + value for name in sorted(form) for value in form[name])
    signed = [f"{address}{fields}".encode() for address in _addresses(public_url, userinfo, path, query)]
    for place, token in enumerate(tokens):
        if any(_is_signed(text, token, signature) for text in signed):
            return Verdict(True, "signed", names, place)
    return Verdict(False, "wrong_signature", names)


def path_as_received(scope: Mapping[str, object], path: str) -> str:
    """The path as it came in an ASGI request, else ``path`` encoded: what is decoded cannot be put back as it was."""
    raw = scope.get("raw_path")
    return raw.decode("latin-1") if isinstance(raw, bytes) else quote(path)


def userinfo_of(authorization: str) -> str:
    """The ``name:password`` of a header, which stood in the address and may have been signed with it; "" for none."""
    scheme, _space, value = authorization.partition(" ")
    if scheme.lower() == "basic":
        with suppress(ValueError):  # what is no base64, and what is no text
            return base64.b64decode(value.strip(), validate=True).decode()
    return ""


def names_another_key(settings_header: str) -> bool:
    """Whether it was signed with anything but an auth token and SHA-1. The header itself is not signed, so nothing is done
    by what it says; keys of another kind are not kept here."""
    for part in filter(None, (part.strip() for part in settings_header.split(","))):
        name, _equals, value = part.partition("=")
        if name.strip() != "algorithm" or value.strip().upper() != SIGNED_WITH:
            return True
    return False


def _names(query: str, form: Mapping[str, object]) -> tuple[str, ...]:
    """What may be logged of a request: the parameters that it has, as far as they look like names."""
    named = {name for name, _value in parse_qsl(query, keep_blank_values=True)} | set(form)
    return tuple(sorted(name for name in named if _NAME.fullmatch(name)))[:MAX_NAMES]


def _form(body: bytes) -> Mapping[str, list[str]] | None:
    """Each name with its different values, in order; None for what is no form in UTF-8."""
    found: dict[str, set[str]] = {}
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict")
    except ValueError:
        return None
    for name, value in pairs:
        found.setdefault(name, set()).add(value)
    return {name: sorted(values) for name, values in found.items()}


def _hash_problem(body: bytes, query: str, *, is_form: bool) -> str:
    """The word for what is wrong with the body's hash. Whatever the content type says, a hash that is there must be right:
    else a body in JSON could be taken away and the rest sent again as an empty form."""
    hashes = [value for name, value in parse_qsl(query, keep_blank_values=True) if name == HASH]
    if not hashes:
        return "" if is_form else "no_hash"
    if len(hashes) > 1:
        return "two_hashes"
    said = hashes[0].lower().encode()
    return "" if hmac.compare_digest(said, hashlib.sha256(body).hexdigest().encode()) else "wrong_hash"


def _addresses(public_url: str, userinfo: str, path: str, query: str) -> Iterator[str]:
    """The address as Twilio may have written it: with and without the port, and what signs in."""
    parts = urlsplit(public_url)
    host = parts.netloc.rpartition("@")[2]
    port = parts.port or _PORTS.get(parts.scheme, 443)
    bare = host.removesuffix(f":{parts.port}") if parts.port else host
    rest = f"{path}?{query}" if query else path
    for before in _signed_in(userinfo):
        for place in (bare, f"{bare}:{port}"):
            yield f"{parts.scheme}://{before}{place}{rest}"


def _signed_in(userinfo: str) -> Iterator[str]:
    yield ""
    if userinfo:
        yield f"{userinfo}@"
        name, colon, password = userinfo.partition(":")
        if (written := f"{quote(name, safe='')}{colon}{quote(password, safe='')}") != userinfo:
            yield f"{written}@"


def _is_signed(text: bytes, token: str, signature: str) -> bool:
    mac = base64.b64encode(hmac.digest(token.encode(), text, "sha1"))
    return hmac.compare_digest(mac, signature.strip().encode())
