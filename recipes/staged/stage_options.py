"""How one stage is trained: its options, and which of them cannot go together."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta

from udasa_data.config import NonNegative, Positive, Strict, Unit

Count: TypeAlias = Annotated[int, Meta(ge=1)]
# The losses of TRL 1.16 that need no more than a pair and its reference (docs of DPOConfig).
Loss: TypeAlias = Literal[
    "sigmoid", "sigmoid_norm", "hinge", "ipo", "robust", "nca_pair", "bco_pair", "sppo_hard",
    "aot", "aot_unpaired", "apo_zero", "apo_down", "exo_pair", "discopop", "sft",
]  # fmt: skip
PACING: Final = 0.5
_SMOOTHED: Final = frozenset({"robust", "exo_pair", "aot", "aot_unpaired"})
_SORTS: Final = frozenset({"aot", "aot_unpaired"})
# those whose f-divergence is defined (TRL 1.16, DPOTrainer)
_DIVERGING: Final = frozenset(
    {"sigmoid", "sigmoid_norm", "hinge", "ipo", "exo_pair", "robust", "discopop", "sft"}
)
PREVIOUS: Final = "previous"


class TrlOptions(Strict, frozen=True):
    """Further options of TRL's ``DPOConfig``, by its names (TRL 1.16)."""

    f_divergence_type: Literal[
        "reverse_kl", "forward_kl", "js_divergence", "alpha_divergence"
    ] = "reverse_kl"  # fmt: skip
    f_alpha_divergence_coef: Positive = 0.5
    ld_alpha: Unit | None = None  # weight of the longer answer's tail (LD-DPO)
    use_weighting: bool = False  # WPO: pairs weighted by how likely the policy would say them
    discopop_tau: Positive = 0.05
    optim: str = "adamw_torch_fused"
    adam_beta1: Annotated[float, Meta(gt=0, lt=1)] = 0.9
    adam_beta2: Annotated[float, Meta(gt=0, lt=1)] = 0.999
    adam_epsilon: Positive = 1e-8


class StageOptions(Strict, frozen=True):
    """How one stage is trained."""

    beta: Positive = 0.1
    learning_rate: Positive = 5e-7
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup: Unit = 0.1  # share of the steps
    epochs: Positive = 1.0
    steps: Count | None = None  # wins over epochs
    batch: Count = 32  # pairs an optimizer step takes, over all devices
    loss: Annotated[tuple[Loss, ...], Meta(min_length=1)] = ("sigmoid",)
    loss_weights: tuple[float, ...] | None = None
    # ε, the share of pairs taken to be the wrong way round, of the losses robust, exo_pair, aot
    # and aot_unpaired; by_p: of a pair 1 − P(chosen better), of the loss sigmoid
    label_smoothing: Annotated[float, Meta(ge=0, lt=0.5)] | Literal["by_p"] = 0.0
    # P(chosen better) within a stage: the surest pairs first, or each weighted by 2P − 1
    curriculum: Literal["none", "order", "weight"] = "none"
    pacing: Unit = PACING  # of curriculum: order; share of the pairs that an epoch begins with
    trl: TrlOptions = TrlOptions()
    # what the policy is held to: where the stage began, where the run began, or a folder / Hub id
    reference: Annotated[str, Meta(min_length=1)] = PREVIOUS
    replay: NonNegative = 0.0  # rows of earlier stages added, as a share of the stage's own
    max_length: Annotated[int, Meta(ge=16)] = 1024  # tokens of prompt and answer
    max_grad_norm: Positive = 1.0
    weight_decay: NonNegative = 0.0

    def __post_init__(self) -> None:
        if self.loss_weights is not None and len(self.loss_weights) != len(self.loss):
            raise ValueError(
                f"loss_weights has {len(self.loss_weights)} numbers for {len(self.loss)} losses"
            )
        why = why_refused(self)
        if why is not None:
            raise ValueError(why)

    @property
    def needs_p(self) -> bool:
        """Whether P(chosen better) of each pair is read."""
        return self.curriculum != "none" or self.label_smoothing == "by_p"


def why_refused(options: StageOptions) -> str | None:
    """Return why options cannot go together, or would do nothing; None where they can."""
    losses, trl = set(options.loss), options.trl
    smoothing = options.label_smoothing
    by_p = smoothing == "by_p" or options.curriculum == "weight"
    diverges = trl.f_divergence_type != "reverse_kl"
    own = diverges or trl.ld_alpha is not None or trl.use_weighting
    refused = {
        "label_smoothing: by_p and curriculum: weight are of loss: [sigmoid] alone, without f-"
        "divergence, ld_alpha and use_weighting": by_p and (losses != {"sigmoid"} or own),
        f"label_smoothing does nothing with the losses {', '.join(options.loss)}; it is of "
        f"{', '.join(sorted(_SMOOTHED))}, or by_p": not by_p
        and bool(smoothing)
        and not losses & _SMOOTHED,
        "the loss exo_pair needs a label_smoothing above 0 (its paper: 1e-3)": "exo_pair" in losses
        and not smoothing,
        "pacing is of curriculum: order": options.pacing != PACING
        and options.curriculum != "order",
        f"trl.f_divergence_type is of the losses {', '.join(sorted(_DIVERGING))}": diverges
        and not losses <= _DIVERGING,
        "trl.f_alpha_divergence_coef is of f_divergence_type: alpha_divergence": (
            trl.f_alpha_divergence_coef != TrlOptions().f_alpha_divergence_coef
            and trl.f_divergence_type != "alpha_divergence"
        ),
        "trl.discopop_tau is of the loss discopop": trl.discopop_tau != TrlOptions().discopop_tau
        and "discopop" not in losses,
        "trl.use_weighting cannot weigh pairs of the losses aot, which sort them": trl.use_weighting
        and bool(losses & _SORTS),
    }
    return next((why for why, applies in refused.items() if applies), None)
