"""What one stack needs: files in, files out, a clock, scratch space."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stackd.imaging.frames import PlaneStore
    from stackd.service.on_demand import Tools


def stacking_tools() -> Tools:
    """Put together what a stack needs; planes that do not fit in memory go to unnamed files on disk."""
    from stackd.adapters.exporters import CompositeExporter
    from stackd.adapters.frame_reader import FrameFiles
    from stackd.adapters.freed_memory import keep_freed_memory
    from stackd.adapters.plane_file import PlaneFile, scratch_folder
    from stackd.adapters.process_meter import ProcessMeter
    from stackd.adapters.publisher import FolderPublisher
    from stackd.adapters.system_clock import SystemClock
    from stackd.service.on_demand import Tools

    keep_freed_memory()
    scratch = scratch_folder()

    def make_store() -> PlaneStore:
        return PlaneFile(scratch)

    return Tools(
        reader=FrameFiles(scratch_folder=scratch),
        exporter=CompositeExporter(),
        publisher=FolderPublisher(),
        clock=SystemClock(),
        meter=ProcessMeter(),
        make_store=make_store,
    )
