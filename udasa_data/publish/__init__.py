"""Publishing: the Hub-shaped dataset folder and its card."""

from udasa_data.publish.dataset import Tables, write_dataset
from udasa_data.publish.pushing import Target
from udasa_data.publish.releasing import Released, prepare, release
from udasa_data.publish.verification import Verified, verify

__all__ = [
    "Released",
    "Tables",
    "Target",
    "Verified",
    "prepare",
    "release",
    "verify",
    "write_dataset",
]
