"""What one stack needs: files in, files out, a clock, scratch space."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stackd.imaging.ground.frames import PlaneStore
    from stackd.service.once.fuse import Tools


def stacking_tools(*, settled: bool = False) -> Tools:
    """Put together what a stack needs; planes that do not fit in memory go to unnamed files on disk.

    `settled` says that output folders are those of a service, whose paths must stay free of links.
    """
    from stackd.adapters.frames.barcodes import BarcodeReader
    from stackd.adapters.frames.reader import FrameFiles
    from stackd.adapters.machine.freed_memory import keep_freed_memory
    from stackd.adapters.machine.logging_setup import spell_what_libraries_say
    from stackd.adapters.machine.process_meter import ProcessMeter
    from stackd.adapters.machine.system_clock import SystemClock
    from stackd.adapters.metadata.reader import FileMetadata
    from stackd.adapters.output.exporters import CompositeExporter
    from stackd.adapters.output.publisher import FolderPublisher
    from stackd.adapters.output.scratch_planes import PlaneFile, scratch_folder
    from stackd.service.once.fuse import Tools

    keep_freed_memory()
    spell_what_libraries_say()
    scratch = scratch_folder()

    def make_store() -> PlaneStore:
        return PlaneFile(scratch)

    return Tools(
        metadata=FileMetadata(),
        reader=FrameFiles(scratch_folder=scratch),
        codes=BarcodeReader(),
        exporter=CompositeExporter(settled=settled),
        publisher=FolderPublisher(settled=settled),
        clock=SystemClock(),
        meter=ProcessMeter(),
        make_store=make_store,
    )
