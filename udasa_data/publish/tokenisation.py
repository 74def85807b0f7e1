"""How TRL's DPO trainer will read the pairs: its own tokenisation, without its training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from udasa_data.engines import rewritten, special_tokens
from udasa_data.errors import UserError, install_line
from udasa_data.publish.plain_trl import COLUMN, before
from udasa_data.runs import PolicyRecord
from udasa_data.schema import Mode
from udasa_data.storage import folder_of

MAX_ROWS: Final = 20_000  # beyond, an even spread of so many rows is read


class Tokenised(NamedTuple):
    """What became of pairs at a bound on the length, in tokens.

    Attributes:
        rows: that were read.
        not_prefix: rows whose prompt is not the beginning of prompt and answer: the policy would
            be trained on another context than it answers in.
        merged: texts to be continued whose last token runs on into the continuation: the text is
            right, and trained from that token on.
        truncated: rows of which either side is cut at ``max_length``.
        collapsed: rows of which both sides are the same once cut.
        dropped: rows whose prompt alone fills ``max_length``; the trainer leaves them out.
        longest: tokens of the longest side.
        rewritten: rows of which the chat template makes other text than was said, on either side.
        example: of that, in words.
    """

    rows: int
    not_prefix: int
    truncated: int
    collapsed: int
    dropped: int
    longest: int
    rewritten: int = 0
    example: str = ""
    merged: int = 0

    @property
    def prefix(self) -> str:
        """In how many rows the prompt is no prefix, in words."""
        runs_on = f", a token runs on into the continuation in {self.merged:,}" * bool(self.merged)
        return f"not so in {self.not_prefix:,}{runs_on}"

    @property
    def as_said(self) -> str:
        """Whether answers are tokenised as they were said, in words."""
        if not self.rewritten:
            return "all of them"
        made = f"not so in {self.rewritten:,}: the template {self.example}"
        return f"{made}. Train with udasa-train, which takes what was said"


def load_tokenizer(policy: PolicyRecord) -> Any:
    """Return the tokenizer of the policy, at the commit that was used.

    Raises:
        UserError: it is not here and cannot be had.
    """
    from transformers import AutoTokenizer

    folder = None if policy.revision else folder_of(policy.id)
    at = {} if policy.revision is None else {"revision": policy.revision}
    try:
        return AutoTokenizer.from_pretrained(str(folder or policy.id), **at)
    except (OSError, ValueError) as error:
        raise UserError(f"the tokenizer of '{policy.id}' cannot be loaded") from error


def tokenise(
    pairs: Iterable[dict[str, Any]],
    tokenizer: Any,
    max_length: int,
    options: Mapping[str, Any] | None = None,
) -> Tokenised:
    """Tokenise pairs as ``trl.DPOTrainer`` does (1.16, ``_prepare_dataset`` and its collator).

    Args:
        pairs: ``prompt``, ``chosen``, ``rejected`` as message lists, with ``mode`` and the
            keywords of their template where known.
        tokenizer: of the policy, with a chat template.
        max_length: in tokens, prompt and answer together, cut at the end.
        options: of the chat template, for pairs without their own.

    Raises:
        UserError: TRL is not installed.
    """
    try:
        import trl.data_utils  # noqa: F401
    except ImportError as error:
        raise UserError(f"TRL is not installed: {install_line('train')}") from error

    ends = special_tokens(tokenizer)
    found = [_read(pair, tokenizer, ends, options or {}, max_length) for pair in pairs]
    counts = {name: sum(getattr(one, name) for one in found) for name in _COUNTED}
    longest = max((one.longest for one in found), default=0)
    example = next((one.example for one in found if one.example), "")
    return Tokenised(rows=len(found), **counts, longest=longest, example=example)


class _Found(NamedTuple):
    """What became of one pair, as in :class:`Tokenised`."""

    rewritten: bool
    not_prefix: bool
    merged: bool
    truncated: bool
    collapsed: bool
    dropped: bool
    longest: int
    example: str


_COUNTED: Final = _Found._fields[:-2]


def _read(
    pair: Mapping[str, Any],
    tokenizer: Any,
    ends: Sequence[str],
    options: Mapping[str, Any],
    max_length: int,
) -> _Found:
    from trl.data_utils import _tokenize, common_prefix_length

    asked = pair.get(COLUMN) or options
    prompt = _tokenize(tokenizer, pair["prompt"], add_generation_prompt=True, **asked)["input_ids"]
    chosen, rejected = (
        _tokenize(tokenizer, [*pair["prompt"], *pair[side]], **asked)["input_ids"]
        for side in ("chosen", "rejected")
    )
    shared = min(common_prefix_length(prompt, side) for side in (chosen, rejected))
    is_text = pair.get("mode") == Mode.COMPLETION
    if is_text:
        made = _continued_as(pair, tokenizer, prompt, (chosen, rejected))
    else:
        made = _made_of(pair, tokenizer, ends, options)
    runs_on = is_text and made is None
    longest = max(len(chosen), len(rejected))
    return _Found(
        rewritten=made is not None,
        not_prefix=shared < len(prompt) and not runs_on,
        merged=shared < len(prompt) and runs_on,
        truncated=longest > max_length,
        collapsed=chosen[:max_length] == rejected[:max_length],
        dropped=shared >= max_length,
        longest=longest,
        example=made or "",
    )


def _made_of(
    pair: Mapping[str, Any], tokenizer: Any, ends: Sequence[str], options: Mapping[str, Any]
) -> str | None:
    """Return what the chat template makes of either answer; None: both are as they were said."""
    for side in ("chosen", "rejected"):
        answer, before = pair[side][-1]["content"], pair.get(f"reasoning_{side}") or ""
        spaces = ["", before] if before.isspace() else [""]
        made = [rewritten(tokenizer, pair["prompt"], answer, ends, options, s) for s in spaces]
        if all(made):
            return made[0]
    return None


def _continued_as(
    pair: Mapping[str, Any], tokenizer: Any, prompt: list[int], sides: tuple[list[int], list[int]]
) -> str | None:
    """Return what TRL makes of a text to be continued, where that is not what was read and said."""
    text = pair["prompt"][-1]["content"].rstrip()
    read = tokenizer(text)["input_ids"]
    if read[-1:] == [tokenizer.eos_token_id]:
        read = read[:-1]
    if prompt != read:
        return f"reads a text to be continued as {tokenizer.decode(prompt)[:60]!r}"
    for side, ids in zip(("chosen", "rejected"), sides, strict=True):
        end = tokenizer.eos_token if pair.get(f"finish_reason_{side}") == "stop" else ""
        said = before(pair, side) + pair[side][-1]["content"] + end
        # as a whole: the last token of the text may run on into what follows
        if tokenizer.decode(ids) != tokenizer.decode(read) + said:
            made = tokenizer.decode(ids[len(prompt) :])
            return f"makes {made[:60]!r} of a text's continuation"
    return None
