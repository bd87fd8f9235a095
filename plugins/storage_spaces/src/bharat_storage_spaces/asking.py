"""Asking S3 again, for as long as makes sense."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from bharat_storage_spaces.faults import passes, unanswered, unavailable

if TYPE_CHECKING:
    from bharat_storage_spaces.options import SpacesOptions

AnswerT = TypeVar("AnswerT")

_FIRST_WAIT = 0.1
_LONGEST_WAIT = 2.0
"""Seconds. A wait is chosen evenly between half and all of one that doubles from the first to the longest, so that clients that
failed together do not come back together (Brooker 2015, "Exponential Backoff And Jitter")."""


def ask(question: Callable[[], AnswerT], options: SpacesOptions, *, answers: frozenset[str] = frozenset()) -> AnswerT:
    """What S3 answers to a request that may be sent more than once.

    One that says "later" is asked again until `patience` is over, one that does not answer `max_attempts` times in all.
    An error whose code is among `answers` is raised as it came (`ClientError`), every other as `StorageUnavailable`."""
    until = time.monotonic() + options.patience
    unheard = waits = 0
    while True:
        try:
            return question()
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in answers:
                raise
            unheard += unanswered(error)
            wait = min(_FIRST_WAIT * 2**waits, _LONGEST_WAIT) * random.uniform(0.5, 1)
            again = passes(error) or (unanswered(error) and unheard < options.max_attempts)
            if not again or time.monotonic() + wait > until:
                raise unavailable(error, options) from error
        waits += 1
        time.sleep(wait)
