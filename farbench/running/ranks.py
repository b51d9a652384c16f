"""`farbench run` under torchrun: the first process runs the benchmark, the others help it train."""

from __future__ import annotations

import atexit
import pickle

import torch

from farbench.errors import UserError
from farbench.running.job import RunJob
from farbench.running.work import CellWork
from farbench.training import distributed
from farbench.training.assist import Assignment


def take_part(device: str) -> bool:
    """Join the other processes; a helper stays in here until the run is over.

    Args:
        device: As of ``--device``.

    Returns:
        Whether this process has only helped, and is done.

    Raises:
        UserError: A device is named that all would share.
    """
    if ":" in device:
        raise UserError(
            f"--device {device}: torchrun gives each process a device of its own. Type --device "
            "cuda, and choose by CUDA_VISIBLE_DEVICES."
        )
    distributed.join(device)
    atexit.register(distributed.leave)
    if distributed.rank() == 0:
        return False
    job = distributed.hear()
    if job is not None:  # else the leader has found a mistake, or has nothing to train
        try:
            _help(pickle.loads(job))
        except RuntimeError as error:
            if distributed.is_of_another(error):
                raise distributed.LostRank(1) from error  # who ended has said why
            raise
    return True


def share_job(job: RunJob) -> None:
    """Tell the helpers what the run is, if there are any."""
    if distributed.ranks() > 1:
        distributed.tell(pickle.dumps(job))


def _help(job: RunJob) -> None:
    """Take part in stages until the leader has no more."""
    work = job.open(lambda message: None)
    assert isinstance(work, CellWork)
    while (assignment := distributed.hear()) is not None:
        assert isinstance(assignment, Assignment)
        work.assist(assignment)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
