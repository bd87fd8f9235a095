"""In a process patched by gevent, holds the lock `long` for many times its TTL, and says whether it was still held at the end.

Arguments: Redis URL, TTL and duration in seconds."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402
import time  # noqa: E402
from datetime import timedelta  # noqa: E402

from bharat.contracts.holding import holding  # noqa: E402
from bharat.testing.platform import CountingFences  # noqa: E402
from bharat_locks_redis import RedisLockOptions  # noqa: E402
from bharat_locks_redis.locks import RedisLocks  # noqa: E402

redis_url, ttl, duration = sys.argv[1:]
locks = RedisLocks(RedisLockOptions(url=redis_url), CountingFences())
with holding(locks, "long", ttl=timedelta(seconds=float(ttl))) as held:
    sys.stdout.write("held\n")
    sys.stdout.flush()
    time.sleep(float(duration))
    sys.stdout.write("lost\n" if held.lost else "kept\n")
