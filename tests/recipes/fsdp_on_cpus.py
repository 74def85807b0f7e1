"""``python fsdp_on_cpus.py SCRIPT ARGUMENTS``: run a script with FSDP on processors.

accelerate takes FSDP on accelerators alone, and trains plainly elsewhere without a word; torch
shards on processors too. Only accelerate's choice is changed here: what shards is what shards on
GPUs.
"""

import os
import runpy
import sys
from pathlib import Path

from accelerate import accelerator, state
from accelerate.utils import DistributedType

ROOT = Path(__file__).parents[2]
plainly = state.PartialState.__init__
shard = accelerator.fsdp2_prepare_model


def sharded(self, *args, **kwargs):
    plainly(self, *args, **kwargs)
    shared = state.PartialState._shared_state
    if shared.get("distributed_type") == DistributedType.MULTI_CPU:
        shared["distributed_type"] = DistributedType.MULTI_GPU


def told(launched, model):
    model = shard(launched, model)
    weights = list(model.parameters())
    here = sum(weight.to_local().numel() for weight in weights)
    whole = sum(weight.numel() for weight in weights)
    sys.stdout.write(f"sharded: {here} of {whole}\n")
    return model


if __name__ == "__main__":
    if os.environ.get("ACCELERATE_USE_FSDP") == "true":
        state.PartialState.__init__ = sharded
        accelerator.fsdp2_prepare_model = told
    sys.argv = sys.argv[1:]
    sys.path.insert(0, str(ROOT))
    runpy.run_path(sys.argv[0], run_name="__main__")
