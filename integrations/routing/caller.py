"""A caller as Studio gets them: one flat object of texts, numbers and flags, without nulls, for a flow's widgets to read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import chain

from integrations.consents import agreed
from integrations.disclosure import Disclosure, Selection
from integrations.lookup import LookupStatus, SourceStatus
from integrations.models.people import Effect
from integrations.profile import JSON
from integrations.routing.attributes import plain, task_attributes
from integrations.routing.menu import NO_MENU, Menu

NOBODY = "Unknown"
MAX_ITEMS = 20
# Field → its name in the answer. What calls are routed by, whatever an organisation shares.
_ROUTED = {
    "status": "account_status",
    "vip_status": "vip_customer",
    "preferred_agent": "preferred_agent",
    "language": "language",
    "interpreter": "interpreter",
}
_ANSWERS = ("voicemail_ok", "may_identify", "do_not_call")
_NAMES = {"name": "name", "first_name": "first_name", "last_name": "last_name"}
_CUSTOMER = (
    "company", "account_id", "status", "vip_status", "member_since", "last_contact", "last_visit", "preferred_agent", "owner",
    "language", "programs", "lifecycle_stage",
)  # fmt: skip
_SHARES: Mapping[str, tuple[str, ...]] = {"name": tuple(_NAMES), "email": ("email",), "customer": _CUSTOMER}
_CRM_KINDS = frozenset({"hubspot", "salesforce"})


def selected(share: Collection[str], asked: Collection[str] = ()) -> Selection:
    """What is disclosed for it, and for the menu's rules, which have ``asked`` for more. The e-mail address is masked whatever
    the tier may see: many read a task."""
    fields = frozenset(chain(_ROUTED, _ANSWERS, asked, *(_SHARES[word] for word in share)))
    return Selection(fields, masked=frozenset({"email"}), record_of=_CRM_KINDS if "customer" in share else frozenset())


def caller_of(
    shown: Disclosure, share: Collection[str], profile_url: str, call_sid: str, menu: Menu = NO_MENU
) -> dict[str, JSON]:
    """The answer that holds what was ``selected()``, and the menu's values. A rule's word counts more than a system's."""
    clear = {name: field.value for name, field in shown.fields.items() if not field.withheld}
    values = {told: _value(clear[name]) for name, told in _ROUTED.items() if name in clear} | _answers(shown)
    if "name" in share:
        values |= {told: _value(clear[name]) for name, told in _NAMES.items() if name in clear}
    email = _value(clear.get("email", "")) if "email" in share else ""
    customer: dict[str, JSON] = {}
    if "customer" in share:
        values["crmid"] = plain(shown.record_id)
        values["last_interaction"] = _value(clear.get("last_contact") or clear.get("last_visit") or "")
        told = {name: _item(clear[name]) for name in _CUSTOMER if name in clear}
        customer = {**{name: values.get(name, "") for name in _NAMES}, "email": email, **told}
    sources = ", ".join(one.key for one in shown.sources if one.status in (SourceStatus.FOUND, SourceStatus.MANY))
    return _answer(
        shown.status,
        shown.match_count,
        {**values, **menu.values, "caller_name": _full_name(values), "caller_email": email, "source": sources},
        {name: value for name, value in customer.items() if value not in ("", None, [])},
        profile_url,
        call_sid,
        at=shown.at.isoformat(timespec="seconds"),
    )


def nobody(status: LookupStatus, profile_url: str, call_sid: str, at: str, menu: Menu = NO_MENU) -> dict[str, JSON]:
    """The answer where nothing may, or can, be said of the caller: the call goes on."""
    return _answer(status, 0, menu.values, {}, profile_url, call_sid, at=at)


def _answer(
    status: LookupStatus,
    match_count: int,
    values: Mapping[str, JSON],
    customer: Mapping[str, JSON],
    profile_url: str,
    call_sid: str,
    *,
    at: str,
) -> dict[str, JSON]:
    known = {name: value for name, value in values.items() if value not in ("", None)}
    answer = {
        "found": match_count == 1,
        "match_count": match_count,
        "lookup_status": status.value,
        **known,
        "caller_name": known.get("caller_name") or NOBODY,
        "profile_url": profile_url,
        "customer": dict(customer),
        "timestamp": at,
    }
    answer["attributes"] = task_attributes({**answer, "customer_found": match_count == 1, "call_sid": call_sid})
    return answer


def _full_name(values: Mapping[str, JSON]) -> JSON:
    return values.get("name") or " ".join(filter(None, (values.get("first_name"), values.get("last_name"))))


def _value(value: JSON) -> JSON:
    """A value as a flow's widgets compare it: a text or a flag."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return plain(value)
    return value if isinstance(value, int) else ""


def _answers(shown: Disclosure) -> dict[str, JSON]:
    """What the person allowed, and how often their number called; a masked answer is none."""
    clear = {name: field for name in _ANSWERS if (field := shown.fields.get(name)) and field.effect is Effect.CLEAR}
    told: dict[str, JSON] = {
        name: agreed([field.value, *(value for _source, value in field.conflicts)], forbids=name == "do_not_call")
        for name, field in clear.items()
        if not field.outdated
    }
    return told | ({"calls_30d": shown.calls_before.count} if shown.calls_before else {})


def _item(value: JSON) -> JSON:
    if isinstance(value, list):
        return [plain(one) for one in value[:MAX_ITEMS] if isinstance(one, str)]
    return _value(value)
