"""The owner of a number, by what its column or property is called: a client's own, or that of somebody about them."""

from __future__ import annotations

import re
from functools import lru_cache

from integrations.profile import Match
from integrations.sentences import gettext_noop

MAX_NAME = 200
# With more in a cell, its words may be about another number.
_DIGITS_OF_ONE = 15
# Each word as it stands in names of columns, in English and Spanish, and whose number it says that it is.
_OTHERS = {
    gettext_noop("the emergency contact"): ("emergency", "emergencia", "ice", "next of kin", "kin"),
    gettext_noop("the assistant"): ("assistant", "asst", "secretary", "asistente"),
    gettext_noop("the company"): (
        *("company", "office main", "main office", "switchboard", "reception", "front desk", "headquarters", "agency"),
        *("organization", "organisation", "employer", "school", "shelter", "facility", "empresa", "escuela"),
    ),
    gettext_noop("the case manager"): (
        "case manager",
        "case worker",
        "caseworker",
        "social worker",
        "advocate",
        "navigator",
        "trabajador social",
    ),
    gettext_noop("the caregiver"): ("caregiver", "carer", "aide", "nurse", "cuidador", "cuidadora"),
    gettext_noop("the doctor"): (
        *("doctor", "physician", "provider", "pcp", "dentist", "therapist", "pharmacy", "hospital", "clinic"),
        *("medico", "farmacia"),
    ),
    gettext_noop("a relative"): (
        *("daughter", "son", "child", "wife", "husband", "spouse", "partner", "mother", "father", "mom", "dad", "parent"),
        *(
            "sister",
            "brother",
            "sibling",
            "grandmother",
            "grandfather",
            "aunt",
            "uncle",
            "niece",
            "nephew",
            "relative",
            "family",
        ),
        *("hijo", "hija", "madre", "padre", "esposo", "esposa", "conyuge", "hermano", "hermana", "pariente", "familiar"),
    ),
    gettext_noop("the guardian"): (
        "guardian",
        "conservator",
        "poa",
        "attorney",
        "lawyer",
        "proxy",
        "representative",
        "payee",
        "tutor",
        "abogado",
    ),
    gettext_noop("somebody else"): (
        *("contact person", "alternate contact", "secondary contact", "other contact", "neighbor", "neighbour", "friend"),
        *("landlord", "roommate", "referral", "referrer", "interpreter", "supervisor", "manager", "volunteer", "donor"),
        *("billing contact", "vecino", "vecina", "amigo", "amiga"),
    ),
}
_LETTERS = re.compile(r"[^\W\d_]")
_BY_WORDS = {word: owner for owner, words in _OTHERS.items() for word in words}
# No number to call anybody by.
_NONE = (
    "fax",
    "telex",
    "isdn",
    "pager",
    "do not",
    "donot",
    "dnc",
    "no llamar",
    "type",
    "ok to",
    "consent",
    "verified",
    "opt out",
    *("last", "call", "calls", "called", "date", "ext", "extension", "carrier", "label", "status", "notes", "preference"),
    *("country", "ultima", "llamada", "anexo"),
)


@lru_cache(maxsize=4096)
def whose(name: str) -> str:
    """``the emergency contact``, where that is whose number a column of this name holds; empty for the client's own."""
    return _owner(name)


def whose_number(match: Match) -> str:
    """The same of the number by which somebody was found: by its column, or by the words beside it in its cell."""
    beside = match.stored[:MAX_NAME]
    has_words = _LETTERS.search(beside) and sum(character.isdigit() for character in beside) <= _DIGITS_OF_ONE
    return whose(match.field) or (_owner(beside) if has_words else "")


def _owner(text: str) -> str:
    words = _words(text)
    return next((owner for word, owner in _BY_WORDS.items() if f" {word} " in words), "")


@lru_cache(maxsize=4096)
def is_a_number_of_theirs(name: str) -> bool:
    """Whether a column with numbers is likely to hold the client's own, by which they may be taken for the caller."""
    words = _words(name)
    return not whose(name) and not any(f" {word} " in words for word in _NONE)


def _words(name: str) -> str:
    """The words in small letters between blanks, plurals and possessives as the word itself."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name[:MAX_NAME]).casefold().replace("'s", "").replace("’s", "")
    plain = re.sub(r"[^a-z0-9]", " ", spaced.translate(_PLAIN)).split()
    return f" {' '.join(word for word in plain if word != 's')} "


_PLAIN = str.maketrans("áéíóúüñ", "aeiouun")
