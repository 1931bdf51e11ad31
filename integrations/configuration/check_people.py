"""The people of a file, held against each other and against who is stored already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from integrations.configuration import schema
from integrations.configuration.apply import belongs_elsewhere, is_a_strangers
from integrations.configuration.source import Where
from integrations.configuration.state import Facts
from integrations.models import Organization, Person, User

Entry = tuple[Where, schema.Person]
_SOMEBODY_ELSES = (
    "This user name is taken by somebody who is not of this organisation. Choose another username; "
    "if it is the same person, add existing_user = true."
)


def check_people(people: Iterable[Entry], names: set[str], slug: str) -> Iterator[tuple[Where, str]]:
    """Each problem's place and sentence, of one organisation. ``names``: of all its people, mistaken entries included."""
    organization = Organization.objects.filter(slug=slug).first()
    holders: dict[str, Where] = {}
    for where, person in people:
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


def check_across(everybody: Iterable[tuple[str, Entry]]) -> Iterator[tuple[Where, str]]:
    """Find who would be new in two organisations of the file, by their slugs, without its saying that they are one person."""
    seen: dict[str, str] = {}
    for slug, (where, person) in everybody:
        if seen.setdefault(person.username, slug) == slug or person.existing_user:
            continue
        if not Person.objects.filter(organization__slug=slug, user__username=person.username).exists():
            yield (*where, "username"), _SOMEBODY_ELSES


def person_facts(person: schema.Person, slug: str) -> Facts:
    """What is to be stored of them. The name and address of a user of elsewhere are not this organisation's to change."""
    facts = person.model_dump(exclude={"username", "existing_user"})
    user = User.objects.filter(username=person.username).first()
    if user and belongs_elsewhere(user, Organization.objects.filter(slug=slug).first()):
        facts.update(email=user.email, first_name=user.first_name, last_name=user.last_name)
    return facts
