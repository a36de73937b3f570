"""What a process and its children use: processor time and memory."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import psutil

__all__ = ["Usage", "measure"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Of a process and all its descendants.

    Attributes:
        cpu_s: processor time, user and system, in seconds.
        memory_mib: memory in use now; what several share is split among them where the system tells (Linux: PSS).
        threads: that run now.
    """

    cpu_s: float
    memory_mib: float
    threads: int

    def __sub__(self, before: Usage) -> Usage:
        """Return the processor time since then, with today's memory and threads."""
        return Usage(self.cpu_s - before.cpu_s, self.memory_mib, self.threads)


def measure(pid: int) -> Usage:
    """Look at a process. One that ends while we look counts as nothing."""
    cpu_s = memory = 0.0
    threads = 0
    try:
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return Usage(0.0, 0.0, 0)
    for process in processes:
        try:
            times = process.cpu_times()
            # Our own clock is finer than the system's ticks of 10 ms.
            cpu_s += time.process_time() if process.pid == os.getpid() else times.user + times.system
            facts = process.memory_full_info()
            memory += getattr(facts, "pss", facts.rss)
            threads += process.num_threads()
        except psutil.Error:
            continue
    return Usage(cpu_s, memory / 2**20, threads)
