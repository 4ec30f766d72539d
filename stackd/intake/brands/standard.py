"""EXIF and XMP as every brand writes them."""

from math import inf

from stackd.intake.brands.rules import Rules, exif_distance_m, finite, first_of, number, positive, rule, whole, words

_PHONES_THAT_ALWAYS_COMPOSE = ("google", "samsung", "apple", "xiaomi", "oneplus", "huawei", "honor", "oppo", "vivo", "nothing")
"""Phones that merge several readings into every ordinary picture and mark each as composite."""

GENERAL_COMPOSITE = 2
COMPOSITE_WHILE_SHOOTING = 3
"""CompositeImage (0xA460)."""

_RESULT_SOFTWARE = ("helicon focus", "zerene stacker", "enfuse", "focus-stack", "shinestacker", "picolay", "combinezp", "stackd")


def composite_reason(composite: str | None, make: str | None) -> str | None:
    """Say that a camera composed the picture from several, unless its maker does so with every picture."""
    kind = whole(composite)
    if kind == GENERAL_COMPOSITE:
        return "it was composed from several pictures"
    if kind == COMPOSITE_WHILE_SHOOTING and not (make or "").lower().startswith(_PHONES_THAT_ALWAYS_COMPOSE):
        return "the camera composed it from several pictures"
    return None


def software_reason(software: str | None) -> str | None:
    """Say that a stacking program wrote the picture."""
    name = (software or "").strip()
    return f"{name} made it" if name.lower().startswith(_RESULT_SOFTWARE) else None


def sensitivity(text: str | None) -> float | None:
    """Read an ISO speed; 65535 stands for more than fits and is written elsewhere."""
    value = positive(text)
    return None if value is None or value >= _ISO_DOES_NOT_FIT else value


_ISO_DOES_NOT_FIT = 65535.0


def shutter_from_apex(text: str | None) -> float | None:
    """Turn an APEX time value into seconds."""
    value = finite(text)
    return None if value is None or abs(value) > _APEX_LIMIT else 2.0**-value


_APEX_LIMIT = 30.0


def aperture_from_apex(text: str | None) -> float | None:
    """Turn an APEX aperture value into an f-number."""
    value = number(text)
    return None if value is None or value == inf or not 0.0 < value < _APEX_LIMIT else 2.0 ** (value / 2.0)


FIRST: Rules = (
    *first_of("make", words, "Exif.Image.Make", "Xmp.tiff.Make"),
    *first_of("camera_model", words, "Exif.Image.Model", "Exif.Image.UniqueCameraModel", "Xmp.tiff.Model"),
    *first_of("body_serial", words, "Exif.Photo.BodySerialNumber", "Exif.Image.CameraSerialNumber", "Xmp.aux.SerialNumber"),
    *first_of("lens", words, "Exif.Photo.LensModel", "Xmp.aux.Lens", "Xmp.exifEX.LensModel"),
    *first_of("exposure_time_s", positive, "Exif.Photo.ExposureTime", "Exif.Image.ExposureTime", "Xmp.exif.ExposureTime"),
    *first_of("exposure_time_s", shutter_from_apex, "Exif.Photo.ShutterSpeedValue", "Xmp.exif.ShutterSpeedValue"),
    *first_of("f_number", positive, "Exif.Photo.FNumber", "Exif.Image.FNumber", "Xmp.exif.FNumber"),
    *first_of("f_number", aperture_from_apex, "Exif.Photo.ApertureValue", "Xmp.exif.ApertureValue"),
    *first_of(
        "iso",
        sensitivity,
        "Exif.Photo.ISOSpeedRatings",
        "Exif.Photo.RecommendedExposureIndex",
        "Exif.Photo.StandardOutputSensitivity",
        "Exif.Image.ISOSpeedRatings",
        "Xmp.exif.ISOSpeedRatings",
    ),
    *first_of("focal_length_mm", positive, "Exif.Photo.FocalLength", "Exif.Image.FocalLength", "Xmp.exif.FocalLength"),
    *first_of("exposure_bias_ev", finite, "Exif.Photo.ExposureBiasValue", "Exif.Image.ExposureBiasValue"),
    *first_of("software", words, "Exif.Image.Software", "Xmp.xmp.CreatorTool"),
    *first_of("focus_distance_m", exif_distance_m, "Exif.Photo.SubjectDistance", "Exif.Image.SubjectDistance"),
    rule("result_of", composite_reason, "Exif.Photo.0xa460", "Exif.Image.Make"),
    rule("result_of", composite_reason, "Exif.Photo.CompositeImage", "Exif.Image.Make"),
    rule("result_of", software_reason, "Exif.Image.Software"),
    *first_of("width_px", whole, "Exif.Photo.PixelXDimension"),
    *first_of("height_px", whole, "Exif.Photo.PixelYDimension"),
)
"""Asked before the brand's own table."""

LAST: Rules = (
    *first_of("focus_distance_m", exif_distance_m, "Xmp.aux.ApproximateFocusDistance", "Xmp.exif.SubjectDistance"),
    *first_of("iso", positive, "Exif.Photo.ISOSpeed", "Xmp.exifEX.PhotographicSensitivity"),
)
"""Asked after it: exports drop the maker note and keep what the converter read from it, which is coarser."""
