"""Items as tasks of a Ray cluster: one that runs, or one that is begun on this machine."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from farbench.errors import UserError
from farbench.executors.contract import Hear, Job, WorkItem
from farbench.executors.errand import Errand
from farbench.executors.options import RayOptions
from farbench.executors.remote import RemoteExecutor

PASSED_ON = ("FARBENCH_", "OMP_", "PYTHONPATH")
"""Beginnings of the names of environment variables that workers get from this process."""

REACH = 10.0
"""Seconds that a cluster may take to answer at all."""

PATIENCE = 10.0
"""Seconds that cancelled tasks have to clean up before their workers are killed."""


class RayExecutor(RemoteExecutor):
    """Lets Ray choose where an item is done, by the processors and GPUs that it takes."""

    name = "ray"

    def __init__(
        self,
        at_once: int | None,
        logs: Path,
        shared: Sequence[Path],
        options: RayOptions,
        threads: int,
        on_gpus: bool,
    ) -> None:
        """Start nothing yet.

        Args:
            at_once: The most items at the same time; None leaves it to Ray.
            logs: Folder for what workers say.
            shared: Folders that all workers must see.
            options: Of the cluster and of a task.
            threads: That a cell computes with.
            on_gpus: Whether cells run on GPUs.
        """
        super().__init__(at_once, logs, shared)
        self.retries, self._address = options.retries, options.address
        self._cpus = options.cpus or threads
        self._gpus = float(on_gpus) if options.gpus is None else options.gpus
        self._memory = options.memory_gb

    def connect(self) -> None:
        """Find a cluster or begin one, and see that an item fits into it.

        Raises:
            UserError: The cluster is not there, or it has no machine that is large enough.
        """
        address = self._address or os.environ.get("RAY_ADDRESS")
        self._check_reachable(address)
        passed = {k: v for k, v in os.environ.items() if k.startswith(PASSED_ON)}
        try:
            ray.init(
                address=self._address,
                runtime_env={"env_vars": passed},
                log_to_driver=False,  # workers answer by themselves
                logging_level=logging.ERROR,
            )
        except (RayError, ConnectionError, ValueError, RuntimeError) as error:
            raise _no_cluster(address, str(error).strip().split("\n")[0]) from error
        self.on_one_machine = min(self.at_once, max(map(self._room, _machines()), default=0))
        if not self.on_one_machine:
            self._quit()
            raise UserError(
                f"--executor ray: no machine of the cluster has {self._cpus} processors and "
                f"{self._gpus:g} GPUs for a cell. Ask for less with --executor-option cpus=1 or "
                "gpus=0."
            )

    def start(self, job: Job, hear: Hear) -> None:
        """See that every machine of the cluster sees the folders.

        Raises:
            UserError: One does not.
        """
        super().start(job, hear)
        assert self._errand is not None
        look: Any = ray.remote(Errand.missing)
        there = (NodeAffinitySchedulingStrategy(one["NodeID"], soft=False) for one in _machines())
        seen = [
            look.options(num_cpus=0, scheduling_strategy=machine).remote(self._errand)
            for machine in there
        ]
        for missing in ray.get(seen):
            if missing is not None:
                raise self.unshared(missing)

    def hand_over(self, errand: Errand, item: WorkItem, answers: Path) -> Any:
        """Begin a task."""
        task: Any = ray.remote(Errand.run)
        needs = {"num_cpus": self._cpus, "num_gpus": self._gpus}
        if self._memory is not None:
            needs["memory"] = self._memory * 1e9
        # Ray would try again by itself, and say nothing.
        return task.options(max_retries=0, **needs).remote(errand, item, answers)

    def over(self, handle: Any) -> str | None:
        """Ask Ray whether a task has ended, and how."""
        ended, _ = ray.wait([handle], timeout=0)
        if not ended:
            return None
        try:
            ray.get(handle)
        except RayError as error:
            first = str(error).strip().split("\n")[0]
            return f"its Ray worker ended: {type(error).__name__}: {first}"
        return "its Ray worker ended without saying how"

    def cancel(self, handles: list[Any]) -> None:
        """Interrupt tasks, which lets them clean up; after some seconds kill them."""
        for handle in handles:
            ray.cancel(handle)
        _, left = ray.wait(handles, num_returns=len(handles), timeout=PATIENCE)
        for handle in left:
            ray.cancel(handle, force=True)

    def stop(self) -> None:
        """End what runs, and leave the cluster; one that was begun for this run ends."""
        super().stop()
        self._quit()

    def _check_reachable(self, address: str | None) -> None:
        """Find out in seconds what Ray takes minutes for."""
        host, colon, port = (address or "").rpartition(":")
        if not (colon and port.isdecimal()) or "/" in host:  # "auto", or a client's ray://
            return
        try:
            socket.create_connection((host, int(port)), REACH).close()
        except OSError as error:
            raise _no_cluster(address, error.strerror or str(error)) from error

    def _quit(self) -> None:
        if ray.is_initialized():
            ray.shutdown()

    def _room(self, machine: dict[str, Any]) -> int:
        """Return how many items a machine takes at the same time."""
        has = machine["Resources"]
        room = has.get("CPU", 0) // self._cpus
        return int(min(room, has.get("GPU", 0) // self._gpus) if self._gpus else room)


def _no_cluster(address: str | None, reason: str) -> UserError:
    return UserError(
        f"--executor ray: no cluster at {address or 'the usual places'} ({reason}). Begin one with "
        "`ray start --head`, or leave the option address out: Ray then runs on this machine."
    )


def _machines() -> list[dict[str, Any]]:
    """Return what Ray knows of the machines that are alive."""
    nodes: Any = ray.nodes
    return [node for node in nodes() if node["Alive"]]
