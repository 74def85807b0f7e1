"""The dataset card: YAML that ``datasets`` reads, and a page that people read."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Any, Final

import msgspec
import polars as pl
import yaml

from udasa_data.config import to_yaml
from udasa_data.engines import TEMPLATE_NOTE
from udasa_data.pairing import ReviewSummary, confound_rows
from udasa_data.publish.card_tables import (
    dimensions,
    dropped,
    made,
    scorers,
    splits,
    stage_dimensions,
    stages,
)
from udasa_data.publish.examples import examples
from udasa_data.publish.front_matter import front_matter
from udasa_data.publish.licence import UNKNOWN, Licences
from udasa_data.publish.markdown import block, code, inline, table
from udasa_data.publish.spoken import languages_of
from udasa_data.publish.suites import Contamination
from udasa_data.runs import Loadable, Manifest, answers_were_given, loadable
from udasa_data.schema import Stage

_PLAIN_TRL: Final = "TRL's `DPOTrainer` takes a stage as it is."


@dataclass(frozen=True)
class CardFacts:
    """What a card shows.

    Attributes:
        manifest: of the dataset, with its files and figures.
        pairs: the staged pairs.
        samples: every sample; ``prompt_id, sample_id, n_tokens`` are read.
        licences: of the model and the prompts.
        contamination: against evaluation suites.
        repo_id: where it is pushed to; None for a folder.
    """

    manifest: Manifest
    pairs: pl.DataFrame
    samples: pl.DataFrame
    licences: Licences
    contamination: Contamination
    repo_id: str | None = None


def card(facts: CardFacts) -> str:
    """Return the README.md of a dataset."""
    manifest = facts.manifest
    config, counts = manifest.config, manifest.counts
    template = Template(files("udasa_data.publish").joinpath("card.md").read_text(encoding="utf-8"))
    place = facts.repo_id or "PATH_OR_REPO"
    loads = loadable(manifest.files.values()) or Loadable(str(Stage.CONSERVATIVE), "train")
    body = template.substitute(
        answers_of=_answers_of(manifest),
        answered=_answered(manifest),
        place=place,
        loaded_config=loads.config,
        loaded_split=loads.split,
        trained=_trained(manifest, facts.pairs),
        reviewed=_reviewed(manifest),
        n_pairs=f"{counts.pairs:,}",
        held_out=f"{manifest.held_out:.0%}",
        stages=stages(facts.pairs, facts.samples),
        stage_dimensions=stage_dimensions(facts.pairs),
        factual_note="The factual dimension applies to answers that assert something checkable, "
        "and not to reviews.",
        splits=splits(manifest),
        made=made(manifest),
        scorers=scorers(manifest),
        dimensions=dimensions(manifest),
        examples=examples(facts.pairs),
        confounds=table(("what", "figure"), confound_rows(manifest.confounds)),
        dropped=dropped(manifest),
        contamination=_contamination(facts.contamination, counts.prompts),
        notes="\n".join(f"- {inline(note)}" for note in manifest.notes),
        licence=_licence(facts.licences),
        rebuild=_rebuild(manifest, facts.repo_id),
        rebuild_notes=_rebuild_notes(manifest),
        config=block(to_yaml(config).rstrip(), "yaml"),
        figures_stages=_pictures(manifest, "gaps"),
        figures_scores=_pictures(manifest, "uncertainty"),
        figures_confounds=_pictures(manifest, "lengths", "correlation"),
        figures_dropped=_pictures(manifest, "dropped"),
    )
    spoken = languages_of(facts.pairs, config.scoring.language)
    front = front_matter(manifest, facts.licences, spoken)
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n{body}"


def _trained(manifest: Manifest, pairs: pl.DataFrame) -> str:
    """Return what trains on a stage: TRL alone only where it reads what was said."""
    sides = ("reasoning_chosen", "reasoning_rejected")
    thought = pl.any_horizontal(pl.col(s).fill_null("").str.strip_chars() != "" for s in sides)
    thoughts = len(pairs.filter(thought))
    asked = manifest.config.sampling.chat_template_kwargs
    lines = []
    if asked:
        lines.append(f"Sampled under the chat template with {code(json.dumps(asked))}.")
    if thoughts:
        lines.append(
            f"In {thoughts:,} pairs the model thought before it answered (`reasoning_*`): TRL's "
            "`DPOTrainer` would train on the answers alone, `udasa-train` trains on all that was "
            "said."
        )
    elif any(TEMPLATE_NOTE in note for note in manifest.notes):
        lines.append(
            "TRL's `DPOTrainer` would train on other text than was said, as the notes tell: "
            "`udasa-train` does not."
        )
    return " ".join([*lines, *([] if len(lines) > bool(asked) else [_PLAIN_TRL])])


def _reviewed(manifest: Manifest) -> str:
    """Return what people said of the pairs, as a section; "" where nobody was asked."""
    if not (recorded := manifest.made_from.get("review")):
        return ""
    review = msgspec.convert(recorded, ReviewSummary)
    header = ("stage before", "decided", "people agree", "expected", "taken out")
    return (
        "## Reviewed by people\n\nPairs in which people called one answer the better one are taken "
        "as sure: `p_chosen_better` is 1, and the column `review` says whether they approved the "
        "pair or flipped it. Pairs that they rejected are in `dropped` (`reviewed`).\n\n"
        f"{table(header, review.rows)}\n\n`expected` is the mean `p_chosen_better` before; "
        "intervals are Wilson's, 95%.\n"
    )


def _answers_of(manifest: Manifest) -> str:
    model = inline(manifest.config.model)
    return f"the answers of {model}" if answers_were_given(manifest) else f"{model}'s own answers"


def _answered(manifest: Manifest) -> str:
    """Return who answered how many prompts how often, as a clause."""
    config, prompts = manifest.config, f"{manifest.counts.prompts:,} prompts"
    if answers_were_given(manifest):
        answers = f"{manifest.counts.samples:,} answers"
        return f"{answers} to {prompts}, as a file by the name of {code(config.policy.id)} has them"
    times = config.sampling.samples
    return f"the policy {code(config.policy.id)} answered\n{prompts} {times} times each"


def _contamination(found: Contamination, prompts: int) -> str:
    parts = []
    if found.checked:
        parts.append(
            f"Prompts of this dataset ({prompts:,}) that share {found.n_words} words in a row with "
            "a prompt of the suite (or are the same, where one is shorter). None was removed."
        )
        rows = [(inline(o.suite), f"{o.suite_prompts:,}", f"{o.found:,}") for o in found.checked]
        parts.append(table(("suite", "its prompts", "found here"), rows))
    if found.not_checked:
        parts.append(f"Not checked: {', '.join(map(inline, found.not_checked))}.")
    return "\n\n".join(parts)


def _licence(licences: Licences) -> str:
    rows = [
        (inline(source.what), inline(source.name or source.identifier), inline(source.stated))
        for source in licences.sources
    ]
    meaning = {
        True: "**Unknown**, since that of a source is: find out before you use this dataset.",
        False: f"`{'`, `'.join(licences.identifiers)}`, from what it is made of; where the sources "
        "differ, the terms of each hold.",
    }[licences.identifiers == (UNKNOWN,)]
    return f"{meaning}\n\n{table(('source', 'licence', 'read from'), rows)}"


def _rebuild(manifest: Manifest, repo_id: str | None) -> str:
    version = manifest.versions.get("udasa", "")
    lines = [f"# udasa {version}"]
    origin = manifest.made_from.get("origin", {})
    if merged := origin.get("merged"):
        runs = " ".join(_source(run) for run in merged)
        return "\n".join([*lines, f"udasa-data merge {runs} --out runs/again"])
    if repo_id:
        lines.append(f"hf download {repo_id} config.yaml --repo-type dataset --local-dir .")
    start = f"--from {_source(origin)} " if origin else ""
    if answers_were_given(manifest):
        file, by = manifest.config.prompts[0], manifest.config.model
        start = f"--answers {shlex.quote(file)} --model {shlex.quote(by)} "
    return "\n".join([*lines, f"udasa-data build {start}--config config.yaml --out runs/again"])


def _source(origin: Mapping[str, Any]) -> str:
    """Return what ``--from`` takes: a Hub dataset at its commit, or a run as it was named."""
    place, commit = str(origin["from"]), origin.get("commit")
    return shlex.quote(f"{place.partition('@')[0]}@{commit}" if commit else place)


def _rebuild_notes(manifest: Manifest) -> str:
    commits = {
        place: commit
        for place, commit in manifest.made_from.get("prompt_commits", {}).items()
        if commit != "local"
    }
    notes = ["`config.yaml` has every option, with the models at the commits that were used."]
    if manifest.made_from.get("origin"):
        notes.append("Its samples are those of the dataset or runs that the command names.")
    if commits:
        read = ", ".join(f"{code(place)} at {code(commit)}" for place, commit in commits.items())
        notes.append(f"Prompts were read from {read}.")
    return " ".join(notes)


def _pictures(manifest: Manifest, *names: str) -> str:
    shown = []
    for name in names:
        path = f"figures/{name}.png"
        if path in manifest.figures:
            record = manifest.figures[path]
            shown.append(f"![{record.alt}]({path})\n\n*{record.title}.*")
    return "\n\n".join(shown)
