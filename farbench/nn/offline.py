"""Without a network: no minute of retries, and none of their noise, before weights are missed."""

from __future__ import annotations

import logging
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quick_when_offline() -> Iterator[None]:
    """Keep the Hugging Face hub from trying for long, and aloud, where it cannot be reached.

    Weights that are in its cache are found all the same.
    """
    from huggingface_hub import constants

    logger = logging.getLogger("huggingface_hub")
    before, level = constants.HF_HUB_OFFLINE, logger.level
    constants.HF_HUB_OFFLINE = before or not answers(constants.ENDPOINT)
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
        logger.setLevel(level)


def answers(address: str) -> bool:
    """Tell whether a server can be reached (through a proxy, where the environment names one)."""
    try:
        urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=5).close()
    except urllib.error.HTTPError:  # it answered
        return True
    except (OSError, ValueError):
        return False
    return True
