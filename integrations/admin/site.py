"""The admin site."""

from __future__ import annotations

from unfold.sites import UnfoldAdminSite


class PortalAdminSite(UnfoldAdminSite):  # type: ignore[misc]  # Unfold has no type information
    """Unfold's site under the portal's name."""
