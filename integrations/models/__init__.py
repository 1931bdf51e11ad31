"""What the portal stores. One module per group of nouns; everything hangs on an organisation."""

from __future__ import annotations

from integrations.models.audit import AccessEntry, ActorKind, AuditHead, Channel, Event
from integrations.models.calls import (
    Call,
    CallRecord,
    CallTask,
    IdentityCheck,
    IdentityTries,
    PanelOpening,
    Reservation,
    Voicemail,
)
from integrations.models.connectors import Connector, CustomField, RestrictedRecord
from integrations.models.deliveries import CallIntake, WebhookDelivery
from integrations.models.directory import DirectoryKey, DirectoryList, DirectoryRow, DirectoryUpload
from integrations.models.health import Attempt, AttemptRollup, PeriodicRun, SlowSystem
from integrations.models.history import ConfigurationChange
from integrations.models.organizations import Organization, TwilioAccount
from integrations.models.people import ApiKey, Person, Role, Tier, TierRule, User
from integrations.models.routing import MenuRule
from integrations.models.snapshots import ConfigurationVersion

__all__ = [
    "AccessEntry",
    "ActorKind",
    "ApiKey",
    "Attempt",
    "AttemptRollup",
    "AuditHead",
    "Call",
    "CallIntake",
    "CallRecord",
    "CallTask",
    "Channel",
    "ConfigurationChange",
    "ConfigurationVersion",
    "Connector",
    "CustomField",
    "DirectoryKey",
    "DirectoryList",
    "DirectoryRow",
    "DirectoryUpload",
    "Event",
    "IdentityCheck",
    "IdentityTries",
    "MenuRule",
    "Organization",
    "PanelOpening",
    "PeriodicRun",
    "Person",
    "Reservation",
    "RestrictedRecord",
    "Role",
    "SlowSystem",
    "Tier",
    "TierRule",
    "TwilioAccount",
    "User",
    "Voicemail",
    "WebhookDelivery",
]
