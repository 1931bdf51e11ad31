"""From what a phone system sends as a caller's id to what can be looked up.

``classify()`` decides once, at the edge: a ``Number``, a ``Withheld`` caller, or ``NotANumber``. Withheld callers and
unusable ids are never looked up, cached or logged to a person, so nothing after the edge needs to ask again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat

MAX_RAW_LENGTH = 64
MAX_VARIANTS = 10

# Words that carriers and Twilio send in place of a number.
WITHHELD_WORDS = frozenset(
    {"anonymous", "restricted", "blocked", "unknown", "unavailable", "private", "withheld", "nocallerid", "notavailable"}
)
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
_SCHEME = re.compile(r"^(?P<scheme>client|sips?|whatsapp|tel)\s*:", re.IGNORECASE)
_EXTENSION = re.compile(r"(?:;\s*ext\s*=|\bext(?:ension|n)?\b\.?:?|(?<=[\d\s)])[x#])\s*\d{1,7}\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Number:
    """A number that can be looked up.

    ``e164`` is the key everywhere, without extension. ``region`` is the ISO country that the number belongs to,
    or the organisation's where the number's own cannot be told.
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
        """As people of its country write it: ``(312) 867-5309``."""
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
        return tuple(dict.fromkeys(notations))[:MAX_VARIANTS]

    def matches(self, stored: object, region: str) -> bool:
        """Whether a stored value is this number. Sources over-match, so every hit is checked here before it is shown.

        ``region`` is that of what is stored, which has nothing to do with where somebody calls from.
        """
        if stored == self.e164:
            return True
        other = classify(stored, region)
        return isinstance(other, Number) and other.e164 == self.e164


@dataclass(frozen=True)
class Withheld:
    """The caller's id is hidden by the caller, or not known to the phone network."""


@dataclass(frozen=True)
class NotANumber:
    """Something that cannot be looked up; ``reason`` is a sentence that says what to change."""

    reason: str


CallerId = Number | Withheld | NotANumber


def classify(raw: object, region: str) -> CallerId:
    """Decide what a raw caller id is. ``region`` (ISO country) is used for numbers without a country code."""
    if not isinstance(raw, str):
        return NotANumber("The phone number must be text, like +14155550123.")
    if len(raw) > MAX_RAW_LENGTH:
        return NotANumber(f"The phone number is longer than {MAX_RAW_LENGTH} characters.")
    text = raw.strip()
    if not text:
        return NotANumber("The phone number is empty.")
    # A "+" that was not percent-encoded arrives as a space.
    spaced_plus = raw[0] == " " and text[0].isdigit()
    if scheme := _SCHEME.match(text):
        if scheme["scheme"].lower() == "client":
            return NotANumber("This caller is a browser or app client, which has no phone number.")
        text = text[scheme.end() :].split("@")[0].strip()
    if _is_withheld(text):
        return Withheld()
    if re.search(r"[^\W\d_]", _EXTENSION.sub("", text)):
        return NotANumber("The phone number holds letters. Enter digits, like +14155550123.")
    return _parse(f"+{text}" if spaced_plus else text, region)


def _is_withheld(text: str) -> bool:
    # RFC 3323's address of somebody who hides theirs is anonymous@anonymous.invalid, and arrives without its "sip:" too.
    letters = re.sub(r"[^a-z]", "", text.lower().split("@")[0])
    if letters in WITHHELD_WORDS:
        return True
    compact = re.sub(r"[^\d+]", "", text)
    return compact.startswith("+") and compact[1:] in WITHHELD_SENTINELS


@lru_cache(maxsize=1_000)  # one call's number is read for its Studio step, its panel, and each look at that
def _parse(text: str, region: str) -> Number | Withheld | NotANumber:
    unusable = NotANumber("This is not a phone number that can be looked up. Enter it with its area code, like +14155550123.")
    try:
        parsed = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return unusable
    # "possible", not "valid": the metadata of new area codes lags behind real numbers.
    if not phonenumbers.is_possible_number(parsed):
        return unusable
    extension = parsed.extension or ""
    e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    if parsed.country_code == 1 and e164[2:] in WITHHELD_SENTINELS and e164[2:] != _RESTRICTED:
        return Withheld()
    return Number(e164=e164, region=phonenumbers.region_code_for_number(parsed) or region, extension=extension)
