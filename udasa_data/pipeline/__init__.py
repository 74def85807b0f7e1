"""All steps in one: ``build()``, and everything that stands around it."""

from udasa_data.pipeline.building import BuildResult, build, build_slice, preview
from udasa_data.pipeline.executors.protocol import Executor
from udasa_data.pipeline.executors.ray import RayExecutor
from udasa_data.pipeline.merging import merge
from udasa_data.pipeline.planning import Plan, plan

__all__ = [
    "BuildResult",
    "Executor",
    "Plan",
    "RayExecutor",
    "build",
    "build_slice",
    "merge",
    "plan",
    "preview",
]
