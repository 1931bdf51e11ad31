"""What is printed reaches whoever reads it, whatever their terminal speaks. Only the standard library."""

from __future__ import annotations

import io
import sys


def print_anywhere() -> None:
    """Files and pipes get UTF-8: an export is a file. A terminal of fewer letters gets ``?`` for one that it lacks."""
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, io.TextIOWrapper):
            continue
        if stream.isatty():
            stream.reconfigure(errors="replace")
        else:
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
