"""The whole configuration as frozen values. Reaches down to the methods' own settings, so importing it loads the imaging core."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from stackd.config.develop import DevelopSettings
from stackd.config.export import ExportSettings
from stackd.config.fields import Table
from stackd.config.grouping import IntakeSettings
from stackd.config.watching import MetricsSettings, NotifySettings, StateSettings, WatchSettings, WorkSettings
from stackd.imaging.finish import FinishSettings
from stackd.imaging.fuse import Fusion
from stackd.imaging.fuse.depth_from_defocus import DepthFromDefocus
from stackd.imaging.match.settings import MatchSettings
from stackd.imaging.register import RegistrationSettings
from stackd.imaging.register.models import MotionRegistration

RECIPE_HASH_DIGITS = 12
"""Hexadecimal digits: 48 bits, far more than the number of recipes anybody writes."""


class Recipe(Table):
    """What turns a stack into a composite."""

    description: Annotated[str, Field(max_length=200, description="What the recipe is for, for whoever reads it later.")] = ""
    develop: Annotated[DevelopSettings, Field(description="Base adjustments, the same for every frame of a stack.")] = (
        DevelopSettings()
    )
    align: Annotated[RegistrationSettings, Field(description="How frames are laid over one another.")] = MotionRegistration()
    match: Annotated[MatchSettings, Field(description="How frames are matched in brightness and colour.")] = MatchSettings()
    fuse: Annotated[Fusion, Field(description="How the frames become one image.")] = DepthFromDefocus()
    finish: Annotated[FinishSettings, Field(description="What is done to the fused image.")] = FinishSettings()
    export: Annotated[ExportSettings, Field(description="What is written, and how.")] = ExportSettings()


class Settings(Table):
    """Everything a user can set."""

    state: Annotated[StateSettings, Field(description="Where stackd remembers what it has seen and done.")] = StateSettings()
    watch: Annotated[
        tuple[WatchSettings, ...], Field(description="The watched folders, one [[watch]] each; as many as you like.")
    ] = ()
    intake: Annotated[IntakeSettings, Field(description="When a file is whole and when a stack is complete.")] = IntakeSettings()
    work: Annotated[WorkSettings, Field(description="How much stackd does at once.")] = WorkSettings()
    metrics: Annotated[MetricsSettings, Field(description="Facts for Prometheus.")] = MetricsSettings()
    notify: Annotated[NotifySettings, Field(description="A command of yours that is run when a stack needs somebody.")] = (
        NotifySettings()
    )
    recipe: Annotated[
        Mapping[str, Recipe],
        Field(description="Recipes by name. `default` and the built-in ones are there without being written down."),
    ]


def recipe_hash(recipe: Recipe) -> str:
    """Name a recipe by what it does, so that a changed recipe is told from the one a composite was made with."""
    content = recipe.model_dump(mode="json", exclude={"description"})
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:RECIPE_HASH_DIGITS]
