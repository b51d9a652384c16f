"""Each line of a method's contract fails on a method that breaks it, and says how to mend it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import ClassVar, Literal

import pytest
from broken import registry, told, tried
from broken_building import Downloads
from broken_learning import DividesToNothing, FreeText, Unused
from broken_methods import BROKEN, altered
from broken_numerics import HiddenState
from good_plugins import Good, GoodGroups
from pydantic import Field

from farbench import Method, Stage, UserError
from farbench.testing.catalogue import checks_of, subject_of
from farbench.testing.checks import run_check
from farbench.testing.method_subject import look
from farbench.testing.other_values import with_option


@pytest.mark.parametrize("method", BROKEN, ids=lambda method: method.__name__)
def test_a_broken_method_fails_at_its_line(method: type[Method]) -> None:
    check, words = BROKEN[method]
    assert re.search(words, told(tried("methods", method, check)), re.DOTALL)


def test_every_line_has_a_method_that_breaks_it() -> None:
    broken = {check for check, _ in BROKEN.values()}
    elsewhere = {"light_import", "moves_to_the_device"}
    assert {check.name for check in checks_of("methods")} == broken | elsewhere


def test_a_layer_of_width_0_is_told_with_the_option_that_was_given() -> None:
    outcome = tried("methods", DividesToNothing, "builds", options={"reduction": 9})
    assert outcome.seen == (
        "stage 'global' with reduction=9: parameter narrow.weight is empty: (0, 8)"
    )


def test_a_large_value_is_not_tried_where_it_makes_the_network_larger() -> None:
    seen: list[int] = []

    class Wide(Good):
        """Has as many layers as it is told."""

        layers: int = Field(2, ge=1, description="Of nothing much.")

        def build(self, problem):
            from torch import nn

            seen.append(self.layers)
            network = super().build(problem)
            network.layers = nn.ModuleList(nn.Linear(1, 1) for _ in range(self.layers))
            return network

    assert tried("methods", Wide, "values_are_refused_in_words").status == "ok"
    assert max(seen) == 4


def test_a_method_that_does_not_begin_at_the_prior_is_told_so() -> None:
    outcome = tried("methods", Good, "outputs")
    assert (outcome.status, "'traits' does not begin at the prior" in outcome.seen) == ("ok", True)
    shipped = tried("methods", registry().methods["linear_head"].value, "outputs")
    assert (shipped.status, shipped.seen) == ("ok", "")


def test_a_source_that_is_still_to_be_filled_in_is_told() -> None:
    class Fresh(Good):
        """Just written."""

        source: ClassVar[str] = "TO FILL IN: paper, section, equation."

    outcome = tried("methods", Fresh, "documented")
    assert (outcome.status, outcome.seen) == ("ok", "`source` is still to be filled in")


def test_an_option_that_no_test_can_show_is_named_with_a_reason() -> None:
    outcome = tried("methods", Unused, "options_change_something", untested={"gamma": "for later"})
    assert (outcome.status, outcome.seen) == ("ok", "gamma not tested: for later")

    class Honest(Unused):
        """Says so itself."""

        untested_options: ClassVar[dict[str, str]] = {"gamma": "for later"}

    assert tried("methods", Honest, "options_change_something").status == "ok"
    with pytest.raises(UserError, match=r"names 'gama', which is no option\. Did you mean 'gamma'"):
        tried("methods", Unused, "documented", untested={"gama": "?"})


def test_examples_of_a_free_text_are_tried() -> None:
    class WithExamples(FreeText):
        """Names another value, which does nothing."""

        weights: str = Field("a.pt", description="A file.", examples=["b.pt"])

    assert "nothing changes with weights ('a.pt' tried against 'b.pt')" in told(
        tried("methods", WithExamples, "options_change_something")
    )


def test_an_option_may_matter_beside_another_alone() -> None:
    class Deep(Good):
        """Scales the feature, if it is told to."""

        scaled: bool = Field(False, description="Whether to scale.")
        scale: float = Field(2.0, gt=0, description="By what.")

        def build(self, problem):
            network = super().build(problem)
            if self.scaled:
                network.trunk[3].weight.data.mul_(self.scale)
            return network

    assert tried("methods", Deep, "options_change_something").status == "ok"


@pytest.mark.parametrize("check", ["features", "weights_survive_saving", "nothing_is_left"])
def test_it_is_the_network_of_the_last_stage_that_is_tried(check: str) -> None:
    class Delegates(Good):
        """Lets another method build what predicts."""

        def build(self, problem):
            raise RuntimeError("nobody trains this")

        def stages(self):
            return (Stage("joint", Good(hidden=4), frozen=("trunk",)),)

    assert tried("methods", Delegates, check).status == "ok"


def test_what_rests_on_a_line_that_fails_is_left_out() -> None:
    class Fails(Good):
        """Builds nothing."""

        def build(self, problem):
            raise RuntimeError("not today")

    subject = subject_of("methods", Fails, registry(), {})
    outcomes = {one.name: run_check(one, subject) for one in checks_of("methods")}
    assert (
        outcomes["builds"].seen
        == f"RuntimeError: not today ({Path(__file__).name}:{line_of('not today')})"
    )
    assert outcomes["outputs"].seen == "says nothing while builds fails"
    assert outcomes["features"].seen == "says nothing while builds fails"
    assert outcomes["features"].waits_for == "builds fails"
    failed = [name for name, outcome in outcomes.items() if outcome.status == "failed"]
    assert failed == ["builds"]


def test_a_slip_in_the_code_gets_no_advice_on_the_contract() -> None:
    class Misspelt(Good):
        """Asks for a module that is not there."""

        def build(self, problem):
            from farbench.nn.head import TaskHeads

            return TaskHeads

    class Fails(Good):
        """Divides by nothing."""

        def build(self, problem):
            return 1 / 0

    outcome = tried("methods", Misspelt, "builds")
    assert re.search(r"No module named 'farbench.nn.head' \(test_method_checks", outcome.seen)
    assert outcome.mend == "Mend the import at that line, or install what it names."
    assert tried("methods", Fails, "builds").mend.startswith("Mend what is raised at that line.")


def test_what_python_or_a_library_raises_is_told_with_the_line_that_called_it() -> None:
    class Parses(Good):
        """Reads what is no JSON."""

        def build(self, problem):
            return json.loads("no JSON")

    outcome = tried("methods", Parses, "builds")
    assert outcome.seen.startswith("JSONDecodeError: ")
    assert outcome.seen.endswith(f"({Path(__file__).name}:{line_of('no JSON')})")


def test_where_every_other_value_fails_an_option_is_not_called_idle() -> None:
    class Fixed(Good):
        """Takes its rank from elsewhere."""

        rank: int = Field(32, description="Of a product.")

        def build(self, problem):
            if self.rank != 32:
                raise RuntimeError("sizes do not fit")
            return super().build(problem)

    outcome = tried("methods", Fixed, "options_change_something")
    assert outcome.status == "skipped"
    assert outcome.seen.startswith("rank: no other value works (16, 64, 31, 33)")
    assert "rank=16 raises RuntimeError: sizes do not fit" in told(
        tried("methods", Fixed, "values_are_refused_in_words")
    )


def test_a_backbone_of_the_checks_own_is_not_blamed() -> None:
    class Particular(Good):
        """Has a number that one backbone cannot take."""

        backbone: str = Field("resnet10t", description="Which.")
        heads: int = Field(4, description="Must suit the backbone.")
        dropout: Literal[0.0, 0.5] = Field(0.0, description="Rate.")

        def build(self, problem):
            if self.heads == 3 and self.backbone == "resnet10t":
                raise AssertionError("heads must divide the width")
            network = super().build(problem)
            network.width = self.backbone
            return network

    subject = subject_of("methods", Particular, registry(), {"heads": 3})
    assert subject.stand_ins == {"backbone": "mobilenetv3_small_050"}
    look(subject, with_option(subject.method, "backbone", "resnet10t"))
    assert list(subject.odd) == [("heads=3", "backbone='resnet10t'")]


def line_of(words: str) -> int:
    lines = Path(__file__).read_text().split("\n")
    return next(number for number, line in enumerate(lines, 1) if f'"{words}"' in line)


def test_sizes_that_are_not_given_are_made_small() -> None:
    class Wide(Good):
        """Has a backbone that nobody can build, and a width."""

        backbone: str = Field("resnet50", description="Which.")
        width: float = Field(1.0, gt=0, description="Factor.")

    small = subject_of("methods", Wide, registry(), {})
    assert small.stand_ins == {"width": 0.25, "backbone": "resnet10t"}
    given = subject_of("methods", Wide, registry(), {"width": 2, "backbone": "x"})
    assert given.stand_ins == {}
    assert (given.method.width, given.method.backbone) == (2.0, "x")


def test_an_option_that_is_wrong_is_a_mistake_of_the_user() -> None:
    with pytest.raises(UserError, match=r"options of 'good': hiden: unknown key\. Did you mean"):
        subject_of("methods", Good, registry(), {"hiden": 3})


def test_the_tries_leave_random_numbers_as_they_are() -> None:
    import torch

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    tried("methods", HiddenState, "same_seed_same_result")
    assert torch.equal(torch.rand(3), expected)


def test_connections_are_allowed_again_afterwards() -> None:
    import socket

    before = socket.getaddrinfo, socket.socket.connect
    tried("methods", Downloads, "needs_no_network")
    assert before == (socket.getaddrinfo, socket.socket.connect)


@pytest.mark.gpu
def test_what_stays_behind_is_found() -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")

    class StaysBehind(Good):
        """Holds a tensor in a plain attribute."""

        def build(self, problem):
            shift = torch.zeros(40)
            return altered(
                super().build(problem),
                lambda given, _: {**given, "traits": given["traits"] + shift},
            )

    assert "Register tensors as buffers" in told(
        tried("methods", StaysBehind, "moves_to_the_device")
    )
    for method in (Good, GoodGroups):
        for check in ("moves_to_the_device", "nothing_is_left"):
            assert tried("methods", method, check).status == "ok"
