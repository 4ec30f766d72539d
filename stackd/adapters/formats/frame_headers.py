"""The header of a frame of any format: kind, size, orientation, planes."""

from stackd.adapters.formats import image_headers
from stackd.adapters.formats.heif_files import read_heif_header
from stackd.adapters.formats.opened_image import OpenedImage
from stackd.adapters.formats.raw_headers import read_raw_header
from stackd.adapters.formats.z_stacks import with_planes
from stackd.model.tags import FileKind, Header


def frame_header(image: OpenedImage) -> Header:
    """Tell kind, size, orientation and planes of a frame.

    Raises
    ------
    UnreadableFrame
        If the file is cut off, too large, or no frame.
    """
    match image.kind:
        case FileKind.RAW:
            return read_raw_header(image)
        case FileKind.HEIF:
            return read_heif_header(image)
        case FileKind.TIFF:
            return with_planes(image_headers.header_of(image), image)
        case _:
            return image_headers.header_of(image)
