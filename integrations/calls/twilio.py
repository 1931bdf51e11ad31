"""How an organisation's Twilio accounts are reached, with what their rows hold and the addresses of the settings."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext as _

from integrations.errors import ConfigurationError
from integrations.models import TwilioAccount
from integrations.twilio.client import TwilioAccess, TwilioClient
from integrations.twilio.taskrouter import TaskRouter


def access_of(account: TwilioAccount) -> TwilioAccess:
    """Raises ConfigurationError with what to enter."""
    if account.api_key_sid and account.api_secret:
        return TwilioAccess(account.account_sid, account.api_key_sid, account.api_secret, account.workspace_sid)
    if not account.auth_tokens:
        raise ConfigurationError(_("Enter an API key with its secret, or an auth token, for this Twilio account."))
    return TwilioAccess(account.account_sid, account.account_sid, account.auth_tokens[0], account.workspace_sid)


def task_router(account: TwilioAccount) -> TaskRouter:
    """Raises ConfigurationError with what to enter."""
    if not account.workspace_sid:
        raise ConfigurationError(_("Enter the workspace SID (WS…) of this Twilio account."))
    return TaskRouter(TwilioClient(access_of(account), settings.TWILIO_TASKROUTER_URL))


def event_streams(account: TwilioAccount) -> TwilioClient:
    """Raises ConfigurationError with what to enter."""
    return TwilioClient(access_of(account), settings.TWILIO_EVENTS_URL)
