"""How the tests look at what a check found."""

from __future__ import annotations


def states(found):
    return [one.state for one in found]


def problem(found):
    """Return the only diagnosis that is not fine."""
    (one,) = [one for one in found if one.state != "ok"]
    assert one.advice
    return one
