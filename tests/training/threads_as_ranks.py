"""Threads that stand in for the processes of torchrun: they exchange tensors in memory."""

from __future__ import annotations

import threading
from types import SimpleNamespace

from farbench.training import distributed


class FakeDist:
    """What ``farbench.training.distributed`` uses of ``torch.distributed``, for threads."""

    DistError = ConnectionError
    group = SimpleNamespace(WORLD=None)

    def __init__(self, count):
        self.count, self.mine = count, threading.local()
        self.barrier = threading.Barrier(count, timeout=60)
        self.slots = [None] * count

    def is_initialized(self):
        return hasattr(self.mine, "rank")

    def get_world_size(self):
        return self.count

    def get_rank(self):
        return self.mine.rank

    def _exchange(self, value):
        self.slots[self.mine.rank] = value
        self.barrier.wait()
        values = list(self.slots)
        self.barrier.wait()
        return values

    def all_reduce(self, tensor):
        tensor.copy_(sum(self._exchange(tensor.clone())))

    def broadcast(self, tensor, src):
        tensor.copy_(self._exchange(tensor.clone())[src])

    def broadcast_object_list(self, held, src, group):
        held[:] = self._exchange(list(held))[src]


def parts_of_rank():
    """Return this rank's part of batches, for the threads that read ahead as well."""
    return {count: distributed.own_part(count) for count in range(1, 10)}.__getitem__


def in_ranks(monkeypatch, count, work):
    """Call ``work(rank)`` in as many threads; return what each returned."""
    fake = FakeDist(count)
    monkeypatch.setattr(distributed, "dist", fake)
    monkeypatch.setitem(distributed._state, "within", False)
    results, errors = [None] * count, []

    def run(rank):
        fake.mine.rank = rank
        try:
            results[rank] = work(rank)
        except BaseException as error:
            errors.append(error)
            fake.barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if errors:
        raise errors[0]
    return results
