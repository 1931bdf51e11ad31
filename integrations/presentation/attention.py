"""What calls for attention before anything else: of this viewer's fields, those that they see in the clear."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations import consents
from integrations.codes import decoded, language_of
from integrations.disclosure import Disclosure
from integrations.models.people import Effect
from integrations.money import amounts
from integrations.presentation.formatting import ValueFormatter, money
from integrations.presentation.occasion import Occasion

HOUSE_LANGUAGE = "en"


def attention_of(shown: Disclosure, formatter: ValueFormatter, occasion: Occasion) -> list[str]:
    """What calls for attention: only what this viewer sees in the clear."""
    clear = {name: item.value for name, item in shown.fields.items() if item.effect is Effect.CLEAR}
    notes = []
    if died := clear.get("deceased"):
        on = {"day": formatter.moment(died)} if isinstance(died, str) else {}
        notes.append(_("This person died on %(day)s.") % on if on else _("This person has died."))
    if shown.restricted:
        notes.append(_("Restricted record: only administrators see it"))
    if occasion.doubted:
        notes.append(_("The phone network cannot vouch for this number: it may be forged"))
    if not occasion.rings_back:
        notes += before_calling(shown)
    balances = amounts(clear["outstanding_balance"]) if clear.get("outstanding_balance") else []
    if owed := [money(amount) for amount in balances if int(amount["amount_minor"]) > 0]:
        notes.append(_("Balance %(amount)s open") % {"amount": ", ".join(owed)})
    for appointment in clear.get("appointments", []):
        if appointment["status"] in {"scheduled", "confirmed"} and formatter.is_today(appointment["start"]):
            notes.append(_("Appointment today: %(what)s") % {"what": formatter.appointment(appointment)})
    if cases := clear.get("open_cases"):
        notes.append(ngettext("%(n)d open case", "%(n)d open cases", len(cases)) % {"n": len(cases)})
    return notes


def before_calling(shown: Disclosure) -> list[str]:
    """What to know before ringing this person: what they allowed, when, and in which language."""
    answers = _answers(shown)
    notes = []
    if answers.get("do_not_call") == consents.YES:
        notes.append(_("Do not call"))
    elif answers.get("do_not_call") == consents.NOT_ASKED:
        notes.append(_("It is not clear whether they may be called"))
    if answers.get("voicemail_ok", consents.YES) != consents.YES:
        notes.append(_("Do not leave a message"))
    if answers.get("may_identify", consents.YES) != consents.YES:
        notes.append(_("Do not say who is calling"))
    if best := _text(shown, "best_time"):
        notes.append(_("Best time to call: %(when)s") % {"when": best})
    return notes + _of_language(shown)


def _answers(shown: Disclosure) -> dict[str, str]:
    """The answer to go by for each consent that this viewer sees. Where systems disagree, the careful one."""
    found = {}
    for name in ("do_not_call", "voicemail_ok", "may_identify"):
        item = shown.fields.get(name)
        if item is not None and item.effect is Effect.CLEAR:
            said = [item.value, *(value for _source, value in item.conflicts)]
            found[name] = consents.agreed(said, forbids=name == "do_not_call")
    return found


def _of_language(shown: Disclosure) -> list[str]:
    spoken, interpreter = _text(shown, "language"), _text(shown, "interpreter")
    notes = []
    if spoken and language_of(spoken) != HOUSE_LANGUAGE:
        notes.append(_("Speaks %(language)s") % {"language": decoded("language", spoken)})
    if interpreter == consents.YES:
        notes.append(_("Needs an interpreter"))
    elif interpreter and interpreter != consents.NO:
        notes.append(_("Needs an interpreter: %(language)s") % {"language": decoded("language", interpreter)})
    return notes


def _text(shown: Disclosure, name: str) -> str:
    item = shown.fields.get(name)
    return str(item.value) if item is not None and item.effect is Effect.CLEAR and item.value is not None else ""
