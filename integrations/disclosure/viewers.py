"""Viewers: the one place where an identity becomes a viewer with a tier, or is refused and the refusal recorded."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser

from integrations.disclosure import audit
from integrations.disclosure.refusals import Refused, count
from integrations.errors import AccessDenied
from integrations.models import ActorKind, ApiKey, Channel, Event, Person, Tier, TwilioAccount, User

UNRESTRICTED_TIER = "admin"
ACCOUNT_TIER = "basic"


@dataclass(frozen=True)
class Viewer:
    """One actor within one organisation. ``tier_id`` decides what they see; ``channel`` is where they look."""

    organization_id: int
    organization: str
    actor_kind: ActorKind
    actor_id: str
    actor_label: str
    tier_id: int
    tier: str
    channel: Channel
    person_id: int | None = None
    role: str = ""
    team: str = ""
    address: str = ""
    looks_up_every_caller: bool = False  # a key of Studio's, whose callers are not its choice

    @property
    def with_restricted(self) -> bool:
        """Whether restricted people exist for this viewer: what a lookup has to be told of who is looking."""
        return self.tier == UNRESTRICTED_TIER

    def entry(self, event: Event, **facts: object) -> audit.Entry:
        """An audit entry of something that this viewer did."""
        return audit.Entry(
            organization_id=self.organization_id,
            event=event,
            actor_kind=self.actor_kind,
            actor_id=self.actor_id,
            actor_label=self.actor_label,
            person_id=self.person_id,
            team=self.team,
            tier=self.tier,
            channel=self.channel,
            address=self.address,
            **facts,  # type: ignore[arg-type]  # Entry names and types them
        )


def viewer_of_person(person: Person, *, channel: Channel, address: str) -> Viewer:
    """``person`` with its organisation, tier and user loaded."""
    return Viewer(
        organization_id=person.organization_id,
        organization=person.organization.slug,
        actor_kind=ActorKind.PERSON,
        actor_id=str(person.pk),
        actor_label=person.label,
        tier_id=person.tier_id,
        tier=person.tier.name,
        channel=channel,
        person_id=person.pk,
        role=person.role,
        team=person.team,
        address=address,
    )


def viewer_of_key(key: ApiKey, *, address: str) -> Viewer:
    """``key`` with its organisation and tier loaded."""
    return Viewer(
        organization_id=key.organization_id,
        organization=key.organization.slug,
        actor_kind=ActorKind.API_KEY,
        actor_id=str(key.pk),
        actor_label=key.name,
        tier_id=key.tier_id,
        tier=key.tier.name,
        channel=Channel.API,
        address=address,
        looks_up_every_caller="enrich" in key.scopes,
    )


def viewer_of_account(account: TwilioAccount, tier: Tier | None, *, address: str) -> Viewer:
    """``account`` with its organisation loaded, as its Studio flows ask. Without a ``tier`` it is shown nothing."""
    return Viewer(
        organization_id=account.organization_id,
        organization=account.organization.slug,
        actor_kind=ActorKind.TWILIO,
        actor_id=account.account_sid,
        actor_label=f"Twilio {account}",
        tier_id=tier.pk if tier else 0,
        tier=tier.name if tier else "",
        channel=Channel.STUDIO,
        address=address,
        looks_up_every_caller=True,
    )


def people_of(user: User | AnonymousUser) -> list[Person]:
    """The organisations that a user takes part in, by name."""
    if not user.is_authenticated:
        return []
    people = Person.objects.filter(user=user, active=True).select_related("organization", "tier", "user")
    return list(people.order_by("organization__name"))


def person_in(user: User | AnonymousUser, organization: int | str) -> Person | None:
    """The person that the user is in an organisation, which is named by id or slug; None where they take no part in it."""
    return next((one for one in people_of(user) if organization in (one.organization_id, one.organization.slug)), None)


def authorise(user: User, slug: str, *, channel: Channel, address: str) -> Viewer:
    """The user as a viewer of the organisation. Raises AccessDenied, with the denial committed, for anyone else.

    Being a superuser opens nothing here: what is seen of callers comes from a person's tier.
    """
    if person := person_in(user, slug):
        return viewer_of_person(person, channel=channel, address=address)
    record_denial(user, what=f"open {channel}", channel=channel, address=address)
    raise AccessDenied(f"{channel} of another organisation")


def record_denial(user: User, *, what: str, channel: Channel, address: str, within: int | None = None) -> None:
    """Commit that an identified user was refused, on the chain of their own organisation: ``within``, if they take part in it.
    One that they tried to reach did nothing, and a flood of tries must not grow its trail."""
    own = [person.organization_id for person in people_of(user)]
    refused = Refused(
        what,
        address,
        organization_id=within if within in own else next(iter(own), 0),
        actor_kind=ActorKind.USER,
        actor_id=str(user.pk),
        actor_label=user.get_username(),
        channel=channel,
        outcome="not a member",
    )
    count(refused)
