"""How a lookup ended, as people read it: in a word for a list, and where nobody is shown in a heading and a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from integrations.disclosure import Disclosure
from integrations.lookup.result import LookupStatus

WORDS: Mapping[str, Promise] = {
    LookupStatus.OK: gettext_lazy("one person found"),
    LookupStatus.AMBIGUOUS: gettext_lazy("several people found"),
    LookupStatus.NOT_FOUND: gettext_lazy("nobody found"),
    LookupStatus.PARTIAL: gettext_lazy("some systems did not answer"),
    LookupStatus.FAILED: gettext_lazy("no system answered"),
    LookupStatus.WITHHELD: gettext_lazy("number withheld"),
}


def heading_of(shown: Disclosure) -> str:
    """The heading where nobody is shown."""
    if shown.status is LookupStatus.WITHHELD:
        return _("Number withheld")
    if not shown.complete:
        return _("Nobody found yet")
    if shown.status is LookupStatus.FAILED:
        return _("No system answered")
    if shown.status is LookupStatus.PARTIAL:
        return _("Not found so far")
    if shown.found_by:
        return _("Not found any more")
    if shown.shared:
        return _("Many people share this number")
    if not shown.sources:
        return _("No system is connected yet")
    return _("Not who this number belongs to") if shown.set_aside else _("Nobody has this number")


def sentence_of(shown: Disclosure) -> str:
    """The sentence below it, which says why, and what that means."""
    if shown.status is LookupStatus.WITHHELD:
        return _("The caller hides their number, so nobody was looked up.")
    if not shown.complete:
        return _("Some systems are still being asked.")
    if shown.status is LookupStatus.FAILED:
        return _("None of your systems could be asked, so it is not known who is calling.")
    if shown.shared:
        return _(
            "It is one of the numbers that your organisation has marked as shared, like that of a care home or a switchboard, "
            "so it does not say who is calling."
        )
    if not shown.sources:
        return _("So nobody can be found by their number yet.")
    if n := shown.set_aside:
        return ngettext(
            "%(n)d person has this number. For this call it was said that they are not calling.",
            "%(n)d people have this number. For this call it was said that none of them is calling.",
            n,
        ) % {"n": n}
    if shown.found_by:
        return _("Who was chosen for this call by a search is not in the systems that answered.")
    return _("The systems that answered do not know this number. The caller may be new, or calling from another phone.")
