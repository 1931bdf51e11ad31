"""Lists that organisations upload or keep in a sheet: encrypted rows, found by keyed digests."""

from __future__ import annotations

from django.db import models

from integrations.models.connectors import Connector
from integrations.models.keys import KeyField
from integrations.storage.encryption import EncryptedJSONField, EncryptedTextField


class DirectoryUpload(models.Model):
    """A file that was uploaded and whose columns have not been chosen yet: ``content`` is its bytes, packed and encrypted."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="uploads")
    file_name = models.CharField(max_length=120)
    content = EncryptedTextField()
    uploaded_by = models.CharField(max_length=200)
    uploaded_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.file_name


class DirectoryList(models.Model):
    """One reading of a list. At most one of a connector is in use: the one whose ``current_for`` names it.

    ``refused`` holds [line, sentence] of lines that no call could find, ``unreadable`` [line, labels of fields] whose
    value was left out; both without what the lines hold, and no more than the first hundred.
    """

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="lists")
    current_for = models.OneToOneField(Connector, on_delete=models.CASCADE, null=True, related_name="current_list")
    origin = models.CharField(max_length=160)
    read_by = models.CharField(max_length=200)
    read_at = models.DateTimeField()
    rows = models.PositiveIntegerField(default=0)
    refused_count = models.PositiveIntegerField(default=0)
    unreadable_count = models.PositiveIntegerField(default=0)
    refused = models.JSONField(default=list)
    unreadable = models.JSONField(default=list)
    # Why the sheet could not be read again the last time, if it could not.
    problem = models.CharField(max_length=500, blank=True)
    tried_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-read_at"]

    def __str__(self) -> str:
        return self.origin


class DirectoryRow(models.Model):
    """One row of a list, by its number within it."""

    list = models.ForeignKey(DirectoryList, on_delete=models.CASCADE)
    number = models.PositiveIntegerField()
    content = EncryptedJSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["list", "number"], name="directory_row_number")]

    def __str__(self) -> str:
        return f"{self.list_id}:{self.number}"


class DirectoryKey(models.Model):
    """A key by which a row can be asked for, as a keyed digest (``blind_index``) whose scope is the connector."""

    list = models.ForeignKey(DirectoryList, on_delete=models.CASCADE)
    digest = KeyField(max_length=64)
    number = models.PositiveIntegerField()

    class Meta:
        indexes = [models.Index(fields=["list", "digest"], name="directory_by_digest")]

    def __str__(self) -> str:
        return f"{self.list_id}:{self.number}"


def digest_scope(connector_id: int) -> str:
    """Digests of one connector tell nothing about another's."""
    return f"directory:{connector_id}"
