"""Caller ids: what can be looked up of what a phone system sends.

``classify()`` decides once, at the edge: a ``Number``, a ``Withheld`` caller, or ``NotANumber``. Withheld callers and
unusable ids are never looked up, cached or logged to a person, so nothing after the edge needs to ask again. How people
store numbers is another matter: ``stored_numbers``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache
from urllib.parse import unquote

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

from integrations.sentences import Sentence, gettext_noop

MAX_RAW_LENGTH = 64
MAX_VARIANTS = 10

# Words that carriers, phones and Twilio send in place of a number, without accents.
WITHHELD_WORDS = frozenset({
    "anonymous", "restricted", "blocked", "unknown", "unavailable", "private", "withheld", "hidden", "undisclosed",
    "unidentified", "desconocido", "desconocida", "oculto", "oculta", "privado", "privada", "anonimo", "anonima",
    "restringido", "restringida", "bloqueado", "bloqueada", "desconhecido", "desconhecida", "inconnu", "masque", "anonyme",
    "prive", "unbekannt", "unbekannter", "anonym", "anonymer", "unterdruckt", "unterdruckte", "privat", "restrito", "restrita",
    "sconosciuto", "sconosciuta",
})  # fmt: skip
# What may stand beside them, and what they are a part of: "Private Number", "Número privado", "Identidad oculta".
_BESIDE = frozenset({
    "number", "caller", "call", "id", "name", "party", "identity", "numero", "llamada", "llamante", "identidad", "appel",
    "appelant", "chamada", "chamador", "anrufer", "anruf", "nummer", "rufnummer", "teilnehmer", "chiamata", "nome", "nombre",
})  # fmt: skip
# Beside an address with a number, these say only that the network has no name for it.
_NAMELESS = frozenset({
    "unknown", "unavailable", "unidentified", "desconocido", "desconocida", "desconhecido", "desconhecida", "inconnu",
    "unbekannt", "unbekannter", "sconosciuto", "sconosciuta",
})  # fmt: skip
_WITHHELD_PHRASES = frozenset({
    "nocallerid", "notavailable", "outofarea", "nonumber", "noid", "sinnumero", "nodisponible", "sinidentificar",
    "noidentificado", "noidentificada", "naoidentificado", "naoidentificada", "naodisponivel", "semnumero", "nichtverfugbar",
    "nondisponible", "nondisponibile",
})  # fmt: skip
# Ten digits with an area code that exists (737 is Austin's), so that it may be somebody's number in +1.
_RESTRICTED = "7378742833"
# The same words as keypad digits: what "From" carried before May 2023 and what SIP trunks still send.
WITHHELD_SENTINELS = frozenset(
    {
        "266696687",  # ANONYMOUS
        _RESTRICTED,
        "2562533",  # BLOCKED
        "8656696",  # UNKNOWN
        "8566696",  # UNKNOWN, as seen mistyped
        "86282452253",  # UNAVAILABLE
        "464",  # "no caller ID"
        "7748283",  # PRIVATE
        "94844353",  # WITHHELD
    }
)
_NO_NUMBERS = {
    "client": gettext_noop("This caller is a browser or app client, which has no phone number."),
    "messenger": gettext_noop("This caller writes from Messenger, which tells no phone number."),
}
_SCHEME = re.compile(r"(client|messenger|sips?|whatsapp|rcs|tel|sms|callto)\s*:", re.IGNORECASE)
_CONTEXT = re.compile(r";phone-context=(\+[0-9]{1,15})", re.IGNORECASE)
_EXTENSION = re.compile(r"(?:;\s?ext\s?=|(?<![^\W\d_])ext(?:ension|n)?\.?:?|(?<=[\d\s)])[x#])\s{0,3}(\d{1,7})$", re.IGNORECASE)
_PARAMETER = re.compile(r";(?=[a-z])", re.IGNORECASE)
# What people type and systems store in place of a number that they do not have.
_RISING = "0123456789" * 3
_SEQUENCES = (_RISING, _RISING[::-1])
_NO_AREA = re.compile(r"[01]|[2-9]11|555555")
_LETTERS = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Number:
    """A number that can be looked up.

    ``e164`` is the key everywhere, without extension. ``region`` is the ISO country that the number belongs to;
    where its own cannot be told, the one it was read in, if that has the number's country code.
    """

    e164: str
    region: str
    extension: str = ""

    @cached_property
    def parsed(self) -> PhoneNumber:
        return phonenumbers.parse(self.e164, None)

    @property
    def digits(self) -> str:
        """Country code and number, digits only: ``13128675309``."""
        return self.e164.removeprefix("+")

    @cached_property
    def nsn(self) -> str:
        """The number without its country code: ``3128675309``."""
        return str(phonenumbers.national_significant_number(self.parsed))

    @cached_property
    def national(self) -> str:
        """The number as people of its country write it: ``(312) 867-5309``."""
        return str(phonenumbers.format_number(self.parsed, PhoneNumberFormat.NATIONAL))

    @property
    def international(self) -> str:
        """``+1 312-867-5309``."""
        return str(phonenumbers.format_number(self.parsed, PhoneNumberFormat.INTERNATIONAL))

    @property
    def rfc3966(self) -> str:
        """``tel:+1-312-867-5309``."""
        return str(phonenumbers.format_number(self.parsed, PhoneNumberFormat.RFC3966))

    @property
    def hint(self) -> str:
        """The last four digits, by which people and the audit trail refer to a caller."""
        return self.nsn[-4:]

    @property
    def is_valid(self) -> bool:
        """Whether it, in one of its forms, is in a range that its country has given out, as far as is known."""
        return any(phonenumbers.is_valid_number(phonenumbers.parse(form, None)) for form in self.forms)

    def written_for(self, region: str) -> str:
        """The number as people of ``region`` read it: numbers from abroad with their country code."""
        if self.region == region:
            return self.national
        code = phonenumbers.country_code_for_region(region)
        # Of several countries with one code, like the United States and Canada; freephone numbers belong to all of them.
        shared = code == self.parsed.country_code and phonenumbers.is_valid_number_for_region(self.parsed, region)
        return self.national if shared else self.international

    @cached_property
    def forms(self) -> tuple[str, ...]:
        """The E.164 forms of this very line, its own first: some countries' mobile numbers are written in two ways."""
        nsn = self.nsn
        others: dict[int, tuple[str, ...]] = {
            # The 9 of Argentina's mobile numbers is dialled from abroad only.
            54: (nsn[1:],) if len(nsn) == 11 and nsn[0] == "9" else (f"9{nsn}",) if len(nsn) == 10 else (),
            # Brazil gave its mobile numbers a ninth digit; WhatsApp knows many of them without it.
            55: _brazilian(nsn),
            # Mexico's 1 before mobile numbers went in 2019; WhatsApp keeps it.
            52: (f"1{nsn}",) if len(nsn) == 10 else (),
            39: _italian(nsn),
        }
        code = int(self.parsed.country_code or 0)
        return (self.e164, *(f"+{code}{other}" for other in others.get(code, ())))

    @property
    def nsns(self) -> tuple[str, ...]:
        """The forms without their country code."""
        return tuple(form.removeprefix(f"+{self.parsed.country_code}") for form in self.forms)

    @cached_property
    def dialled(self) -> tuple[str, ...]:
        """The notations in nothing but digits: with and without country code, as at home, and as from abroad."""
        own = [self.digits, self.nsn, re.sub(r"\D", "", self.national), f"00{self.digits}"]
        return tuple(dict.fromkeys([*own, *(form.removeprefix("+") for form in self.forms), *self.nsns]))

    def variants(self) -> tuple[str, ...]:
        """The notations in which other systems are likely to have stored this number: at most ten, likeliest first."""
        nsn = self.nsn
        if self.parsed.country_code == 1 and len(nsn) == 10:
            area, exchange, line = nsn[:3], nsn[3:6], nsn[6:]
            notations = [
                self.e164,
                self.digits,
                nsn,
                f"({area}) {exchange}-{line}",
                f"{area}-{exchange}-{line}",
                f"{area}.{exchange}.{line}",
                f"{area} {exchange} {line}",
                f"+1 {area}-{exchange}-{line}",
                f"1-{area}-{exchange}-{line}",
                f"+1 ({area}) {exchange}-{line}",
            ]
        else:
            trunk = re.sub(r"\D", "", self.national)
            notations = [self.e164, self.digits, self.national, trunk, self.international, nsn, f"00{self.digits}"]
            notations += [*self.forms, *self.dialled]
        return tuple(dict.fromkeys(notations))[:MAX_VARIANTS]


def _brazilian(nsn: str) -> tuple[str, ...]:
    if len(nsn) == 11 and nsn[2] == "9" and nsn[3] in "6789":
        return (nsn[:2] + nsn[3:],)
    return (f"{nsn[:2]}9{nsn[2:]}",) if len(nsn) == 10 and nsn[2] in "6789" else ()


def _italian(nsn: str) -> tuple[str, ...]:
    """The number without its zero, which many leave out by mistake; nothing where that is another's number."""
    without = phonenumbers.parse(f"+39{nsn[1:]}", None) if nsn[0] == "0" and len(nsn) > 6 else None
    return (nsn[1:],) if without and not phonenumbers.is_valid_number(without) else ()


@dataclass(frozen=True)
class Withheld:
    """The caller's id is hidden by the caller, or not known to the phone network."""


@dataclass(frozen=True)
class NotANumber:
    """Something that cannot be looked up; ``reason`` is a sentence that says what to change."""

    reason: str


CallerId = Number | Withheld | NotANumber

UNUSABLE = NotANumber(
    gettext_noop("This is not a phone number that can be looked up. Enter it with its area code, like +14155550123.")
)
LOCAL_ONLY = NotANumber(gettext_noop("This number needs its area code. Enter it with its area code, like +14155550123."))


def classify(raw: object, region: str) -> CallerId:
    """Decide what a raw caller id is. ``region`` (ISO country) is used for numbers without a country code."""
    if not isinstance(raw, str):
        return NotANumber(gettext_noop("The phone number must be text, like +14155550123."))
    if len(raw) > MAX_RAW_LENGTH:
        return NotANumber(
            Sentence.of(gettext_noop("The phone number is longer than %(most)d characters."), most=MAX_RAW_LENGTH)
        )
    text = plain(raw).strip()
    if "%" in text:
        text = unquote(text).strip()
    if not text:
        return NotANumber(gettext_noop("The phone number is empty."))
    # A "+" that was not percent-encoded arrives as a space.
    spaced_plus = raw[0] == " " and text[0].isdigit()
    shown, text = _apart(text)
    if scheme := _SCHEME.match(text):
        if refused := _NO_NUMBERS.get(scheme[1].lower()):
            return NotANumber(refused)
        text = text[scheme.end() :].strip()
    text = text.split("@")[0].strip()
    if _is_withheld_word(text) or (_is_withheld_word(shown) and not (_is_nameless(shown) and text[-1:].isdigit())):
        return Withheld()
    text, extension = _without_extension(text)
    if _LETTERS.search(text):
        return NotANumber(gettext_noop("The phone number holds letters. Enter digits, like +14155550123."))
    found = _parse(f"+{text}" if spaced_plus else text, region)
    if extension and isinstance(found, Number):
        return Number(found.e164, found.region, extension)
    return found


def plain(text: str) -> str:
    """The text without marks that cannot be seen, and with the usual digits and signs in place of wide or foreign ones."""
    if text.isascii():
        return text
    seen = "".join(character for character in text if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFKC", seen)


def _apart(text: str) -> tuple[str, str]:
    """A name that is shown and the address behind it, like ``"Rosa" <sip:+14155550123@host>``."""
    before, bracket, rest = text.partition("<")
    if not bracket:
        return "", text
    return before.strip(' "'), rest.partition(">")[0].strip()


def _without_extension(text: str) -> tuple[str, str]:
    """The number, and its extension; other parameters of an address are left out."""
    if context := _CONTEXT.search(text):
        return context[1] + text.partition(";")[0], ""
    if found := _EXTENSION.search(text):
        return text[: found.start()].rstrip(" ,;"), found[1]
    return _PARAMETER.split(text, maxsplit=1)[0], ""


def _is_withheld_word(text: str) -> bool:
    # RFC 3323's address of somebody who hides theirs is anonymous@anonymous.invalid, and arrives without its "sip:" too.
    if not _LETTERS.search(text):
        return False
    words = _words(text)
    if "".join(word for word in words if word not in _BESIDE) in _WITHHELD_PHRASES or "".join(words) in _WITHHELD_PHRASES:
        return True
    return any(word in WITHHELD_WORDS for word in words) and all(word in WITHHELD_WORDS | _BESIDE for word in words)


def _is_nameless(shown: str) -> bool:
    return all(word in _NAMELESS | _BESIDE for word in _words(shown))


def _words(text: str) -> list[str]:
    """The words of a short text in small letters without accents."""
    letters = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign)).lower()
    return re.findall(r"[a-z]+", letters)


@lru_cache(maxsize=1_000)  # one call's number is read for its Studio step, its panel, and each look at that
def _parse(text: str, region: str) -> CallerId:
    digits = re.sub(r"\D", "", text)
    if _is_filler(digits) or (text.startswith("+") and digits in WITHHELD_SENTINELS):
        return Withheld()
    parsed, possible = _as_written(text, digits, region)
    number = _number(parsed, region) if parsed else None
    if number and _is_nobodys(number):
        return Withheld()
    if number and possible == ValidationResult.IS_POSSIBLE and not _is_local_only(number):
        return number
    # What is no whole number and spells one of the words means the word.
    if digits.removeprefix("1") in WITHHELD_SENTINELS:
        return Withheld()
    return LOCAL_ONLY if number else UNUSABLE


def _as_written(text: str, digits: str, region: str) -> tuple[PhoneNumber | None, int]:
    """The number and how possible it is; also as it is dialled from other countries than ``region``."""
    for written in (text, f"+{digits[2:]}" if digits.startswith("00") and not text.startswith("+") else ""):
        try:
            parsed = phonenumbers.parse(written, region)
        except phonenumbers.NumberParseException:
            continue
        parsed = _without_mexican_prefix(parsed)
        # "possible", not "valid": the metadata of new area codes lags behind real numbers.
        possible = phonenumbers.is_possible_number_with_reason(parsed)
        if possible in (ValidationResult.IS_POSSIBLE, ValidationResult.IS_POSSIBLE_LOCAL_ONLY):
            return parsed, possible
    return None, ValidationResult.INVALID_LENGTH


def _without_mexican_prefix(parsed: PhoneNumber) -> PhoneNumber:
    """What had to be dialled before Mexican numbers until 2019, and is still stored."""
    if parsed.country_code == 52:
        old = re.fullmatch(r"(?:1|01|044|045)(\d{10})", phonenumbers.national_significant_number(parsed))
        return phonenumbers.parse(f"+52{old[1]}", None) if old else parsed
    return parsed


def _number(parsed: PhoneNumber, region: str) -> Number:
    own = phonenumbers.region_code_for_number(parsed)
    if not own:
        home = phonenumbers.country_code_for_region(region) == parsed.country_code
        own = region if home else phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    return Number(e164=e164, region=own, extension=parsed.extension or "")


def _is_local_only(number: Number) -> bool:
    """Whether it has the length of a line's number without area code there, and of other services' at most.

    Brazil's 98765-4321 is as long as its numbers of services; as one of those it would be in a range of theirs.
    """
    kinds = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)
    found = {phonenumbers.is_possible_number_for_type_with_reason(number.parsed, kind) for kind in kinds}
    whole = ValidationResult.IS_POSSIBLE in found
    return not whole and ValidationResult.IS_POSSIBLE_LOCAL_ONLY in found and not number.is_valid


def _is_filler(digits: str) -> bool:
    """One repeated digit, or digits in their order."""
    if len(digits) >= 5 and digits == digits[0] * len(digits):
        return True
    return len(digits) >= 7 and any(digits in sequence for sequence in _SEQUENCES)


def _is_nobodys(number: Number) -> bool:
    nsn = number.nsn
    if _is_filler(nsn) or _is_filler(number.digits):
        return True
    if number.parsed.country_code == 1:
        # Nobody has the exchange 000: it stands where only the area code is known. No area code begins with 0 or 1, or is
        # one of 211 to 911 (123-123-1234); all the rest may be given out one day.
        if nsn[3:] == "0000000" or _NO_AREA.match(nsn):
            return True
        return nsn in WITHHELD_SENTINELS and nsn != _RESTRICTED
    return False
