"""Read barcodes, where zxing-cpp is installed."""

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from stackd.errors import WrongUse

FORMATS = ("DataMatrix", "QRCode", "MicroQRCode", "Aztec", "PDF417", "Code128", "Code93", "Code39")
"""What labels of collections bear. Not looked for are those of shops (EAN, UPC, DataBar: a ruler has one) and those without a
check of their own (ITF, Codabar). Code 39 has none either, but collections have used it for decades."""


class BarcodeReader:
    """Reads barcodes with zxing-cpp."""

    def read(self, gray: NDArray[np.uint8]) -> tuple[str, ...]:
        """Give the text of every code in a picture, uint8 (H, W).

        Raises
        ------
        WrongUse
            If zxing-cpp is not installed.
        """
        library = _library()
        formats = library.barcode_formats_from_str(",".join(FORMATS))
        found = library.read_barcodes(np.ascontiguousarray(gray), formats=formats, text_mode=library.TextMode.Plain)
        return tuple(code.text for code in found if code.text.strip())


def _library() -> ModuleType:
    try:
        import zxingcpp
    except ImportError as error:
        raise WrongUse(
            'The recipe says export.barcode = "name", and what reads barcodes is not installed.',
            hint="Install it with `pip install 'stackd[barcode]'`.",
        ) from error
    module: ModuleType = zxingcpp
    return module
