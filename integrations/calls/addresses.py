"""The address of a call's panel, as others are told: Flex, Studio, whoever is mailed."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from django.conf import settings

from integrations.phone import CallerId, Number

_DEFAULT_PORT = 8000
_SID = re.compile(r"[A-Za-z0-9]{1,64}")


def public_url() -> str:
    """Scheme, host and port by which the portal is known, without a slash behind."""
    return settings.PUBLIC_URL or f"http://127.0.0.1:{settings.PORT or _DEFAULT_PORT}"


def panel_address(organization: str, key: str) -> str:
    """The panel of the call with this key; says nothing of the caller and grants nothing."""
    return f"{public_url()}/panel/{organization}/{key}/"


def shell_address(organization: str, caller_id: CallerId | None, call_sid: str) -> str:
    """The page that opens a call by its facts, for when its key is not known. What stands behind ``#`` reaches no server."""
    facts = {"phone": caller_id.e164 if isinstance(caller_id, Number) else ""}
    if _SID.fullmatch(call_sid):
        facts["call_sid"] = call_sid
    return f"{public_url()}/panel/{organization}/#{urlencode(facts)}"
