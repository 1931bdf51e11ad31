"""The portal's own settings, with limits on requests that a test can wait for: for a portal that a test serves."""

from __future__ import annotations

from connie_portal.settings import *  # noqa: F403

SERVE_LIMITS = {"head_s": 2, "body_s": 2, "linger_s": 1}
