"""How the portal itself does: what its runners have done."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class PeriodicRun(models.Model):
    """One period of one recurring work, so that many runners do it once.

    ``period`` counts the work's own periods since 1970. ``handed_at``: when it was last put on the queue; ``began_at`` is
    empty until a runner takes it from there, ``done_at`` until it is finished.
    """

    name = models.CharField(max_length=40)
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
