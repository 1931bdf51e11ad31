"""The ways out: what a request to the outside may reach, how long it may take and what is noted of it."""

from __future__ import annotations
