"""Texts as they are compared: look-alike letters, other alphabets' digits, dashes and blanks as the plain ones."""

from __future__ import annotations

import unicodedata

# Letters of other alphabets by the Latin ones that they are taken for, in pairs. What Unicode itself calls a form of a
# Latin letter (full-width, mathematical, with an accent) needs no entry.
_LOOK_ALIKE = (
    "АAВBЕEЅSІIЈJКKМMНHОOРPСCТTУYХXҮYԌGԚQԜWаaвbеeкkмmнhоoрpсcтtуyхxѕsіiјjԛqԝwһhԁdӏlпnьbгrѵvґr"
    "ΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXαaγyεeηnιiκkνvοoρpτtυuχxωwϲcϳjϹCͿJ"
    "օoսuոnցgհhյjԛqՏSՕO"
    "ᏚSᎪAᎬEᏢPᎢTᏟCꓢSꓠNꓑPꓲIꓖGꓝFꓮAꓰEꓳO"
    "ıiłlŁLøoØOđdĐDħhɑaɡgɩiꜱsɴnᴘpɪiᴀaᴄcᴅdᴇeᴋkʟlᴍmᴏoʀrᴛtᴜuᴠvᴡwʏyᴢz"
)
_DASHES = "‐‑‒–—―−⁃"
_DOTS = "·∙⋅。"
_MASKS = "•●×"
_SLASHES = "⁄∕"


class _Plain(dict[int, str | None]):
    """A table for ``str.translate``, filled as it goes: what a character is compared as, None for one that cannot be seen."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        category = unicodedata.category(character)
        plain: str | None = character
        if category in ("Mn", "Me", "Cf"):  # accents, zero-width characters and marks of direction
            plain = None
        elif category == "Nd":
            plain = str(unicodedata.decimal(character))
        elif category in ("Zs", "Zl", "Zp"):
            plain = " "
        elif category == "Pd":
            plain = "-"
        self[code] = plain
        return plain


_plain = _Plain()
for _places, _as in ((_DASHES, "-"), (_DOTS, "."), (_MASKS, "*"), (_SLASHES, "/")):
    _plain.update(dict.fromkeys(map(ord, _places), _as))
_plain.update({ord(other): latin for other, latin in zip(_LOOK_ALIKE[::2], _LOOK_ALIKE[1::2], strict=True)})


def folded(text: str) -> str:
    """``text`` in plain letters and digits, its capitals kept. What no Latin letter looks like stays."""
    return text if text.isascii() else unicodedata.normalize("NFKD", text).translate(_plain)


def shadow(text: str) -> tuple[str, list[int]]:
    """``folded(text)``, and for each of its characters the place in ``text`` that it stands for."""
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        plain = character if character.isascii() else folded(character)
        letters.append(plain)
        places += [place] * len(plain)
    return "".join(letters), places
