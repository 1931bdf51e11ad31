"""What nobody may see, within texts: people type it into notes, and systems send it as text.

``spans_in()`` tells where. A text is compared in its plain form (``folding.shadow``), each pattern takes a bounded number of
steps from each place, and what a pattern finds is held against the number's own check digits where it has some.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate, pairwise

from integrations.redaction.names import named_once

Span = tuple[int, int]

# -- Numbers --------------------------------------------------------------------------------------------------------

_SSN = re.compile(r"(?<!\d)(\d{3})\s?([-./_\s])\s?(\d{2})\s?([-./_\s])\s?(\d{4})(?!\d)")
_MASKED_SSN = re.compile(r"[xX*#]{3}[-./_\s]{0,2}[xX*#]{2}[-./_\s]{0,2}\d{4}(?!\d)")
_GOES_ON = re.compile(r"[-./]\d")
_COUNTRY_CODE = re.compile(r"\+\d{1,3}[-./\s(]{1,2}\Z")
_YEAR = re.compile(r"(?:19|20)\d\d")
# Digits with up to three signs between them: as long as the longest card in its widest notation, and a number before it.
_DIGITS = re.compile(r"(?<!\d)\d(?:[-./_,:;|\s]{0,3}\d){12,59}")
_LIGHT = re.compile(r"[-./_\s]{0,2}")
# Digits in each group of a card as it is printed; in any other grouping, commas and the like make a list of it.
_PRINTED = re.compile(r"(?:4,){3,4}(?:[1-4],)?|4,6,[45],|(?:1,){13,19}")
_GROUP = re.compile(r"\d{1,60}")
_MIN_CARD, _MAX_CARD = 13, 19
_CARD_STARTS = re.compile(r"4|5[0-8]|2[2-7]|3[0-9]|6")
_CHECK_DIGITS = re.compile(r"(?<!\d)\d\d")
_IBAN_REST = re.compile(r"(?:[-./\s]{0,2}[A-Za-z0-9]){11,32}")
# How long each country's are: https://www.swift.com/standards/data-standards/iban-international-bank-account-number
_IBAN_TABLE = """
15:NO 16:BE 18:DK,FI,FO,GL,NL,SD,FK 19:MK,SI 20:AT,BA,EE,KZ,XK,LT,LU,MN 21:CH,HR,LI,LV
22:BG,BH,CR,DE,GB,GE,IE,ME,RS,VA 23:AE,IL,IQ,OM,SO,TL,GI 24:AD,CZ,ES,MD,PK,RO,SA,SE,SK,TN,VG 25:LY,PT,ST 26:IS,TR
27:BI,DJ,FR,GR,IT,MC,MR,SM 28:AL,AZ,BY,CY,DO,GT,HU,LB,NI,PL,SV 29:BR,EG,PS,QA,UA 30:JO,KW,MU,YE 31:MT,SC 32:LC 33:RU
"""
_IBAN_LENGTHS = {
    country: int(length)
    for length, countries in (entry.split(":") for entry in _IBAN_TABLE.split())
    for country in countries.split(",")
}
_FEWEST_DIGITS_OF_IBAN = 7
_MEDICARE = re.compile(
    r"(?<![A-Z0-9])[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y]{2}\d{2}"
    r"(?![A-Z0-9])"
)


def _ssns(text: str) -> Iterator[Span]:
    for found in _SSN.finditer(text):
        area, first, _group, second, serial = found.groups()
        mixed = (first in "-/_") != (second in "-/_") or (first == ".") != (second == ".")
        after = text[found.end() : found.end() + 2]
        # "1.50 2026", "101-12 2026": an amount or a room, and a year.
        if mixed and (_YEAR.fullmatch(serial) or "." in first + second):
            continue
        # A longer number, like the ISBN 978-89-7914-874-9, or one that is dialled.
        if _GOES_ON.match(after) or (area in ("978", "979") and re.match(r"\s?\d", after)):
            continue
        if _COUNTRY_CODE.search(text[max(0, found.start() - 6) : found.start()]):
            continue
        yield found.span()


def _cards(text: str) -> Iterator[Span]:
    for run in _DIGITS.finditer(text):
        groups = [found.span() for found in _GROUP.finditer(text, *run.span())]
        digits = "".join(text[start:end] for start, end in groups)
        sums = _luhn_sums(digits)
        dialled = text[max(0, run.start() - 1) : run.start()] == "+"
        ends = list(accumulate(end - start for start, end in groups))
        for first in range(1 if dialled else 0, len(groups)):
            begin = ends[first - 1] if first else 0
            if not _CARD_STARTS.match(digits, begin):
                continue
            for last in range(first, len(groups)):
                if ends[last] - begin > _MAX_CARD:
                    break
                is_long_enough = ends[last] - begin >= _MIN_CARD
                if is_long_enough and _passes_luhn(sums, begin, ends[last]) and _is_one_number(text, groups[first : last + 1]):
                    yield groups[first][0], groups[last][1]


def _is_one_number(text: str, groups: list[Span]) -> bool:
    between = (text[end:start] for (_start, end), (start, _end) in pairwise(groups))
    return all(map(_LIGHT.fullmatch, between)) or bool(_PRINTED.fullmatch("".join(f"{end - start}," for start, end in groups)))


def _goes_before(text: str, place: int) -> bool:
    """Whether a word goes on there, unless it is "IBAN" itself."""
    return text[max(0, place - 1) : place].isalnum() and text[max(0, place - 4) : place].upper() != "IBAN"


def _luhn_sums(digits: str) -> tuple[list[int], list[int]]:
    """Running sums with the digits at odd places doubled, and with those at even places."""
    doubled = [sum(divmod(int(digit) * 2, 10)) for digit in digits]
    odd = [doubled[place] if place % 2 else int(digit) for place, digit in enumerate(digits)]
    even = [int(digit) if place % 2 else doubled[place] for place, digit in enumerate(digits)]
    return [0, *accumulate(odd)], [0, *accumulate(even)]


def _passes_luhn(sums: tuple[list[int], list[int]], begin: int, end: int) -> bool:
    """The digit before the last is the first that is doubled."""
    running = sums[(end - 1) % 2]
    return (running[end] - running[begin]) % 10 == 0


def _ibans(text: str) -> Iterator[Span]:
    for check in _CHECK_DIGITS.finditer(text):  # of which there are fewer than of the letters before them
        country = text[max(0, check.start() - 4) : check.start()].rstrip("-./ \t\r\n")[-2:]
        length = _IBAN_LENGTHS.get(country.upper())
        begin = text.rfind(country, 0, check.start()) if length else 0
        rest = _IBAN_REST.match(text, check.end()) if length and not _goes_before(text, begin) else None
        if rest is None:
            continue
        places = [place for place in range(begin, rest.end()) if text[place].isalnum()][:length]
        if len(places) == length and _passes_mod97("".join(text[place] for place in places)):
            yield begin, places[-1] + 1


def _passes_mod97(compact: str) -> bool:
    if sum(character.isdigit() for character in compact) < _FEWEST_DIGITS_OF_IBAN:
        return False
    rotated = compact[4:] + compact[:4]
    return int("".join(str(int(character, 36)) for character in rotated)) % 97 == 1


# -- Numbers and passwords beside their word ------------------------------------------------------------------------

# What stands between a word and its number: "SSN#: ", "PIN is ", "passport no. ".
_BETWEEN = r"(?:\s?(?:number|numero|num|nbr|no|nr|id|is|es|est|was|code)\b\.?|\s?[#:=.]|\s?-){0,3}\s{0,2}"
_SOCIAL = re.compile(
    r"(?<![a-z])(?:ssn|s\.\s?s\.\s?n|ss\s?(?:#|no\b|num)|soc(?:ial)?\.?[\s_-]{0,2}sec(?:urity)?"
    r"|social(?=\s?(?:#|no\b|num|:|is\b))|(?:seguro|seguridad|securite|seguranca)[\s_-]social|nss(?![a-z])"
    r"|sozialversicherung|i?tin(?![a-z])|ein(?=\s?[#:\d])|tax(?:payer)?[\s_-]?id|cpf(?![a-z]))(?:\s?\(?last\s?4\b\)?)?",
    re.IGNORECASE,
)
_NINE = re.compile(r"\D{0,30}?(?<!\d)(\d(?:[-./_\s]{0,3}\d){8})(?![-./]?\d)")
_NINE_BEFORE = re.compile(r"(?<!\d)(\d(?:[-./_\s]{0,3}\d){8})(?!\d)\D{0,25}\Z")
_FOUR = re.compile(r"(\D{0,30}?)(?<!\d)(\d{4})(?![\d/-])")
_FOUR_BEFORE = re.compile(r"(?<!\d)(\d{4})(?!\d)(\D{0,30})\Z")
_LAST_FOUR = re.compile(r"last|end|final|four|ultim|cuatro|derni|quatre|\blast4", re.IGNORECASE)
_ZIP = re.compile(r"\d{5}[-\s]\d{4}")
_WINDOW = 60

_SHORT_SECRET = re.compile(
    r"(?<![a-z])(?:pin|nip|cv[vc]2?|passcode|access code|security code|codigo de seguridad|code secret)"
    + _BETWEEN
    + r"(\d{3,8})"
    r"(?![\d/-])",
    re.IGNORECASE,
)
_PASSWORD = re.compile(
    r"(?<![a-z])(?:pass\s?word|passwd|pwd|pass\s?phrase|pass\s?code|contrasen(?:a|ia)|mot de passe|senha"
    r"|(?<!palabra )(?<!punto )clave|kennwort|passwort)"
    r"(?:\s(?:is|es|est))?\s{0,2}(?:[:=]\s{0,2}(\S{1,100})|(?<=is|es)\s(\S{0,60}\d\S{0,40}))",
    re.IGNORECASE,
)
_PASSWORD_BEHIND = re.compile(
    r"(?<![a-z])(?:pass\s?word|passwd|pwd|pass\s?code|contrasen(?:a|ia)|mot de passe|senha)(?:\s-)?\s"
    r"(?=\S{0,40}\d)(?=\S{0,40}[a-z])(\S{4,60})",
    re.IGNORECASE,
)
_KEYED = re.compile(
    r"(?<![a-z])(?:(?:api|access|private|secret)[\s_-]?key|secret|token)\s{0,2}[:=]\s{0,2}(?=\S{0,100}\d)(\S{8,200})"
    r"|(?<![a-z])authorization\s{0,2}[:=]\s{0,2}((?:[a-z]{1,20}\s)?\S{6,4000})",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"(?<![a-z])(?:(?:account|acct|a/c|cuenta|compte|conta)\s?(?:number|no\b|num|nbr|#)"
    r"|(?:numero|num|no)\.? (?:de )?(?:cuenta|compte)"
    r"|bank (?:account|acct)|cuenta bancaria|routing|sort code|clabe|iban|swift|passport|pasaporte|passeport|passaporte"
    r"|driver'?s?\s?(?:license|licence|lic\b)|driving licence|licencia de (?:conducir|manejo)|medicare|medicaid"
    r"|insurance|policy|dni|curp|cedula|rfc|nss|aba(?=[\s#:]{1,3}\d{9})|dl(?=[\s#:]{1,3}[a-z]?\d{5}))"
    + _BETWEEN
    + r"([A-Z0-9][A-Z0-9.-]{3,34})",
    re.IGNORECASE,
)
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_FEWEST_DIGITS = 5


def _any_of(words: str) -> re.Pattern[str]:
    """What a text must hold for a group of patterns to find anything: to look for it costs a tenth of the patterns."""
    return re.compile("|".join(map(re.escape, words.split("|"))))


# In small letters.
_SOCIAL_HINT = _any_of("ss|s.|soc|soz|seg|secur|tin|ein|tax|cpf")
_SECRET_HINTS = (
    (_any_of("pin|nip|cv|code|codigo"), (_SHORT_SECRET,)),
    (_any_of("pass|pwd|contra|mot d|senha|clave|kennw"), (_PASSWORD, _PASSWORD_BEHIND)),
    (_any_of("key|secret|token|authoriz"), (_KEYED,)),
)
_NUMBERED_HINT = _any_of(
    "account|acct|a/c|cuenta|cont|compte|bank|rout|sort c|iban|swift|clabe|lic|medic|nss|aba|dl|pass|pasap|insur|polic|dni|curp"
    "|cedula|rfc"
)


def _beside_their_word(text: str) -> Iterator[Span]:
    small = text.lower()
    if _SOCIAL_HINT.search(small):
        for word in _SOCIAL.finditer(text):
            yield from _after(text, word.end())
            yield from _before(text, word.start())
    for hint, patterns in _SECRET_HINTS:
        if hint.search(small):
            for found in (found for pattern in patterns for found in pattern.finditer(text)):
                yield found.span(found.lastindex or 0)
    if _NUMBERED_HINT.search(small):
        for found in _NUMBERED.finditer(text):
            digits = sum(character.isdigit() for character in found[1])
            if digits >= _FEWEST_DIGITS and not _ISO_DATE.match(found[1]):
                yield found.span(1)


def _after(text: str, end: int) -> Iterator[Span]:
    following = text[end : end + _WINDOW]
    nine = _NINE.match(following)
    if nine and not (_ZIP.fullmatch(nine[1]) and any(map(str.isalpha, following[: nine.start(1)]))):
        yield end + nine.start(1), end + nine.end(1)
    elif (four := _FOUR.match(following)) and (_LAST_FOUR.search(four[1]) or not any(map(str.isalpha, four[1]))):
        yield end + four.start(2), end + four.end(2)


def _before(text: str, start: int) -> Iterator[Span]:
    begin = max(0, start - _WINDOW)
    leading = text[begin:start]
    if (nine := _NINE_BEFORE.search(leading)) and not _ZIP.fullmatch(nine[1]):
        yield begin + nine.start(1), begin + nine.end(1)
    told = _LAST_FOUR.search(leading[-40:])
    if told and (four := _FOUR_BEFORE.search(leading)):
        yield begin + four.start(1), begin + four.end(1)
    elif told and (four := _FOUR.match(text[start : start + _WINDOW])):  # "last four of her social are 1120"
        yield start + four.start(2), start + four.end(2)


# -- Passwords, keys and tokens -------------------------------------------------------------------------------------

_HASH = re.compile(
    r"\$(?:2[abxy]?|1|5|6|y|apr1|P|argon2(?:id|i|d)|scrypt|pbkdf2(?:-sha\d{1,3})?)\$\S{1,500}"
    r"|\b(?:pbkdf2_sha\d{1,3}|bcrypt(?:_sha256)?|argon2|scrypt)\$\S{1,500}|\{S?SHA(?:\d{3})?\}\S{8,200}"
)
# By what the services that give them out begin them with.
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:[srp]k_(?:live|test)_[A-Za-z0-9]{8,200}|whsec_[\w+/=-]{16,200}|xox[a-z]-[A-Za-z0-9-]{8,200}"
    r"|gh[pousr]_[A-Za-z0-9]{16,255}|github_pat_\w{20,255}|glpat-[\w-]{16,100}|(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"
    r"|AIza[\w-]{30,45}|ya29\.[\w-]{20,500}|eyJ[\w-]{8,4000}\.[\w-]{4,4000}(?:\.[\w-]{0,2000})?|SG\.[\w-]{16,64}\.[\w-]{16,64}"
    r"|pat-(?:na|eu)\d-[0-9a-f-]{30,40}|shp(?:at|ss|ca|pa)_[0-9a-fA-F]{32}|sk-(?:ant-|proj-)?[\w-]{20,200}|npm_[A-Za-z0-9]{36}"
    r"|hf_[A-Za-z0-9]{30,40}|00D[A-Za-z0-9]{9,15}![\w.]{20,200})"
    r"|\bBearer\s[\w.~+/=-]{16,4000}",
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY")
_END_OF_KEY = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY-{0,5}")


def _credentials(text: str) -> Iterator[Span]:
    for found in [*_HASH.finditer(text), *_TOKEN.finditer(text)]:
        yield found.span()
    until = 0
    while begun := _PRIVATE_KEY.search(text, until):
        ended = _END_OF_KEY.search(text, begun.end())
        until = ended.end() if ended else len(text)
        yield begun.start(), until


# -- Data inside a text: JSON, forms, XML ---------------------------------------------------------------------------

_KEY = re.compile(r"""\\{0,3}["']([^"'\\\n]{1,100})\\{0,3}["']\s{0,3}:\s{0,3}(?=\S)""")
_PARAMETER = re.compile(r"(?<![\w.-])([A-Za-z][\w.-]{1,60})=(\"[^\"\n]{1,200}\"|[^&;\s\"]{1,200})")
_ELEMENT = re.compile(r"<([A-Za-z][\w:.-]{1,60})>([^<]{1,200})<")


def _data(text: str) -> Iterator[Span]:
    until = 0
    for found in _KEY.finditer(text):
        if found.start() >= until and named_once(found[1]):
            until = _end_of_value(text, found.end())
            yield found.end(), until
    for found in [*_PARAMETER.finditer(text), *_ELEMENT.finditer(text)]:
        if named_once(found[1]):
            yield found.span(2)


def _end_of_value(text: str, begin: int) -> int:
    """The end of a JSON value that begins there: also one that is escaped, cut off, or nested."""
    depth, quote, place = 0, "", begin
    while place < len(text):
        character = text[place]
        if character == "\\" and quote and not text.startswith(("\\" + quote), place):
            place += 2
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "[{":
            depth += 1
        elif character in "]},":
            if depth == 0:
                return place
            depth -= character != ","
        place += 1
    return len(text)


# -- All of it ------------------------------------------------------------------------------------------------------

_CREDENTIAL_HINT = _any_of(
    "$|k_live_|k_test_|whsec_|xox|gh|glpat-|AKIA|ASIA|AIza|ya29.|eyJ|SG.|pat-|shp|sk-|npm_|hf_|00D|earer|SHA|-----BEGIN"
)
# As many as a Medicare number has, and as any of the others.
_SOME_DIGITS = re.compile(r"\d(?:\D{0,3}\d){4}")
_MANY_DIGITS = re.compile(r"\d(?:\D{0,3}\d){6}")


def spans_in(text: str) -> list[Span]:
    """The places in a plain text where something stands that nobody may see, in order and without overlap."""
    found: list[Span] = []
    small = text.lower()
    if _SOME_DIGITS.search(text):
        found += [each.span() for each in _MEDICARE.finditer(text)]
        if _MANY_DIGITS.search(text):
            found += [*_ssns(text), *_cards(text), *_ibans(text)]
    if "*" in text or "xx" in small or "##" in text:
        found += [each.span() for each in _MASKED_SSN.finditer(text)]
    found += _beside_their_word(text)
    if len(text) > 10 and _CREDENTIAL_HINT.search(text):
        found += _credentials(text)
    if ":" in text or "=" in text or "<" in text:
        found += _data(text)
    return _merged(found) if found else found


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif end > start:
            merged.append((start, end))
    return merged
