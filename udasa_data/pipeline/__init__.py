"""All steps in one: ``build()``, and everything that stands around it."""

from udasa_data.pipeline.building import build, build_slice, preview
from udasa_data.pipeline.executors.protocol import Executor
from udasa_data.pipeline.executors.ray import RayExecutor
from udasa_data.pipeline.merging import merge
from udasa_data.pipeline.planning import Plan, plan
from udasa_data.pipeline.results import BuildResult
from udasa_data.pipeline.starting import (
    Given,
    Start,
    default_out,
    refuse_beside_answers,
    start_answered,
    start_from,
    start_sampled,
)

__all__ = [
    "BuildResult",
    "Executor",
    "Given",
    "Plan",
    "RayExecutor",
    "Start",
    "build",
    "build_slice",
    "default_out",
    "merge",
    "plan",
    "preview",
    "refuse_beside_answers",
    "start_answered",
    "start_from",
    "start_sampled",
]
