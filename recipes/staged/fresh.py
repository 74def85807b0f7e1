"""Fresh samples of a policy: how far from SFT, how long, how many meanings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
import torch

from udasa_data.config import Sampling
from udasa_data.engines import Completion, PolicyPrompt, SetAside
from udasa_data.engines.transformers import TransformersEngine
from udasa_data.sampling import seed_of
from udasa_data.schema import Mode
from udasa_data.scorers import conversation_text, no_progress
from udasa_data.scorers.models import Options
from udasa_data.scorers.nli import NliScorer
from udasa_data.scoring import Answers, between_answers, cubes, is_refusal, plan_pairs
from udasa_data.storage import Located, locate
from udasa_data.uncertainty import meaning, semantic

from .config import Measures
from .measures import Floats, Fresh, batches, on_gpu, padded, release, tokens_at_once
from .rendering import Renderer

_AT_ONCE: Final = 2  # batches whose logits wait on the GPU while the models change places


class Sample(NamedTuple):
    """One fresh answer."""

    prompt_id: str
    sample_id: int
    question: str
    mode: str
    context: str  # all that the policy read before it
    said: str  # all that it said, as the policy reads it
    text: str
    n_tokens: int
    ended: bool


class Sampled(NamedTuple):
    """Fresh samples: the figures, and one row a sample."""

    fresh: Fresh
    rows: pl.DataFrame  # prompt_id, sample_id, question, text, n_tokens, ended, kl, distinct


def sample_fresh(
    where: tuple[str, dict[str, Any]],
    load: tuple[Callable[[], Any], Callable[[], Any]],
    prompts: pl.DataFrame,
    renderer: Renderer,
    options: Measures,
    seed: int,
) -> Sampled | None:
    """Sample a policy and measure its answers against the SFT policy; None without prompts.

    Args:
        where: the policy's folder or Hub id, and its revision.
        load: loads the same, and the SFT policy, into the host's memory.
        prompts: held-out rows of the dataset, one a prompt.
        renderer: of the policy, with the build's system prompt.
        options: how many, how long.
        seed: of the drawing; the same for every policy, so that policies are paired.
    """
    rows = prompts.to_dicts()
    if not rows or not options.prompts:
        return None
    built_with = renderer.built_with
    allow_bin = "weights_only" in where[1]
    located = Located(where[0], where[1].get("revision"), "", where[0], allow_bin)
    engine = TransformersEngine(located, 16384, built_with.template_options)
    asked = [_asked(row, renderer, seed) for row in rows]
    params = Sampling(
        samples=options.samples, max_tokens=options.max_tokens, reasoning=built_with.thoughts.option
    )
    answers = dict(engine.sample(asked, params, lambda _: None))
    engine.close()
    release()
    samples = []
    for place, row in enumerate(rows):
        drawn = answers[place]
        if not isinstance(drawn, SetAside):
            samples += [_sample(row, n, answer, renderer) for n, answer in enumerate(drawn)]
    if not samples:
        return None
    load_policy, load_sft = load
    divergences = _divergences(load_policy(), load_sft(), samples, renderer)
    release()
    table = pl.DataFrame(samples, orient="row").drop("context", "said")
    table = table.with_columns(pl.Series("kl", divergences))
    distinct = _distinct(samples, options)
    table = table.with_columns(pl.col("prompt_id").replace_strict(distinct).alias("distinct"))
    return Sampled(_figures(table, options), table)


def _sample(row: dict[str, Any], number: int, answer: Completion, renderer: Renderer) -> Sample:
    context = renderer.prompt_text(row)
    return Sample(
        prompt_id=row["prompt_id"],
        sample_id=number,
        question=conversation_text(row["prompt"]),
        mode=row["mode"],
        context=context,
        said=renderer.said(row["mode"], context, answer.reasoning, answer.text),
        text=answer.text.strip(),
        n_tokens=answer.n_tokens,
        ended=answer.finish_reason == "stop",
    )


def _asked(row: dict[str, Any], renderer: Renderer, seed: int) -> PolicyPrompt:
    raw = row["mode"] == Mode.COMPLETION
    turns = tuple((turn["role"], turn["content"]) for turn in renderer.turns(row))
    return PolicyPrompt(turns, raw, seed_of(seed, row["prompt_id"]))


@torch.inference_mode()
def _divergences(policy: Any, sft: Any, samples: Sequence[Sample], renderer: Renderer) -> Floats:
    """Return Σ_t KL(π(·|x, y_<t) ‖ π_sft(·|x, y_<t)) over each answer's tokens, [N], nats."""
    rows = []
    for sample in samples:
        prompt = renderer.ids(sample.context)
        end = renderer.end_token(sample.mode) if sample.ended else ""
        after = renderer.after(sample.context, sample.said + end)
        rows.append((prompt, after.ids if after else renderer.ids(sample.said + end)))
    total = np.zeros(len(rows))
    pad = renderer.tokenizer.pad_token_id
    of_all = list(batches(rows, tokens_at_once(policy)))
    size = _AT_ONCE if torch.cuda.is_available() else 1  # nothing changes places on a processor
    for several in (of_all[n : n + size] for n in range(0, len(of_all), size)):
        chosen = [[rows[n] for n in batch] for batch in several]
        with on_gpu(policy):
            logits = [_logits(policy, of_batch, pad) for of_batch in chosen]
        with on_gpu(sft):
            for batch, of_batch, ours in zip(several, chosen, logits, strict=True):
                total[batch] = _summed_kl(ours, _logits(sft, of_batch, pad), of_batch, pad)
    return total


def _logits(model: Any, rows: Sequence[tuple[list[int], list[int]]], pad: int) -> torch.Tensor:
    """Return the logits of each next token, [N, T − 1, V]."""
    ids, mask, _ = padded(rows, pad, model.device)
    logits: torch.Tensor = model(input_ids=ids, attention_mask=mask).logits[:, :-1]
    return logits


def _summed_kl(
    ours: torch.Tensor, theirs: torch.Tensor, rows: Sequence[tuple[list[int], list[int]]], pad: int
) -> Floats:
    """Return Σ_t KL(ours ‖ theirs) over the answers' tokens, [N], nats."""
    _, _, of_answer = padded(rows, pad, ours.device)
    logp, other = (torch.log_softmax(logits.float(), -1) for logits in (ours, theirs))
    by_token = (logp.exp() * (logp - other)).sum(-1)
    found: Floats = (by_token * of_answer[:, 1:]).sum(1).double().cpu().numpy()
    return found


def _distinct(samples: Sequence[Sample], options: Measures) -> dict[str, float]:
    """Return each prompt's distinct meanings over its samples; an empty answer is one meaning."""
    by_prompt: dict[str, list[Sample]] = {}
    for sample in samples:
        by_prompt.setdefault(sample.prompt_id, []).append(sample)
    if options.nli is None:
        return {
            key: len({" ".join(sample.text.lower().split()) for sample in rows}) / len(rows)
            for key, rows in by_prompt.items()
        }
    answers = [_answers(key, rows) for key, rows in by_prompt.items()]
    speaking = [answered for answered in answers if len(answered.texts) > 1]
    pairs = plan_pairs(speaking)
    scorer = NliScorer(locate(options.nli), Options(), options.nli.labels)
    entailment = scorer(pairs, no_progress)
    found = {answered.row["prompt_id"]: float(len(answered.texts)) for answered in answers}
    for spoken in speaking:
        entail, contradict = cubes(spoken, entailment)
        clusters = meaning.meaning_clusters(
            between_answers(spoken, entail), between_answers(spoken, contradict)
        )
        found[spoken.row["prompt_id"]] = float(meaning.number_of_clusters(clusters))
    empty = {
        answered.row["prompt_id"]: answered.n_samples > len(answered.texts) for answered in answers
    }
    return {key: (n + empty[key]) / len(by_prompt[key]) for key, n in found.items()}


def _answers(prompt_id: str, rows: Sequence[Sample]) -> Answers:
    """Return a prompt's non-empty answers in the form that scoring takes."""
    first = rows[0]
    texts = [sample.text for sample in rows if sample.text]
    axis = "sentiment" if first.mode == Mode.COMPLETION else "helpfulness"  # no claims, or some
    messages = [{"role": "user", "content": first.question}]
    row = {"prompt_id": prompt_id, "messages": messages, "context": None, "axis": axis}
    unknown = [float("nan")] * len(texts)
    return Answers(row, list(range(len(texts))), texts, unknown, unknown, len(rows))


def _figures(table: pl.DataFrame, options: Measures) -> Fresh:
    by_prompt = table.group_by("prompt_id", maintain_order=True).agg("text", "distinct")
    alike = [1.0 - float(semantic.lexical(texts).mean()) for texts in by_prompt["text"]]
    tokens = float(table["n_tokens"].sum())
    spoken = table.filter(pl.col("mode") == Mode.CHAT)["text"].to_list()
    return Fresh(
        prompts=len(by_prompt),
        samples=options.samples,
        kl=float(table["kl"].to_numpy().mean()),
        kl_per_token=float(table["kl"].sum()) / tokens,
        length=tokens / len(table),
        ended=float(table["ended"].to_numpy().mean()),
        distinct=float(np.mean([shares[0] for shares in by_prompt["distinct"]])),
        self_similarity=float(np.mean(alike)),
        refuses=float(np.mean([is_refusal(text) for text in spoken])) if spoken else None,
    )
