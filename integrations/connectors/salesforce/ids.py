"""Salesforce's ids: 15 characters that tell capital from small letters, or those and three more that say which are which.

https://help.salesforce.com/s/articleView?id=000385585
"""

from __future__ import annotations

import re
import unicodedata

_ID = re.compile(r"(?<![A-Za-z0-9])(?:[A-Za-z0-9]{15}|[A-Za-z0-9]{18})(?![A-Za-z0-9])")
# Each of the last three says of five characters which are capital: the first of them is the lowest bit.
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def record_key(written: str) -> str:
    """The 15 characters of an id that stands alone, behind its object's name (``Contact/003…``) or in its page's address.

    Raises ValueError, a sentence, for what is no id, or may be another one's.
    """
    found = _ID.findall(unicodedata.normalize("NFKC", written))
    if not found:
        raise ValueError("A Salesforce record id has 15 or 18 letters and digits, as in the address of the record's page.")
    return _from_18(found[-1]) if len(found[-1]) == 18 else _from_15(found[-1])


def _from_15(record_id: str) -> str:
    """The id as it is, unless it was typed or copied without its capitals: then it may be another record's."""
    letters = [sign for sign in record_id if sign.isalpha()]
    if letters and (record_id.islower() or record_id.isupper()):
        raise ValueError(
            "An id of 15 characters tells capital from small letters, and this one has only one sort. "
            "Copy it from the address of the record's page, or enter the one of 18 characters."
        )
    return record_id


def _from_18(record_id: str) -> str:
    """The id, whatever the case in which it was written: the last three characters tell the right one."""
    signs = list(record_id[:15].lower())
    for place, sign in enumerate(record_id[15:].upper()):
        if sign not in _CAPITALS:
            raise ValueError("This is not a Salesforce record id: its last three characters do not fit. Copy it again.")
        for bit in range(5):
            if _CAPITALS.index(sign) >> bit & 1:
                signs[place * 5 + bit] = signs[place * 5 + bit].upper()
    return "".join(signs)
