"""Where models run on this machine."""

import torch


def best_device() -> torch.device:
    """Return the accelerator (CUDA, or Apple's MPS) where there is one, else the CPU."""
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
