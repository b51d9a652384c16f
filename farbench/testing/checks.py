"""What a check is: one line of a contract, tried on one plugin, with advice where it breaks."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Literal, TypeVar

from farbench.errors import UserError

S = TypeVar("S", bound="Subject")
S_contra = TypeVar("S_contra", bound="Subject", contravariant=True)
_PYTHON = sysconfig.get_path("stdlib")


class Broken(Exception):
    """A plugin breaks a line of its contract.

    Attributes:
        seen: What was seen.
        mend: What to do, where the check knows it better than its general advice says.
    """

    def __init__(self, seen: str, mend: str = "") -> None:
        """Keep what was seen and what to do."""
        super().__init__(seen)
        self.seen, self.mend = seen, mend


class NotTried(Exception):
    """A check does not apply, or lacks what it needs; the message is the reason."""


@dataclass
class Subject:
    """What is checked: a plugin, with its options and all that its checks need.

    Attributes:
        unmet: Checks that have not been met so far -> why not: "builds fails", also of what rests
            on that one.
    """

    unmet: dict[str, str] = field(default_factory=dict, init=False)


@dataclass(frozen=True)
class Check(Generic[S_contra]):
    """One line of a contract.

    Attributes:
        name: A few words joined by underscores.
        contract: The line, one sentence.
        why: What the core or a reader needs it for, one sentence.
        mend: What to do where it breaks.
        raised: What to do where the plugin raises something of which the contract says nothing;
            empty where raising breaks the contract, and ``mend`` says what to do.
        needs: Checks without which this one can say nothing.
        attempt: Tries it. Returns a note for the reader or None; raises :class:`Broken`,
            :class:`NotTried`, or whatever the plugin raises, which is a failure too.
    """

    name: str
    contract: str
    why: str
    mend: str
    raised: str
    needs: tuple[str, ...]
    attempt: Callable[[S_contra], str | None]


@dataclass(frozen=True)
class Outcome:
    """What became of a check.

    Attributes:
        check: The check.
        status: "ok", "failed" or "skipped".
        seen: What was seen, why it was skipped, or a note; may be empty where it is ok.
        mend: What to do, where it failed.
        error: What the plugin raised, where it failed by that.
        waits_for: What it rests on, where it was skipped for that: "builds fails".
        slip: Whether the plugin raised what its contract says nothing of.
    """

    check: Check[Subject]
    status: Literal["ok", "failed", "skipped"]
    seen: str = ""
    mend: str = ""
    error: BaseException | None = None
    waits_for: str = ""
    slip: bool = False

    def advice(self) -> list[str]:
        """Return what is told of a failure beside what was seen; of a slip, what to do alone."""
        line = [f"contract: {self.check.contract}", f"why: {self.check.why}"]
        return [*([] if self.slip else line), f"to fix: {self.mend}"]


class Contract(Generic[S]):
    """The lines of one contract, in the order in which they are tried."""

    def __init__(self, *inherited: Check[S]) -> None:
        """Begin with the lines of a more general contract."""
        self.checks: list[Check[S]] = [*inherited]

    def line(
        self, contract: str, *, why: str, mend: str, raised: str = "", needs: Sequence[str] = ()
    ) -> Callable[[Callable[[S], str | None]], Callable[[S], str | None]]:
        """Add the decorated function as a line; its name is the check's."""

        def add(attempt: Callable[[S], str | None]) -> Callable[[S], str | None]:
            self.checks.append(
                Check(attempt.__name__, contract, why, mend, raised, tuple(needs), attempt)
            )
            return attempt

        return add


def run_check(check: Check[S], subject: S) -> Outcome:
    """Try one line of a contract; torch is as before afterwards."""
    known: Check[Subject] = check  # type: ignore[assignment]
    blocked = [name for name in check.needs if name in subject.unmet]
    if blocked:
        cause = subject.unmet[check.name] = subject.unmet[blocked[0]]
        return Outcome(known, "skipped", f"says nothing while {cause}", waits_for=cause)
    try:
        with _alone():
            note = check.attempt(subject)
    except NotTried as missing:
        subject.unmet[check.name] = f"{check.name} is skipped"
        return Outcome(known, "skipped", str(missing))
    except Broken as broken:
        subject.unmet[check.name] = f"{check.name} fails"
        return Outcome(known, "failed", broken.seen, broken.mend or check.mend)
    except (Exception, SystemExit) as error:  # the plugin's code may raise anything
        subject.unmet[check.name] = f"{check.name} fails"
        slip = _slip_advice(error) or ("" if isinstance(error, UserError) else check.raised)
        mend = slip or check.mend
        return Outcome(known, "failed", told(error), mend, error, slip=bool(slip))
    return Outcome(known, "ok", note or "")


def _slip_advice(error: BaseException) -> str:
    """Return what to do about a slip that no contract is needed to explain, or nothing."""
    if isinstance(error, ImportError):
        return "Mend the import at that line, or install what it names."
    if isinstance(error, NameError):
        return "Mend the name at that line: nothing is called so there."
    return ""


def told(error: BaseException) -> str:
    """Return an error with the place that raised it: ``"ValueError: x (my_method.py:12)"``.

    A UserError is told by its first line: what follows are steps for a user.
    """
    if isinstance(error, UserError):
        return str(error).split("\n")[0]
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text}{place(traceback.extract_tb(error.__traceback__))}"


def place(frames: Iterable[traceback.FrameSummary]) -> str:
    """Return the innermost line of the plugin, `` (my_method.py:12)``.

    That is a line of neither farbench, an installed library nor Python; where there is none, one of
    farbench, but for this package, or nothing.
    """
    here = Path(__file__).parent
    places = [
        (Path(frame.filename), frame.lineno)
        for frame in frames
        if "site-packages" not in frame.filename and not frame.filename.startswith(_PYTHON)
    ]
    places = [(file, line) for file, line in places if file.parent != here and file.is_file()]
    own = [(file, line) for file, line in places if here.parent not in file.parents]
    return "".join(f" ({file.name}:{line})" for file, line in (own or places)[-1:])


@contextmanager
def _alone() -> Iterator[None]:
    """Let a check draw random numbers, and compute with one thread, without others noticing.

    Tiny networks gain nothing from threads, and oneDNN's have crashed in the backward pass of
    convolutions with few channels (torch 2.15, two threads).
    """
    if "torch" not in sys.modules:
        yield
        return
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(threads)
