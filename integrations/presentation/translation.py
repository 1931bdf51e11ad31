"""Sentences of the modules that know no Django, in the language of whoever reads them."""

from __future__ import annotations

from django.utils.translation import gettext

from integrations.sentences import in_language


def translated(text: str) -> str:
    """Translate what another module said: a marked sentence, or one with values in it."""
    return in_language(text, gettext)
