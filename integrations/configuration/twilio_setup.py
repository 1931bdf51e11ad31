"""Setting up Twilio for an organisation: what stands at each account, what would be done, and doing it, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from time import sleep
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations.calls.twilio import event_streams, task_router
from integrations.deadline import Deadline
from integrations.errors import AuthFailed, ConfigurationError, MissingScope, SourceError
from integrations.models import Organization, TwilioAccount
from integrations.sentences import in_language
from integrations.twilio.client import TwilioClient, in_sync
from integrations.twilio.setup import (
    TOTAL_S,
    Action,
    Refused,
    Step,
    Survey,
    Wanted,
    carry_out,
    look,
    plan,
    plan_to_undo,
    plan_with_test,
)

ARRIVAL_S, LOOK_AGAIN_S = 6.0, 0.3
TEST_EVENT = "eventstreams.test-event"  # as deliveries call Twilio's
_LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


@dataclass(frozen=True)
class Standing:
    """What stands at one account. ``problem`` says why nothing can be done; ``steps`` and ``undo`` are what would be."""

    problem: str = ""
    is_set_up: bool = False
    told: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()


def wanted_for(organization: Organization) -> Wanted:
    """Tell where Twilio is to send this organisation's events. Raises ConfigurationError with what to set."""
    address = settings.PUBLIC_URL
    if not address:
        raise ConfigurationError(
            _("Set CONNIE_PUBLIC_URL to the address at which Twilio reaches the portal, like https://portal.example.org.")
        )
    local = urlsplit(address).hostname in _LOCAL or not address.startswith("https://")
    if local and not settings.ALLOW_PRIVATE:
        raise ConfigurationError(
            _("Twilio reaches https addresses of the internet only, so CONNIE_PUBLIC_URL has to be one. It is %(address)s.")
            % {"address": address}
        )
    home = f"{address}/hooks/"
    return Wanted(f"{home}{organization.hook_key}/twilio/event-streams", home, f"Connie portal: {organization.slug}")


def standing_of(account: TwilioAccount) -> Standing:
    """Ask Twilio what stands, and change nothing."""
    return _tried(account, None)


def set_up(account: TwilioAccount) -> Standing:
    """Do what is missing, and have a test event sent; returns what stands then and whether the event arrived."""
    began = timezone.now()
    standing = _tried(account, plan_with_test)
    if standing.problem:
        return standing
    return replace(standing, told=(*standing.told, _about_arrival(account.organization, began)))


def _about_arrival(organization: Organization, since: datetime) -> str:
    waited = Deadline(ARRIVAL_S)
    while not organization.deliveries.filter(kind=TEST_EVENT, received_at__gte=since).exists():
        if not waited.left():
            late = _(
                "The test event has not arrived yet. Does %(address)s lead here from the internet, and is the portal running?"
            )
            return late % {"address": settings.PUBLIC_URL}
        sleep(LOOK_AGAIN_S)
    return _("The test event arrived.")


def take_away(account: TwilioAccount) -> Standing:
    """Take away what was set up; returns what stands then."""
    return _tried(account, plan_to_undo)


def _tried(account: TwilioAccount, planned: Callable[[Survey], tuple[Step, ...]] | None) -> Standing:
    try:
        wanted, client = wanted_for(account.organization), event_streams(account)
        told = tuple(_about_workspace(account))
        survey = in_sync(_looked_at(client, wanted, planned))
    except ConfigurationError as problem:
        return Standing(problem=str(problem))
    except SourceError as problem:
        return Standing(problem=_sentence(problem))
    standing = _standing(survey)
    return replace(standing, told=(*told, *standing.told))


async def _looked_at(client: TwilioClient, wanted: Wanted, planned: Callable[[Survey], tuple[Step, ...]] | None) -> Survey:
    async with client.open(TOTAL_S) as session:
        survey = await look(session, wanted)
        if planned is None:
            return survey
        await carry_out(session, wanted, planned(survey))
        return await look(session, wanted)


def _about_workspace(account: TwilioAccount) -> Iterable[str]:
    if not account.workspace_sid:
        yield _("Enter the workspace SID (WS…) of this account: without it nothing can be written into tasks.")
    elif not in_sync(task_router(account).has_workspace()):
        yield _("This account has no workspace with the SID that is entered. Correct it.")


def _standing(survey: Survey) -> Standing:
    told = []
    if survey.is_set_up:
        told.append(_("It is set up: Twilio sends the portal the events of tasks, reservations and calls."))
    elif survey.sink is None:
        told.append(_("It is not set up: Twilio sends the portal nothing."))
    if survey.others:
        kept = ngettext(
            "%(n)d other sink of this account stays as it is.",
            "%(n)d other sinks of this account stay as they are.",
            survey.others,
        )
        told.append(kept % {"n": survey.others})
    if survey.not_offered:
        told.append(_("This account cannot have: %(types)s.") % {"types": ", ".join(survey.not_offered)})
    return Standing(
        is_set_up=survey.is_set_up,
        told=tuple(told),
        steps=tuple(_in_words(plan(survey), survey.wanted)),
        undo=tuple(_in_words(plan_to_undo(survey), survey.wanted)),
    )


def _in_words(steps: Iterable[Step], wanted: Wanted) -> Iterable[str]:
    for step in steps:
        end = {"end": step.sid[-6:]}
        match step.action:
            case Action.MAKE_SINK:
                yield _("Make a sink that sends to %(address)s") % {"address": shown_address(wanted)}
            case Action.SUBSCRIBE:
                yield _("Subscribe it to %(n)d kinds of events") % {"n": len(step.types)}
            case Action.ADD_TYPE:
                yield _("Subscribe it to %(type)s as well") % {"type": step.types[0]}
            case Action.UNSUBSCRIBE:
                yield _("Remove the subscription ending %(end)s") % end
            case Action.REMOVE_SINK:
                yield _("Remove the sink ending %(end)s, which sends to this portal") % end
            case Action.TEST:
                yield _("Send a test event")


def shown_address(wanted: Wanted) -> str:
    """The address without the organisation's key."""
    key, _slash, rest = wanted.destination.removeprefix(wanted.home).partition("/")
    return f"{wanted.home}{key[:4]}…/{rest}"


def _sentence(problem: SourceError) -> str:
    if isinstance(problem, Refused):
        return in_language(problem.public_message, _)
    if isinstance(problem, MissingScope):
        return _("Twilio does not let this API key set up Event Streams. Make a standard key, or enter the auth token.")
    if isinstance(problem, AuthFailed):
        return _("Twilio does not accept the key or token of this account. Enter a new one.")
    return _("Twilio gave no usable answer (%(why)s). What was done stands; look again in a moment.") % {
        "why": problem.detail or problem.status
    }
