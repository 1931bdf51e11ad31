"""What is done without anybody waiting: which recurring work is due, and what is no longer kept."""

from __future__ import annotations
