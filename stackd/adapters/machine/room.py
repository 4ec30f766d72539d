"""How much of the machine the service may use: cores, and memory as the system or a container limits it."""

import os
from pathlib import Path
from typing import Final

import psutil

MOST_JOBS: Final = 4
"""Stacks at once where nothing is configured: frames are read from one disk, and more cores are used inside each stack."""

CGROUPS: Final = Path("/sys/fs/cgroup")


def cores() -> int:
    """Count the cores this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(allowed or 1, 1)


def memory_bytes(*, cgroups: Path = CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """Give the memory this process may use: the smallest limit of its control groups (Linux), else all the machine has."""
    limits = [int(psutil.virtual_memory().total)]
    try:
        lines = own.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return limits[0]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, name = cgroups, "memory.max"
        elif "memory" in controllers.split(","):
            base, name = cgroups / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = base / path.lstrip("/")
        # Inside a container the path may be that of the host: then only the root of what is mounted here is left.
        for folder in (group, *group.parents):
            if folder == base.parent:
                break
            try:
                text = (folder / name).read_text(encoding="ascii").strip()
            except OSError:
                continue
            if text.isdecimal():
                limits.append(int(text))
    return min(limits)
