"""The fusion methods: one file or folder each, chosen by the type of their settings.

Adding a method: one file or folder, whose settings class is a `FusionMethod`, joins the union below. Everything else
(configuration, help, the tests every method must pass) follows from that.
"""

from typing import Annotated, TypeAlias

from pydantic import Field

from stackd.imaging.fuse.average import Average
from stackd.imaging.fuse.depth_from_defocus import DepthFromDefocus
from stackd.imaging.fuse.depth_map import DepthMapFusion
from stackd.imaging.fuse.pyramid import PyramidFusion

Fusion: TypeAlias = Annotated[Average | DepthFromDefocus | DepthMapFusion | PyramidFusion, Field(discriminator="method")]
"""Settings of any method; the field `method` says which."""
