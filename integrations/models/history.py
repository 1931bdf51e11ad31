"""What was changed in an organisation's configuration, by whom, from what to what."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integrations.models.keys import KeyField
from integrations.models.organizations import Organization


class ConfigurationChange(models.Model):
    """One object as it was changed in one transaction. Holds no secret: of those it says only that they changed.

    ``who`` did it ``by`` which way; ``model`` and ``object_id`` name the object, which may be gone, ``label`` what it was
    called. ``changes``: a list of [field, before, after] in words, or [field, what happened] for a secret.
    """

    class What(models.TextChoices):
        ADDED = "added", _("added")
        CHANGED = "changed", _("changed")
        DELETED = "deleted", _("deleted")

    class By(models.TextChoices):
        ADMIN = "admin", _("in the admin")
        FILE = "file", _("with a configuration file")
        LIST = "list", _("by putting a list in use")

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="configuration_changes")
    at = models.DateTimeField(_("when"), default=timezone.now)
    who = models.CharField(_("who"), max_length=200)
    by = models.CharField(_("how"), max_length=8, choices=By.choices)
    what = models.CharField(_("what happened"), max_length=8, choices=What.choices)
    model = KeyField(max_length=40)
    object_id = KeyField(max_length=40)
    label = models.CharField(_("name"), max_length=200)
    changes = models.JSONField(_("changes"), default=list)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["organization", "at"], name="change_by_time"),
            models.Index(fields=["model", "object_id"], name="change_by_object"),
        ]
        verbose_name = _("change of settings")
        verbose_name_plural = _("changes of settings")

    def __str__(self) -> str:
        return f"{self.label} {self.get_what_display()}"
