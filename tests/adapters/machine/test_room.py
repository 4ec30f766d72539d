"""How much of the machine may be used."""

from pathlib import Path

import psutil
import pytest

from stackd.adapters.machine.room import cores, memory_bytes

MIB = 1 << 20


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_smallest_limit_of_all_groups_above_counts(tmp_path: Path) -> None:
    own = tmp_path / "own"
    write(own, "0::/system.slice/stackd.service\n")
    write(tmp_path / "cg/memory.max", f"{900 * MIB}\n")
    write(tmp_path / "cg/system.slice/memory.max", f"{300 * MIB}\n")
    write(tmp_path / "cg/system.slice/stackd.service/memory.max", "max\n")

    assert memory_bytes(cgroups=tmp_path / "cg", own=own) == 300 * MIB


def test_the_older_kind_of_groups_is_understood(tmp_path: Path) -> None:
    own = tmp_path / "own"
    write(own, "4:cpu:/a\n3:memory:/a\n")
    write(tmp_path / "cg/memory/a/memory.limit_in_bytes", f"{200 * MIB}\n")

    assert memory_bytes(cgroups=tmp_path / "cg", own=own) == 200 * MIB


def test_inside_a_container_the_limit_at_the_root_counts(tmp_path: Path) -> None:
    own = tmp_path / "own"
    write(own, "0::/docker/a path of the host\n")
    write(tmp_path / "cg/memory.max", f"{128 * MIB}\n")

    assert memory_bytes(cgroups=tmp_path / "cg", own=own) == 128 * MIB


@pytest.mark.parametrize("groups", [None, "0::/nowhere\n"])
def test_without_a_limit_the_whole_machine_counts(tmp_path: Path, groups: str | None) -> None:
    own = tmp_path / "own"
    if groups is not None:
        own.write_text(groups)

    assert memory_bytes(cgroups=tmp_path / "cg", own=own) == psutil.virtual_memory().total
    assert cores() >= 1
