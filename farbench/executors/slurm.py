"""Items as jobs of a Slurm cluster, through submitit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import submitit
from submitit.helpers import DelayedSubmission

from farbench.errors import UserError
from farbench.executors.contract import WorkItem
from farbench.executors.errand import Errand
from farbench.executors.options import SlurmOptions
from farbench.executors.remote import RemoteExecutor

PATIENCE = 10.0
"""Seconds that cancelled jobs have to end before this process no longer waits for them."""


class Requeued:
    """What a job calls; at its time limit or when it is preempted, Slurm puts it back in line."""

    def __call__(self, errand: Errand, item: WorkItem, answers: Path) -> None:
        """Do the item, from where an earlier call has left it."""
        errand.run(item, answers)

    def checkpoint(self, errand: Errand, item: WorkItem, answers: Path) -> DelayedSubmission:
        """Go on with the same: stages resume from their last epoch by themselves."""
        return DelayedSubmission(self, errand, item, answers)


class SlurmExecutor(RemoteExecutor):
    """Makes each item a job of its own; Slurm decides when it runs."""

    name = "slurm"

    def __init__(
        self,
        at_once: int | None,
        logs: Path,
        shared: Sequence[Path],
        options: SlurmOptions,
        threads: int,
        on_gpus: bool,
    ) -> None:
        """Start nothing yet.

        Args:
            at_once: The most jobs in the queue at the same time.
            logs: Folder for the jobs' output.
            shared: Folders that all workers must see.
            options: Of a job.
            threads: That a cell computes with.
            on_gpus: Whether cells run on GPUs.
        """
        super().__init__(at_once, logs, shared)
        # A job has its processors and GPUs to itself; processes of this machine share them.
        self.on_one_machine = 1 if options.cluster == "slurm" else self.at_once
        self._options = options
        self._cpus = options.cpus or threads
        self._gpus = int(on_gpus) if options.gpus is None else options.gpus
        self._queue: Any = None

    def connect(self) -> None:
        """See that Slurm is there, and that it takes the options.

        Raises:
            UserError: It is not, or it does not.
        """
        options = self._options
        kind = submitit.SlurmExecutor if options.cluster == "slurm" else submitit.LocalExecutor
        if options.cluster == "slurm" and not kind.affinity() > 0:
            raise UserError(
                "--executor slurm: there is no `srun` here. Run this on a machine that submits to "
                "Slurm, or try it out with --executor-option cluster=local."
            )
        self._queue = kind(self.logs.absolute(), max_num_timeout=options.requeues)
        self._queue.update_parameters(**self._parameters())

    def hand_over(self, errand: Errand, item: WorkItem, answers: Path) -> Any:
        """Submit a job."""
        if self._options.cluster == "slurm":
            self._queue.update_parameters(job_name=f"farbench {item.key}"[:60])
        try:
            job = self._queue.submit(Requeued(), errand, item, answers)
        except submitit.core.utils.FailedJobError as error:
            first = str(error).strip().split("\n")[-1]
            raise UserError(f"--executor slurm: sbatch refuses the job: {first}") from error
        self.say(item, f"Slurm job {job.job_id}")
        return job

    def over(self, handle: Any) -> str | None:
        """Ask whether a job has left the queue; Slurm itself is asked about once a minute."""
        if not handle.done():
            return None
        return f"its Slurm job {handle.job_id} ended as {handle.state}; see {handle.paths.stderr}"

    def ended(self, handle: Any) -> None:
        """Wait for a process of this machine; Slurm needs nobody who waits."""
        if self._options.cluster == "local":
            handle.wait()

    def cancel(self, handles: list[Any]) -> None:
        """Cancel jobs."""
        for handle in handles:
            handle.cancel(check=False)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and not all(one.done(force_check=True) for one in handles):
            time.sleep(0.2)

    def _parameters(self) -> dict[str, Any]:
        """Return the options in submitit's words."""
        options = self._options
        if options.cluster == "local":
            return {"timeout_min": options.minutes, "gpus_per_node": self._gpus}
        named = {
            "partition": options.partition,
            "account": options.account,
            "qos": options.qos,
            "constraint": options.constraint,
            "gres": options.gres,
            "exclude": options.exclude,
            "mem": options.memory,
            "setup": None if options.setup is None else [options.setup],
        }
        given: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
        if self._gpus and options.gres is None:
            given["gpus_per_node"] = self._gpus
        return {
            "time": options.minutes,
            "nodes": 1,
            "ntasks_per_node": 1,
            "cpus_per_task": self._cpus,
            **given,
        }
