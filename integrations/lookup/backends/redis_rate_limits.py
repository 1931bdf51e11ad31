"""Turns that several processes take from one budget, kept in Redis and told by its clock.

Of each source, the beginnings of its last turns are a list, the newest first, and its slots a sorted set by the end of
their leases. Times are whole microseconds.
"""

from __future__ import annotations

import math
from typing import Any

from integrations.lookup.backends.link import Link
from integrations.lookup.rate_limit import RateLimit

# A time that is further ahead was told before the server's clock was set back.
_HORIZON_S = 60
_FULL = -1
_TAKE = f"""
local turns, slots = KEYS[1], KEYS[2]
local most, window, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local patience, lease, slot = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local time = redis.call('TIME')
local now, horizon = time[1] * 1000000 + time[2], {_HORIZON_S} * 1000000
local function written(at) return string.format('%.0f', at) end
if limit > 0 then
  redis.call('ZREMRANGEBYSCORE', slots, '-inf', written(now))
  redis.call('ZREMRANGEBYSCORE', slots, written(now + horizon), '+inf')
  if redis.call('ZCARD', slots) >= limit then return {_FULL} end
end
local wait = 0
if most > 0 then
  local newest = redis.call('LINDEX', turns, 0)
  if newest and tonumber(newest) > now + horizon then redis.call('DEL', turns) end
  if redis.call('LLEN', turns) >= most then
    wait = math.max(0, redis.call('LINDEX', turns, most - 1) + window - now)
  end
  if wait > patience then return wait end
  redis.call('LPUSH', turns, written(now + wait))
  redis.call('LTRIM', turns, 0, most - 1)
  redis.call('PEXPIRE', turns, math.ceil((wait + window) / 1000))
end
if limit > 0 then
  redis.call('ZADD', slots, written(now + lease), slot)
  redis.call('EXPIRE', slots, {_HORIZON_S})
end
return wait
"""


class RedisRateLimits:
    """The budgets of all sources, for all processes."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def acquire(self, name: str, slot: str, rate_limit: RateLimit, patience_s: float, lease_s: float) -> float | None:
        times = [_us(one) for one in (rate_limit.window_s, patience_s, lease_s)]
        facts: list[Any] = [rate_limit.requests, times[0], rate_limit.concurrency, *times[1:], slot]
        wait: object = None
        async with self._link.briefly():
            wait = await self._link.redis.register_script(_TAKE)(keys=_keys(name), args=facts)
        if not isinstance(wait, int):
            return None
        return math.inf if wait == _FULL else wait / 1e6

    async def release(self, name: str, slot: str) -> None:
        async with self._link.briefly():
            await self._link.redis.zrem(_keys(name)[1], slot)


def _keys(name: str) -> tuple[str, str]:
    return f"connie:l:{{{name}}}:turns", f"connie:l:{{{name}}}:slots"


def _us(seconds: float) -> int:
    return round(seconds * 1e6)
