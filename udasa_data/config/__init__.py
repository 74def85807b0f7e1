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
    ReasoningOption,
    ReasoningTags,
    Sampling,
    Scoring,
    SemanticEstimator,
    Unit,
    ValueRef,
    Weights,
    check_template_options,
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
    "ReasoningOption",
    "ReasoningTags",
    "Sampling",
    "Scoring",
    "SemanticEstimator",
    "Server",
    "Strict",
    "Unit",
    "ValueRef",
    "Vllm",
    "Weights",
    "change",
    "check_template_options",
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
