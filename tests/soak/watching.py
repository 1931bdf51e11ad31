"""Asks again and again whether the portal lives, in a process that does nothing else: ``python -m tests.soak.watching PORT``.

Ends when its input does, and prints how many milliseconds the slowest answer took.
"""

from __future__ import annotations

import http.client
import select
import sys
import time


def main(port: int) -> None:
    slowest = 0.0
    while not select.select([sys.stdin], [], [], 0.02)[0]:
        began = time.monotonic()
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        client.request("GET", "/livez")
        answer = client.getresponse()
        assert answer.status == 200, answer.status
        client.close()
        slowest = max(slowest, time.monotonic() - began)
    print(round(slowest * 1000))


if __name__ == "__main__":
    main(int(sys.argv[1]))
