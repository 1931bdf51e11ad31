"""What systems keep as codes, in words: languages (ISO 639), standings and stages."""

from __future__ import annotations

import re

MAX_TEXT = 60
# Code, three-letter codes, English name, own names.
_LANGUAGES = """
am amh Amharic አማርኛ|ar ara Arabic العربية|bg bul Bulgarian български|bn ben Bengali বাংলা
bs bos Bosnian bosanski|ca cat Catalan català|cs ces,cze Czech čeština,český|cy cym,wel Welsh cymraeg
da dan Danish dansk|de deu,ger German deutsch|el ell,gre Greek ελληνικά|en eng English English
es spa Spanish español,espanol,castellano,castilian|et est Estonian eesti|eu eus,baq Basque euskara
fa fas,per,prs Persian فارسی,farsi,dari|fi fin Finnish suomi|fr fra,fre French français,francais
ga gle Irish gaeilge|gl glg Galician galego|gu guj Gujarati ગુજરાતી|ha hau Hausa hausa
he heb,iw Hebrew עברית|hi hin Hindi हिन्दी|hr hrv Croatian hrvatski
ht hat Haitian haitian_creole,kreyòl,kreyol,creole|hu hun Hungarian magyar|hy hye,arm Armenian հայերեն
id ind Indonesian indonesia|ig ibo Igbo igbo|is isl,ice Icelandic íslenska|it ita Italian italiano
ja jpn Japanese 日本語|ka kat,geo Georgian ქართული|kk kaz Kazakh қазақ|km khm Khmer ភាសាខ្មែរ,cambodian
kn kan Kannada ಕನ್ನಡ|ko kor Korean 한국어|ku kur Kurdish kurdî|lo lao Lao ລາວ,laotian
lt lit Lithuanian lietuvių|lv lav Latvian latviešu|mk mkd,mac Macedonian македонски
ml mal Malayalam മലയാളം|mn mon Mongolian монгол|mr mar Marathi मराठी|my mya,bur Burmese မြန်မာ
ne nep Nepali नेपाली|nl nld,dut Dutch nederlands|no nor,nb,nob,nn,nno Norwegian norsk|om orm Oromo oromoo
pa pan Punjabi ਪੰਜਾਬੀ|pl pol Polish polski|ps pus Pashto پښتو|pt por Portuguese português,portugues
ro ron,rum Romanian română|ru rus Russian русский|rw kin Kinyarwanda kinyarwanda|si sin Sinhala සිංහල
sk slk,slo Slovak slovenčina|sl slv Slovenian slovenščina|so som Somali soomaali
sq sqi,alb Albanian shqip|sr srp Serbian српски,srpski|sv swe Swedish svenska|sw swa Swahili kiswahili
ta tam Tamil தமிழ்|te tel Telugu తెలుగు|th tha Thai ไทย|ti tir Tigrinya ትግርኛ|tl tgl,fil Tagalog filipino
tr tur Turkish türkçe,turkce|uk ukr Ukrainian українська|ur urd Urdu اردو|uz uzb Uzbek oʻzbek
vi vie Vietnamese việt|yi yid Yiddish ייִדיש|yo yor Yoruba yorùbá|zh zho,chi,cmn Chinese 中文,mandarin
yue yue Cantonese 粵語|hmn hmn Hmong hmoob|ase ase,sgn ASL american_sign_language
"""
_ROWS = [row.split(" ", 3) for row in _LANGUAGES.strip().replace("\n", "|").split("|")]
_NAMES = {code: name for code, _letters, name, _own in _ROWS}
_CODES = {
    word.replace("_", " ").casefold(): code
    for code, letters, name, own in _ROWS
    for word in (code, name, *letters.split(","), *own.split(","))
}
# HubSpot's own stages, which it keeps without blanks.
_STAGES = {
    "marketingqualifiedlead": "marketing qualified lead",
    "salesqualifiedlead": "sales qualified lead",
}
_LANGUAGE_FIELDS = frozenset({"language", "interpreter"})
_CODED = frozenset({"status", "lifecycle_stage", "deal_stage"})
_CODE = re.compile(r"[A-Za-z0-9]{1,30}(?:[_-][A-Za-z0-9]{1,30}){0,6}")


def language_of(text: str) -> str:
    """The code of a language, however it is named: ``en``, ``eng``, ``en_US``, ``English (US)``; ``""`` for an unknown one."""
    word = " ".join(text[:MAX_TEXT].casefold().split())
    bare = re.split(r"[(;,/]", word, maxsplit=1)[0].strip()
    candidates = (word, bare, re.split(r"[-_]", bare, maxsplit=1)[0], bare.removesuffix(" language"))
    return next((_CODES[one] for one in candidates if one in _CODES), "")


def decoded(field: str, text: str) -> str:
    """A field's text as people say it: ``spa`` is Spanish, ``ON_HOLD`` is on hold. What is no code is left as it is."""
    if field in _LANGUAGE_FIELDS:
        return _NAMES.get(language_of(text), text)
    if field not in _CODED or not _CODE.fullmatch(text):
        return text
    if text.casefold() in _STAGES:
        return _STAGES[text.casefold()]
    words = text.replace("_", " ")
    return words.casefold() if text.isupper() and ("_" in text or len(text) > 4) else words
