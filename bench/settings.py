"""The portal's settings; only what a bench needs beside them differs."""

from __future__ import annotations

from connie_portal.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
