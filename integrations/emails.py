"""E-mail addresses as systems hold them: the address within a text, and which ones are somebody's.

Records of several systems are one person when they share an address. So what is none, and what is written where there
is none (``refused@clinic.org``), must never be taken for somebody's.
"""

from __future__ import annotations

import re
import unicodedata

from integrations.words import is_nothing

MAX_TEXT = 320
_ADDRESS = re.compile(
    r"([^@\s\"\\(){}<>\[\],;:]{1,64})@([^@\s\"'\\(){}<>\[\],;:/_.]{1,63}(?:\.[^@\s\"'\\(){}<>\[\],;:/_.]{1,63}){1,8})"
)
# What people type where a form demands an address: compared by its letters alone, without digits behind.
_NOBODY = frozenset(
    ("noemail", "noemailaddress", "noemailprovided", "noemailgiven", "noemailonfile", "nomail", "noaddress", "no", "na", "none",
     "nonegiven", "noneprovided", "null", "nil", "nan", "unknown", "undefined", "refused", "refusedemail", "refuse", "declined",
     "decline", "declinedemail", "donotemail", "dontemail", "donotcontact", "donotuse", "donotsend", "donotreply", "noreply",
     "notprovided", "notgiven", "notavailable", "notapplicable", "nothing", "nobody", "noone", "noname", "invalid",
     "invalidemail",
     "bademail", "fake", "fakeemail", "bogus", "dummy", "placeholder", "changeme", "test", "tester", "testing",
     "testemail", "email",
     "emailaddress", "youremail", "yourname", "anonymous", "patienthasnoemail", "clienthasnoemail", "doesnothave", "hasnoemail",
     "mailerdaemon", "postmaster", "asdf", "asd", "qwerty", "xxx", "xx", "abc", "sinemail", "sincorreo", "nocorreo", "notiene",
     "notienecorreo", "notieneemail", "notengo", "donthave", "donthaveone", "donothave",
     "idonthave", "idonthaveone", "nope", "nothanks", "sin", "ninguno",
     "ninguna", "nulo", "desconocido", "rechazado", "rehusado",
     "noaplica",
     "nodisponible", "correo")
)  # fmt: skip
_NOWHERE = frozenset(
    ("none", "noemail", "no-email", "nomail", "no", "na", "null", "nil", "unknown", "donotemail", "refused", "declined",
    "nowhere",
     "notprovided", "noaddress", "sinemail", "sincorreo", "noreply", "placeholder")
)  # fmt: skip


def address_in(text: str) -> str:
    """The one address of ``Rosa <rosa@mail.org>``, ``mailto:rosa@mail.org`` or ``rosa@mail.org;``; ``""`` where the text
    says that there is none. Raises ValueError for what is no address, or holds several."""
    if len(text) > MAX_TEXT:
        raise ValueError
    bare = text.strip(" \t\r\n\u00a0;,.")
    if is_nothing(bare) or _letters(bare) in _NOBODY:
        return ""
    if bare.endswith(">") and bare.count("<") == 1:
        bare = bare[bare.index("<") + 1 : -1].strip()
    if bare[:7].casefold() == "mailto:":
        bare = bare[7:].partition("?")[0].strip()
    found = _ADDRESS.fullmatch(unicodedata.normalize("NFKC", bare))
    if not found or not _ends_well(found[2]):
        raise ValueError
    return found[0]


def folded(text: object) -> str:
    """An address as it is compared, however it is written; ``""`` for what is none."""
    try:
        return address_in(text).casefold() if isinstance(text, str) else ""
    except ValueError:
        return ""


def identity(text: object) -> str:
    """The address by which somebody is recognised; ``""`` for what is no address, or nobody's."""
    address = folded(text)
    local, _at, domain = address.rpartition("@")
    return "" if not local or _is_nobody(local, domain) else address


def _is_nobody(local: str, domain: str) -> bool:
    *host, ending = domain.split(".")
    letters = _letters(local)
    alike = len(letters) < 4 and letters == _letters(host[-1])  # a@a.com
    one_key = len(letters) > 2 and len(set(letters)) == 1  # xxxxx@mail.org
    return (
        (not letters and not local.isdigit())
        or letters in _NOBODY
        or alike
        or one_key
        or host[-1] in _NOWHERE
        or ending == "invalid"
    )


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalpha())


def _ends_well(domain: str) -> bool:
    ending = domain.rpartition(".")[2]
    return (
        len(ending) >= 2
        and not ending.isdigit()
        and not any(part.startswith("-") or part.endswith("-") for part in domain.split("."))
    )
