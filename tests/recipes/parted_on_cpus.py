"""``python parted_on_cpus.py SCRIPT ARGUMENTS``: run a script with its weights in parts.

accelerate takes FSDP and DeepSpeed on accelerators alone, and trains plainly elsewhere without a
word; torch and DeepSpeed part weights on processors too. Only accelerate's choice is changed here:
what parts them is what parts them on GPUs.
"""

import os
import runpy
import sys
from pathlib import Path

import torch
from accelerate import accelerator, state
from accelerate.utils import DistributedType

ROOT = Path(__file__).parents[2]
State = state.PartialState
plainly = State.__init__
shard = accelerator.fsdp2_prepare_model


def choose_fsdp():
    def begin(self, *args, **kwargs):
        plainly(self, *args, **kwargs)
        if State._shared_state.get("distributed_type") == DistributedType.MULTI_CPU:
            State._shared_state["distributed_type"] = DistributedType.MULTI_GPU

    State.__init__ = begin
    accelerator.fsdp2_prepare_model = told


def told(launched, model):
    model = shard(launched, model)
    weights = list(model.parameters())
    here = sum(weight.to_local().numel() for weight in weights)
    whole = sum(weight.numel() for weight in weights)
    sys.stdout.write(f"sharded: {here} of {whole}\n")
    return model


def choose_deepspeed():
    """DeepSpeed's launch is that of GPUs, which here are processors."""

    def as_on_gpus(class_):
        begin = class_.__init__
        class_.__init__ = lambda self, *args, **kwargs: begin(self, **{**kwargs, "cpu": False})

    as_on_gpus(State)
    as_on_gpus(state.AcceleratorState)
    State._prepare_backend = lambda *_, **__: ("gloo", DistributedType.MULTI_GPU)
    State.set_device = lambda self: setattr(self, "device", torch.device("cpu"))


if __name__ == "__main__":
    if os.environ.get("ACCELERATE_USE_FSDP") == "true":
        choose_fsdp()
    if os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true":
        choose_deepspeed()
    sys.argv = sys.argv[1:]
    sys.path.insert(0, str(ROOT))
    runpy.run_path(sys.argv[0], run_name="__main__")
