"""How a build is configured: its sections, presets by model, and strict YAML."""

from udasa_data.config.build import (
    EMBEDDED,
    MIN_SAMPLES,
    BuildConfig,
    Calibration,
    ModelRef,
    NliRef,
    NonNegative,
    Pairing,
    Positive,
    Precision,
    Sampling,
    ScorerInput,
    Scoring,
    SemanticEstimator,
    Unit,
    ValueRef,
    Weights,
)
from udasa_data.config.constitution import Principle, principles_of
from udasa_data.config.engine import EngineName, Prices, Server, Vllm
from udasa_data.config.plain_files import read_bytes, require_file
from udasa_data.config.plain_yaml import parse_yaml
from udasa_data.config.presets import Presets, change, is_there, read_presets, resolve, to_yaml
from udasa_data.config.strict import Strict, convert, read_yaml

__all__ = [
    "EMBEDDED",
    "MIN_SAMPLES",
    "BuildConfig",
    "Calibration",
    "EngineName",
    "ModelRef",
    "NliRef",
    "NonNegative",
    "Pairing",
    "Positive",
    "Precision",
    "Presets",
    "Prices",
    "Principle",
    "Sampling",
    "ScorerInput",
    "Scoring",
    "SemanticEstimator",
    "Server",
    "Strict",
    "Unit",
    "ValueRef",
    "Vllm",
    "Weights",
    "change",
    "convert",
    "is_there",
    "parse_yaml",
    "principles_of",
    "read_bytes",
    "read_presets",
    "read_yaml",
    "require_file",
    "resolve",
    "to_yaml",
]
