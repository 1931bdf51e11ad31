"""``[[organization.person]]``: who logs in, held against each other and against who is stored already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from django.contrib.auth.hashers import make_password

from integrations.configuration import schema
from integrations.configuration.problems import Where
from integrations.configuration.reading import Reading
from integrations.configuration.sections.section import Action, Held, Kept, Writing
from integrations.configuration.sections.tiers import check_tier
from integrations.configuration.state import Facts, State
from integrations.errors import ConfigurationError
from integrations.models import Organization, Person, Role, User

_SOMEBODY_ELSES = (
    "This user name is taken by somebody who is not of this organisation. Choose another username; "
    "if it is the same person, add existing_user = true."
)


def check(reading: Reading) -> None:
    for where, person in reading.rows("person"):
        check_tier(reading, (*where, "tier"), person.tier)
        if person.existing_user:
            reading.existing_users.add(person.username)
    for where, sentence in _found(reading):
        reading.problem(where, sentence)


def _found(reading: Reading) -> Iterator[tuple[Where, str]]:
    organization = Organization.objects.filter(slug=reading.slug).first()
    names = reading.named("person")
    holders: dict[str, Where] = {}
    for where, person in reading.rows("person"):
        if not person.existing_user and is_a_strangers(person.username, organization):
            yield (*where, "username"), _SOMEBODY_ELSES
        if not (sid := person.worker_sid):
            continue
        if holders.setdefault(sid, where) != where:
            yield (*where, "worker_sid"), "Another person of this file has the same worker SID. Correct one of them."
        for holder in Person.objects.filter(organization=organization, worker_sid=sid).select_related("user"):
            if not holder.user or holder.user.username not in names:
                yield (
                    (*where, "worker_sid"),
                    f"This Flex worker belongs to {holder.label} already. Take it away there first, or leave it out here.",
                )


def across(readings: Iterable[Reading]) -> None:
    """Report who would be new in two organisations of the file, without its saying that they are one person."""
    seen: dict[str, str] = {}
    for reading in readings:
        for where, person in reading.rows("person") if reading.table else ():
            if seen.setdefault(person.username, reading.slug) == reading.slug or person.existing_user:
                continue
            if not Person.objects.filter(organization__slug=reading.slug, user__username=person.username).exists():
                reading.problem((*where, "username"), _SOMEBODY_ELSES)


def wanted(reading: Reading) -> dict[str, Facts]:
    return {person.username: _facts(person, reading.slug) for _, person in reading.rows("person")}


def _facts(person: schema.Person, slug: str) -> Facts:
    """What is to be stored of them. The name and address of a user of elsewhere are not this organisation's to change."""
    facts = person.model_dump(exclude={"username", "existing_user"})
    user = User.objects.filter(username=person.username).first()
    if user and belongs_elsewhere(user, Organization.objects.filter(slug=slug).first()):
        facts.update(email=user.email, first_name=user.first_name, last_name=user.last_name)
    return facts


def stored(organization: Organization) -> Iterator[Held]:
    """People with a user: Flex workers without one cannot be named by the file and are no part of it."""
    for person in organization.people.filter(user__isnull=False).select_related("user", "tier"):
        if user := person.user:
            facts = {
                "email": user.email,
                "first_name": user.first_name,
                "last_name": user.last_name,
                "role": person.role,
                "tier": person.tier.name,
                "team": person.team,
                "worker_sid": person.worker_sid or "",
            }
            yield Held(user.username, facts, person.active)


def users_of_others(organization: Organization) -> dict[str, Facts]:
    """What the file has to say of those who are somebody's elsewhere."""
    users = [one.user for one in organization.people.select_related("user") if one.user]
    return {user.username: {"existing_user": True} for user in users if belongs_elsewhere(user, organization)}


def absent(name: str, now: State, wanted: State) -> Action | Kept:
    return Action.DEACTIVATE


def free_worker_sids(organization: Organization, written: Mapping[str, Facts]) -> None:
    """Take their Flex workers from all who are written: two people may swap them, and each must be free before it is taken."""
    Person.objects.filter(organization=organization, user__username__in=list(written)).update(worker_sid=None)


def write(writing: Writing, username: str, facts: Facts) -> None:
    """Store somebody. A user who has to be made gets no password; one of elsewhere is linked and left as it is."""
    organization = writing.organization
    if username not in writing.wanted.existing_users and is_a_strangers(username, organization):
        raise ConfigurationError("A person's user name was taken by somebody else meanwhile.")
    user = User.objects.filter(username=username).first()
    is_new = user is None
    if user is None:
        user = User(username=username, password=make_password(None))
    if not belongs_elsewhere(user, organization):
        user.email, user.first_name, user.last_name = facts["email"], facts["first_name"], facts["last_name"]
        user.save()
    Person.objects.update_or_create(
        organization=organization,
        user=user,
        defaults={
            "role": facts["role"],
            "tier": organization.tiers.get(name=facts["tier"]),
            "team": facts["team"],
            "worker_sid": facts["worker_sid"] or None,
            "active": True,
        },
    )
    _set_staff(user)
    if is_new:
        writing.newcomers.append((user, organization))


def retire(organization: Organization, username: str) -> None:
    person = organization.people.select_related("user").get(user__username=username)
    person.active = False
    person.save()
    if person.user:
        _set_staff(person.user)


def is_a_strangers(username: str, organization: Organization | None) -> bool:
    """Whether somebody has this user name who is not of ``organization``: an import must not take them for its own person."""
    user = User.objects.filter(username=username).first()
    return user is not None and not user.people.filter(organization=organization).exists()


def belongs_elsewhere(user: User, organization: Organization | None) -> bool:
    """Whether an import into ``organization`` must leave the user's own name, e-mail and password alone."""
    if user._state.adding:
        return False
    others = user.people.exclude(organization=organization) if organization else user.people
    return user.is_superuser or others.exists()


def _set_staff(user: User) -> None:
    """Open the admin to admins of any organisation and to superusers, and close it to everybody else."""
    is_staff = user.is_superuser or user.people.filter(role=Role.ADMIN, active=True).exists()
    if user.is_staff != is_staff:
        user.is_staff = is_staff
        user.save(update_fields=["is_staff"])
