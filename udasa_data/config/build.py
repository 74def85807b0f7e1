"""The configuration of a build: frozen, strict, and complete once resolved (``presets.py``)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias, get_args

from msgspec import Meta, field

from udasa_data.config.engine import EngineName, Server, Vllm
from udasa_data.config.fits import Fit, Kind, NonNegative, Weights
from udasa_data.config.strict import Strict

Unit: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive: TypeAlias = Annotated[float, Meta(gt=0.0)]
Share: TypeAlias = Annotated[float, Meta(ge=0.0, lt=1.0)]
# what a scorer is shown of a conversation and its answer
ScorerInput: TypeAlias = Literal["auto", "chat", "pair", "answer"]
Precision: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]
SemanticEstimator: TypeAlias = Literal[
    "auto", "degree", "luq", "eccentricity", "cluster", "cocoa", "lexical", "cosine"
]
# whose prompts value scorers read; reviews have a scorer of their own
ValuedAxis: TypeAlias = Literal["harmlessness", "helpfulness", "truthfulness"]
FactualEstimator: TypeAlias = Literal["consistency", "p_true"]

# the noise of a difference of two answers is a jackknife over the others: it needs two of them
MIN_SAMPLES = 4
BATCH_ON_GPU = 32768  # tokens of prompts and answers
BATCH_ON_CPU = 16384
EMBEDDED = "embedded:"
LINEAR = "udasa_linear"  # the model_type of embedded linear classifiers


class ModelRef(Strict, frozen=True):
    """A model: Hub id, local folder, or ``embedded:NAME``; the revision is a Hub revision.

    ``allow_bin``: weights in an old ``.bin`` file will do where there are none in safetensors.
    """

    id: Annotated[str, Meta(min_length=1)]
    revision: str = "main"
    allow_bin: bool = False


class ScorerRef(ModelRef, frozen=True):
    """A model that reads answers. ``languages`` it knows, by ISO 639-1 code; empty: not told."""

    languages: tuple[str, ...] = ()


class NliRef(ScorerRef, frozen=True):
    """An NLI model. ``labels`` names its classes in its own order, where it does not itself."""

    labels: tuple[str, ...] = ()


class Verdict(Strict, frozen=True):
    """How a language model that moderates begins its verdict: ``opening`` and one of ``words``.

    The words are its classes, named without white space; they are told apart by their first token.
    ``template`` are options of its chat template, which renders what is to be judged.
    """

    words: Annotated[tuple[str, ...], Meta(min_length=2)]
    opening: str = ""
    template: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_template_options(self.template, "verdict.template")

    def __hash__(self) -> int:
        return hash((self.words, self.opening, str(self.template)))


class ValueRef(ScorerRef, frozen=True):
    """A value scorer. ``violation`` names the classes whose probability is P(violation).

    A sequence classifier or reward model, or, with a ``verdict``, a language model that moderates.

    Logits are divided by ``temperature`` first: above 1 softens a scorer that is too sure.
    ``input``: the conversation rendered by the scorer's chat template (chat), its plain text and
    the answer as two texts (pair), or the answer alone; auto is chat where there is a template.
    ``axes``: whose prompts it reads; empty: of all three.
    """

    violation: tuple[str, ...] = ()
    input: ScorerInput = "auto"
    temperature: Positive = 1.0
    verdict: Verdict | None = None
    axes: tuple[ValuedAxis, ...] = ()


class Judge(Strict, frozen=True):
    """The policy as one more value scorer, asked about the principles of a constitution.

    Each principle asked costs two short questions an answer, hence the bound.
    """

    constitution: Annotated[str, Meta(min_length=1)] = "embedded:constitution"  # or a YAML file
    # how many, from the top of the file (most important first), or which, by id
    principles: Annotated[int, Meta(ge=1)] | Annotated[tuple[str, ...], Meta(min_length=1)] = 4


class ReasoningTags(Strict, frozen=True):
    """What a model writes before and after its thoughts."""

    open: Annotated[str, Meta(min_length=1)]
    close: Annotated[str, Meta(min_length=1)]


ReasoningOption: TypeAlias = Literal["auto", "off"] | ReasoningTags
# what a template is rendered with in any case, and no option of it
_NOT_OF_TEMPLATES = frozenset(
    {"add_generation_prompt", "chat_template", "continue_final_message", "messages", "tokenize"}
)


def check_template_options(options: dict[str, Any], where: str) -> None:
    """Refuse what no chat template can be given as an option of its own.

    Raises:
        ValueError: names the key.
    """
    if wrong := sorted(_NOT_OF_TEMPLATES & set(options)):
        raise ValueError(f"key '{where}.{wrong[0]}': is no option of a chat template's own")


class Sampling(Strict, frozen=True):
    """How answers are drawn from the policy. Temperature 0 is greedy: all K answers are equal.

    ``reasoning`` says by which tags thoughts are parted from answers: all known ones, none, or
    {open, close}. ``chat_template_kwargs`` are the chat template's: {enable_thinking: false}.
    """

    samples: Annotated[int, Meta(ge=1, le=1024)] = 8  # a build needs MIN_SAMPLES
    temperature: NonNegative = 1.0
    top_p: Annotated[float, Meta(gt=0.0, le=1.0)] = 1.0
    max_tokens: Annotated[int, Meta(ge=1)] = 256  # of thoughts and answer together
    reasoning: ReasoningOption = "auto"
    chat_template_kwargs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_template_options(self.chat_template_kwargs, "sampling.chat_template_kwargs")


class Scoring(Strict, frozen=True):
    """How answers are turned into raw uncertainties."""

    # ISO 639-1 code of the answers' language, as de; none: found for each prompt
    language: Annotated[str, Meta(pattern="^[a-z]{2,3}$")] | None = None
    # auto: cocoa where the answers' log-probabilities are known, else degree
    semantic: SemanticEstimator = "auto"
    # where a prompt has no evidence: agreement of the other answers, or the policy's own P(False)
    factual: FactualEstimator = "consistency"
    # λ of mean + λ·sd of the value scorers' log-odds; with two scorers, 1 is their maximum
    disagreement_weight: NonNegative = 0.5
    # Beta(a, a) pseudo-claims: one claim can neither prove nor damn an answer
    claim_prior: Positive = 0.5
    # sentences of a long answer that are held against the others, evenly spaced; none: all
    max_sentences: Annotated[int, Meta(ge=2)] | None = None
    # tokens a scorer reads at most; less where its own window is less
    max_length: Annotated[int, Meta(ge=16)] = 4096
    precision: Precision = "auto"  # of the scorers: the fastest this machine has within bounds


class Calibration(Strict, frozen=True):
    """Mid-rank calibration, by axis; all axes together count for ``pool_rows`` in each.

    ``curves`` names a calibration.json, of an earlier run or of labelled answers, applied as it is.
    """

    pool_rows: Annotated[int, Meta(ge=0)] = 200  # that all axes count for beside an axis's own
    curves: str | None = None


class Pairing(Strict, frozen=True):
    """Which two answers make a pair, and which pairs are left out."""

    rejected: Literal["auto", "max", "mu_2_sigma", "median", "random"] = "auto"
    veto: Unit = 0.8  # an answer with u_value above it is never chosen
    # P(a prompt asks for harm): below the first it is harmless, above the second it does
    harmful: tuple[Unit, Unit] = (0.5, 0.95)
    reject_truncated: bool = False  # a cut answer may be rejected; training gives it an end
    noise_z: NonNegative = 0.8  # drop when delta_u < noise_z · the gap that noise alone makes
    tolerance: Unit = 0.25  # how much worse than rejected chosen may be in one dimension
    near_equal: Unit = 0.9  # character similarity from which two texts count as equal
    length_ratio: Annotated[float, Meta(ge=1.0)] = 4.0  # longest over shortest; 16 tokens at least


class Stages(Strict, frozen=True):
    """Cut-offs [low, high] of p_chosen_better; none means tertiles of the kept pairs."""

    cutoffs: tuple[Unit, Unit] | None = None

    def __post_init__(self) -> None:
        if self.cutoffs and self.cutoffs[0] > self.cutoffs[1]:
            raise ValueError("Cut-offs read [low, high], with low at most high")


class BuildConfig(Strict, frozen=True):
    """All that decides the rows of a build (the output directory does not)."""

    model: str  # preset, Hub id or folder; a preset brings the keys below along
    policy: ModelRef  # what is sampled
    nli: NliRef  # agreement of answers, and of answers with evidence
    value: Annotated[tuple[ValueRef, ...], Meta(min_length=1)]  # P(violation) of an answer
    sentiment: ValueRef  # the value scorer of the axis sentiment
    # names of presets, AXIS=FILE#COLUMN, or a Hub dataset
    prompts: Annotated[tuple[str, ...], Meta(min_length=1)]
    # reads prompts: which ask for harm, so that to refuse is right
    prompt_harm: ValueRef | None = None
    # reads answers: which refuse, wholly (``violation`` names those classes, P ≥ ½ decides); none:
    # the embedded classifier
    refusal: ValueRef | None = None
    embedder: ScorerRef | None = None  # sentence embeddings, for scoring.semantic: cosine
    judge: Judge | None = None  # the policy itself as a value scorer
    # prompts at most, spread evenly over the sources
    limit: Annotated[int, Meta(ge=1)] | None = None
    # of prompts whose source states none: an identifier of the Hub's, for the card
    license: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]*$")] | None = None
    # prompts that differ in nothing but case, white space and forms of characters (², ２ and 2)
    near_duplicates: Literal["keep", "drop"] = "keep"
    seed: Annotated[int, Meta(ge=0)] = 0  # of samples and of random choices
    engine: EngineName = "auto"  # vLLM where it is, and a GPU; else transformers
    server: Server | None = None  # of the engine openai
    vllm: Vllm = Vllm()
    system_prompt: str | None = None  # before prompts that have none of their own
    shard_size: Annotated[int, Meta(ge=1)] = 256  # prompts; what a kill can cost
    # of the engine transformers; none: BATCH_ON_GPU, or BATCH_ON_CPU where there is none
    batch_tokens: Annotated[int, Meta(ge=256)] | None = None
    held_out: Share = 0.05  # of the prompts, by their hash: the split ``test``
    sampling: Sampling = Sampling()
    scoring: Scoring = Scoring()
    calibration: Calibration = Calibration()
    weights: Weights | None = None  # of all kinds of prompts alike; none: each kind's own
    # of kinds of prompts, over those that ship (pairing/reliability.json)
    reliability: dict[Kind, Fit] = field(default_factory=dict)
    pairing: Pairing = Pairing()
    stages: Stages = Stages()
    review: str | None = None  # a file of people's verdicts on the pairs, laid over them

    def __post_init__(self) -> None:
        if len(self.value) < 2 and self.judge is None:
            raise ValueError("key 'value': expected at least 2 scorers, or 1 and a judge")
        for axis in get_args(ValuedAxis):
            if self.judge is None and not any(axis in (ref.axes or axis) for ref in self.value):
                raise ValueError(f"key 'value': no scorer reads {axis}: add it to one's axes")
        if self.scoring.semantic == "cosine" and self.embedder is None:
            raise ValueError(
                "key 'embedder': scoring.semantic cosine needs a sentence encoder, "
                "embedder: {id: ORG/NAME}"
            )

    @property
    def embedder_in_use(self) -> ScorerRef | None:
        """The sentence encoder, where the chosen estimator needs one."""
        return self.embedder if self.scoring.semantic == "cosine" else None

    @property
    def scorer_refs(self) -> list[ScorerRef]:
        """The models that score, each once."""
        embedder = [self.embedder_in_use] if self.embedder_in_use else []
        optional = [ref for ref in (self.prompt_harm, self.refusal) if ref]
        refs: list[ScorerRef] = [self.nli, *self.value, self.sentiment, *optional, *embedder]
        return list(dict.fromkeys(refs))
