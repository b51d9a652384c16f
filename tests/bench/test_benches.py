"""The benches that are not tested with what they measure: they run, and say what they must."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from farbench.bench import growth, plain, start
from farbench.bench.catalogue import BENCHES
from farbench.bench.jpegs import jpeg_files
from farbench.bench.processes import run_process
from farbench.errors import UserError


def test_a_process_is_timed_and_its_memory_seen():
    taken = run_process([sys.executable, "-c", "x = bytearray(60_000_000); print(len(x))"])
    assert taken.output.strip() == "60000000"
    assert taken.memory_mb > 60
    assert taken.cpu > 0
    assert taken.wall > 0


def test_a_process_that_fails_says_what_it_printed():
    with pytest.raises(RuntimeError, match=r"exit code 3: .*oh no"):
        run_process([sys.executable, "-c", "print('oh no'); raise SystemExit(3)"])


def test_drawn_faces_are_jpeg_files_of_celebas_size(tmp_path):
    files = jpeg_files(2, tmp_path / "faces")
    with Image.open(files[1]) as image:
        assert (image.format, image.size) == ("JPEG", (178, 218))
        assert np.asarray(image).std() > 5


def test_too_few_real_files_are_an_error(tmp_path):
    with pytest.raises(UserError, match="has 0 JPEG files, and 3 are needed"):
        jpeg_files(3, tmp_path / "faces", tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_memory_is_that_of_the_whole_process():
    megabytes, seconds = growth.train_over(40)
    assert 20 < megabytes < 20_000
    assert seconds > 0


def test_start_says_seconds_and_processor_seconds():
    found = start.measure(rounds=1, first_step=False)
    assert {*found} == {
        "help_seconds",
        "help_cpu_seconds",
        "list_seconds",
        "list_cpu_seconds",
    }
    assert found["help_seconds"].median > 0.01


@pytest.mark.slow
def test_the_plain_loop_and_farbench_take_turns():
    found = plain.measure(**BENCHES["plain"].tiny)
    assert {*found} == {"first_epoch", "later_epochs"}


@pytest.mark.slow
def test_the_first_step_is_reached():
    found = start.measure(rounds=1)
    assert 0 < found["first_step_seconds"].median < 120
