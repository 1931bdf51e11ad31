"""How systems and the portal itself do: what became of questions to systems, and what runners have done."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db import models
from django.db.models import Count, F, Q, Window
from django.db.models.functions import Ceil, RowNumber
from django.db.models.signals import pre_delete
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integrations.errors import BY_STATUS
from integrations.models.connectors import Connector
from integrations.models.keys import KeyField
from integrations.models.organizations import Organization

# Words for a question that got no usable answer.
FAILURES = tuple(BY_STATUS)
# Pauses under which a question is sent all the same: none, and the trial whether one may end.
_OPEN = ("", "trial")
_OVER_BUDGET = "over_budget"


class Percentiles(NamedTuple):
    """Milliseconds within which half of the questions were answered, and nineteen of twenty."""

    p50_ms: int
    p95_ms: int


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def asked(self) -> AttemptQuerySet:
        """Attempts that were really sent: not answered from what was kept, not held back by a pause or a budget."""
        return self.filter(cached=False, breaker__in=_OPEN).exclude(outcome=_OVER_BUDGET)

    def failed(self) -> AttemptQuerySet:
        return self.filter(outcome__in=FAILURES)

    def percentiles(self) -> dict[int, Percentiles]:
        """The percentiles of each system, by the system's id, in one query. A system of which there are none is left out."""
        system = F("connector_id")
        ranked = self.order_by().annotate(
            place=Window(RowNumber(), partition_by=system, order_by=F("ms").asc()),
            number=Window(Count("pk"), partition_by=system),
        )
        half, most = (Q(place=Ceil(F("number") * share)) for share in (0.5, 0.95))
        found: dict[int, Percentiles] = {}
        for pk, ms in ranked.filter(half | most).order_by("place").values_list("connector_id", "ms"):
            found[pk] = Percentiles(found[pk].p50_ms if pk in found else ms, ms)
        return found

    def last_of_each(self) -> dict[int, Attempt]:
        """Each system's latest, by the system's id, in one query."""
        place = Window(RowNumber(), partition_by=F("connector_id"), order_by=F("at").desc())
        return {row.connector_id: row for row in self.order_by().annotate(place=place).filter(place=1)}


class Attempt(models.Model):
    """One question to a system and what became of it. Nothing of whom it was about. See ``lookup.attempts``.

    ``received`` in bytes, where the door knows it.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="attempts")
    connector = models.ForeignKey(Connector, on_delete=models.DO_NOTHING, related_name="attempts", verbose_name=_("system"))
    at = models.DateTimeField(_("when"), db_index=True)
    question = models.CharField(_("question"), max_length=16)
    outcome = models.CharField(_("outcome"), max_length=20)
    ms = models.PositiveIntegerField(_("took (ms)"))
    received = models.PositiveIntegerField(_("received (bytes)"), null=True, blank=True)
    retries = models.PositiveSmallIntegerField(_("tried again"))
    cached = models.BooleanField(_("from what was kept"))
    breaker = models.CharField(_("pause"), max_length=16, blank=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        ordering = ["-at"]
        indexes = [
            models.Index(fields=["connector", "-at"], name="attempts_of_system"),
            models.Index(fields=["organization", "-at"], name="attempts_of_organization"),
        ]
        verbose_name = _("question to a system")
        verbose_name_plural = _("questions to systems")

    def __str__(self) -> str:
        return f"{self.connector_id} {self.outcome}"

    @staticmethod
    def was_asked(outcome: str, breaker: str) -> bool:
        """Whether an attempt counts as ``asked()`` that was not answered from what was kept."""
        return breaker in _OPEN and outcome != _OVER_BUDGET


class AttemptRollup(models.Model):
    """An hour of one system: how many questions ended how, and how long those took that were really sent.

    ``outcomes`` is word → number, of questions that were sent; ``cached`` were answered from what was kept, ``held_back``
    were not sent because of a pause or a budget. Milliseconds are null where nothing was sent.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="attempt_rollups")
    connector = models.ForeignKey(Connector, on_delete=models.DO_NOTHING, related_name="rollups")
    hour = models.DateTimeField(db_index=True)
    outcomes = models.JSONField(default=dict)
    cached = models.PositiveIntegerField(default=0)
    held_back = models.PositiveIntegerField(default=0)
    p50_ms = models.PositiveIntegerField(null=True)
    p95_ms = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["-hour"]
        constraints = [models.UniqueConstraint(fields=["connector", "hour"], name="rollup_once_per_hour")]
        verbose_name = _("hour of a system")
        verbose_name_plural = _("hours of systems")

    def __str__(self) -> str:
        return f"{self.connector_id} {self.hour:%Y-%m-%d %H}"


@receiver(pre_delete, sender=Connector)
def delete_with_system(sender: object, instance: Connector, **_facts: Any) -> None:
    """One statement each: a cascade would read every row first, and there are too many."""
    Attempt.objects.filter(connector=instance).delete()
    AttemptRollup.objects.filter(connector=instance).delete()


class SlowSystem(Connector):
    """A connector seen by how it does."""

    class Meta:
        proxy = True
        ordering = ()
        verbose_name = _("system")
        verbose_name_plural = _("systems")


class PeriodicRun(models.Model):
    """One period of one recurring work, so that many runners do it once.

    ``period`` counts the work's own periods since 1970. ``handed_at``: when it was last put on the queue; ``began_at`` is
    empty until a runner takes it from there, ``done_at`` until it is finished.
    """

    name = KeyField(max_length=40)
    period = models.BigIntegerField()
    handed_at = models.DateTimeField(default=timezone.now)
    began_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "period"], name="work_once_per_period")]
        indexes = [models.Index(fields=["-done_at"], name="work_last_done")]
        verbose_name = _("periodic run")
        verbose_name_plural = _("periodic runs")

    def __str__(self) -> str:
        return f"{self.name}/{self.period}"
