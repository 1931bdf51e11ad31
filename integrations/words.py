"""Words that people and programs write where there is nothing, and for yes and no."""

from __future__ import annotations

from decimal import Decimal

from integrations import figures
from integrations.profile import JSON

# Longer texts say something, whatever they begin with.
MAX_NOTHING = 24
MAX_ID = 190
_MAX_DIGITS = 40
_SIGNS_OF_NOTHING = " -–—−_.?*/\\"
# What programs write for a value that is not there; compared in small letters.
_NULLS = frozenset(
    ("null", "none", "nil", "nan", "n/a", "na", "n.a.", "n.a", "n/d", "s/d", "#n/a", "#na", "#null!", "#ref!", "#value!",
    "#name?",
     "#div/0!", "(null)", "(none)", "<null>", "<none>", "[null]", "\\n", "none none", "null null")
)  # fmt: skip
# What people write for it.
_NOTHING = _NULLS | frozenset(
    ("undefined", "unknown", "not known", "not provided", "not given", "not available", "not applicable", "not set",
    "not stated",
     "none given", "none provided", "no data", "no value", "no email", "no e-mail", "no mail", "no phone", "no number", "blank",
     "(blank)", "empty", "(empty)", "(unknown)", "tbd", "tba", "ninguno", "ninguna", "nulo", "no aplica", "no tiene",
     "sin datos",
     "sin correo", "sin email", "sin teléfono", "sin telefono", "desconocido", "desconocida", "no disponible",
     "no proporcionado",
     "no proporcionada", "no especificado", "no especificada", "se desconoce", "vacío", "vacio", "undefined undefined",
     "unknown unknown")
)  # fmt: skip
# Somebody may be called Null, None, Nil, Na or Nan; nobody is called this, written so.
_NO_NAMES = frozenset(
    ("NULL", "null", "NONE", "none", "NaN", "nan", "N/A", "n/a", "N/a", "#N/A", "(null)", "(none)", "<null>", "[null]", "\\N",
     "UNKNOWN", "Unknown", "unknown", "undefined", "Undefined", "False", "(blank)", "(empty)", "Desconocido", "desconocido",
     "DESCONOCIDO")
)  # fmt: skip
_NO_PAIRS = frozenset(("none none", "null null", "nil nil", "undefined undefined", "unknown unknown"))

_YES = frozenset(
    (
        "true",
        "t",
        "yes",
        "y",
        "on",
        "x",
        "checked",
        "si",
        "sí",
        "s",
        "verdadero",
        "✓",
        "✔",
        "☑",
        "vip",
        "ja",
        "wahr",
        "oui",
        "vrai",
        "sim",
        "verdadeiro",
        "vero",
    )
)
_NO = frozenset(("false", "f", "no", "n", "off", "unchecked", "falso", "☐", "nein", "falsch", "non", "faux", "não", "nao"))
# Access and Visual Basic write -1 for true.
_NUMBERS = {Decimal(1): True, Decimal(-1): True, Decimal(0): False}


def is_nothing(text: str) -> bool:
    """Whether this says that there is no value: ``n/a``, ``NULL``, ``--``, ``not provided``, ``sin correo``."""
    if len(text) > MAX_NOTHING:
        return False
    bare = text.strip()
    # "False" is how Python, and so a well-known ERP, writes a text that is not set.
    return not bare.strip(_SIGNS_OF_NOTHING) or bare == "False" or " ".join(bare.casefold().split()) in _NOTHING


def name_of(text: str) -> str:
    """A name without the parts that say that there is none; ``""`` where nothing is left. Real names like Null stay."""
    words = text.split()
    if " ".join(words).casefold() in _NO_PAIRS:
        return ""
    kept = [word for word in words if word not in _NO_NAMES]
    if len(kept) < len(words) or (len(text) <= MAX_NOTHING and _is_null(text) and not _could_be_a_name(text)):
        text = " ".join(kept) if any(character.isalnum() for word in kept for character in word) else ""
    return text


def truth(raw: JSON) -> bool | None:
    """Yes or no; None where nothing is said. Raises ValueError for what may be either."""
    if isinstance(raw, bytes):
        raw = raw.decode("latin-1")
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, int | float | Decimal):
        return _by_number(figures.bounded(raw))
    if not isinstance(raw, str) or len(raw) > MAX_NOTHING:
        raise ValueError
    if raw and all(ord(character) < 9 for character in raw):  # the bytes of a bit field
        return _by_number(Decimal(int.from_bytes(raw.encode())))
    word = figures.plain_signs(raw).strip().casefold()
    if word in _YES or word in _NO:
        return word in _YES
    if _is_null(word) and "?" not in word:  # who asks does not say no
        return None
    return _by_number(figures.plain(word))


def _is_null(text: str) -> bool:
    """What programs write for nothing, or nothing but dashes, dots and question marks."""
    return not text.strip(_SIGNS_OF_NOTHING) or text.strip().casefold() in _NULLS


def _could_be_a_name(text: str) -> bool:
    return text.strip().isalpha()


def _by_number(number: Decimal) -> bool:
    if number not in _NUMBERS:
        raise ValueError
    return _NUMBERS[number]


def shared_id(raw: JSON) -> str:
    """An id that other systems have too, as it is compared; ``""`` for what is none: a word, ``0``, a flag, a list."""
    if isinstance(raw, bool) or not isinstance(raw, str | int | float | Decimal):
        return ""
    try:
        text = raw.strip() if isinstance(raw, str) else str(written(raw))
    except ValueError:
        return ""
    bare = text.casefold()
    nobody = is_nothing(text) or bare in {"true", "false", "yes", "no", "-1"} or not bare.strip("0. -")
    return "" if nobody or len(text) > MAX_ID else text


def record_id(raw: object) -> str:
    """The id of a record, as other systems are asked by it; ``""`` for what is none: nothing, a word for it, a flag."""
    if isinstance(raw, float | Decimal):
        try:
            return written(raw)
        except ValueError:
            return ""
    text = "" if raw is None or isinstance(raw, bool) else str(raw)
    return "" if is_nothing(text) else text


def written(number: int | float | Decimal) -> str:
    """A number that is read as text, like an id: ``7.0`` is 7. Raises ValueError where digits of it are lost."""
    if isinstance(number, int):
        if abs(number) >= 10**_MAX_DIGITS:
            raise ValueError
        return str(number)
    exact = figures.bounded(number)
    return str(int(exact)) if exact == exact.to_integral_value() else str(number)
