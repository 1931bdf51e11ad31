"""What an admin sets to connect a HubSpot account."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from integrations.connectors.base import ConnectorOptions, ConnectorSecrets
from integrations.errors import ConfigurationError

# What each way to sign in carries.
_CARRIED = {"token": ("token",), "oauth": ("client_id", "client_secret", "refresh_token")}


class HubSpotOptions(ConnectorOptions):
    base_url: str = Field("https://api.hubapi.com", description="Where HubSpot's API is.")
    api_version: str = Field(
        "2026-09",
        pattern=r"^(v3|v4|20\d\d-(0[1-9]|1[0-2]))$",
        description="A dated version like 2026-09; v3 and v4 are the older way to write it, until HubSpot ends them.",
    )
    sign_in: Literal["token", "oauth"] = Field(
        "token", description="token: one that stays. oauth: tokens of half an hour, for an app that accounts install."
    )


class HubSpotSecrets(ConnectorSecrets):
    """``token``, or for OAuth the other three."""

    token: SecretStr = Field(SecretStr(""), description="The access token of a private app, a service key or a project app.")
    client_id: SecretStr = Field(SecretStr(""), description="For oauth: the app's client id.")
    client_secret: SecretStr = Field(SecretStr(""), description="For oauth: its client secret.")
    refresh_token: SecretStr = Field(
        SecretStr(""), description="For oauth: the refresh token that the account gave when it installed the app."
    )

    @classmethod
    def in_use(cls, options: ConnectorOptions) -> frozenset[str]:
        return frozenset(_CARRIED[options.sign_in]) if isinstance(options, HubSpotOptions) else super().in_use(options)


def carried_by(options: HubSpotOptions, secrets: HubSpotSecrets) -> dict[str, str]:
    """The secrets that the chosen sign-in uses. Raises ConfigurationError naming one that is missing."""
    carried = {name: getattr(secrets, name).get_secret_value() for name in _CARRIED[options.sign_in]}
    for name, value in carried.items():
        if not value:
            way = "OAuth" if options.sign_in == "oauth" else "a token"
            raise ConfigurationError(f"secrets.{name}: enter this; the sign-in with {way} cannot do without it.")
    return carried
