"""The profiles stackd makes: checked against the published primaries and curves, and by programs that did not make them."""

import io
import subprocess
from pathlib import Path
from shutil import which

import numpy as np
import pytest
from PIL import ImageCms

from stackd.adapters.colour.profiles import is_linear, name_of, same_colours, space_of, trouble_with
from stackd.adapters.colour.spaces import gray_profile_of, linear_profile, profile_of
from stackd.model.pixels import ColourSpace
from tests import colour_math
from tests.colour_math import CURVES, to_d50


def tags_of(icc: bytes) -> ImageCms.core.CmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(icc)).profile


@pytest.mark.parametrize("space", list(ColourSpace))
def test_the_primaries_are_the_published_ones(space: ColourSpace):
    """Columns of ICC profiles are XYZ under D50, whose Z is 0.8249 there and 0.8252 in the published matrices."""
    profile = tags_of(profile_of(space))

    columns = np.transpose([profile.red_colorant[0], profile.green_colorant[0], profile.blue_colorant[0]])

    assert np.abs(columns - to_d50(space)).max() < 4e-4


@pytest.mark.parametrize("space", list(ColourSpace))
def test_gray_stays_gray(space: ColourSpace):
    profile = tags_of(profile_of(space))

    white = np.sum([profile.red_colorant[0], profile.green_colorant[0], profile.blue_colorant[0]], axis=0)

    assert np.abs(white - (0.9642, 1.0, 0.8249)).max() < 3e-5


@pytest.mark.skipif(which("exiftool") is None, reason="exiftool is not installed")
@pytest.mark.parametrize("space", list(ColourSpace))
def test_exiftool_finds_nothing_wrong(tmp_path: Path, space: ColourSpace):
    for number, icc in enumerate((profile_of(space), gray_profile_of(space))):
        path = tmp_path / f"{number}.icc"
        path.write_bytes(icc)

        told = subprocess.run(
            ["exiftool", "-validate", "-warning", "-a", path], capture_output=True, text=True, check=True
        ).stdout

        assert told.split(":")[1].strip() == "OK"


def test_spaces_are_told_apart_and_known_again():
    for space in ColourSpace:
        assert space_of(profile_of(space)) is space
        assert trouble_with(profile_of(space), is_gray=False) == ""
        assert trouble_with(gray_profile_of(space), is_gray=True) == ""
        assert not is_linear(profile_of(space))
    assert name_of(profile_of(ColourSpace.DISPLAY_P3)) == "Display P3"


def test_profiles_that_are_called_srgb_are_one_however_they_were_made():
    for other in (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), colour_math.srgb_by_a_table()):
        assert same_colours(other, profile_of(ColourSpace.SRGB))
    assert same_colours(gray_profile_of(ColourSpace.SRGB), profile_of(ColourSpace.SRGB))
    assert not same_colours(gray_profile_of(ColourSpace.PROPHOTO), profile_of(ColourSpace.SRGB))


@pytest.mark.parametrize("is_gray", [True, False])
def test_linear_values_are_known_by_their_curve(is_gray: bool):  # noqa: FBT001
    assert is_linear(linear_profile(is_gray=is_gray))
    assert set(CURVES) == set(ColourSpace)
