"""What a build is made from: prompts read, models pinned, every artifact's key known."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import polars as pl

from udasa_data.config import BuildConfig, ModelRef, principles_of, to_yaml
from udasa_data.engines import choose_engine
from udasa_data.errors import UserError
from udasa_data.pipeline.ingredients import dataset_key, rows_key, sampled_from, scored_with
from udasa_data.pipeline.rereading import read_before, reading_key, record_of
from udasa_data.pipeline.trials import template_note, try_system_prompt
from udasa_data.preflight import Asked, Checked, check_build
from udasa_data.prompts import LoadedPrompts, fingerprint, load_prompts, parse_source
from udasa_data.runs import (
    CODE,
    DamagedShardError,
    Parts,
    PolicyRecord,
    Run,
    Shards,
    code_hash,
    differing,
    key_of,
)
from udasa_data.schema import DROPPED, SAMPLES, empty, require
from udasa_data.storage import Located, locate, served

# of a finished run; one that is not as it was written is made again
_PARTS: Final = (
    *("config.yaml", "calibration.json", "prompts.parquet", "pairs.parquet", "dropped.parquet"),
    "dataset",
)
_VERSIONS: Final = ("udasa", "torch", "transformers", "datasets", "polars", "numpy")


class Prepared:
    """A build before its first step.

    Attributes:
        config: resolved.
        run: its directory.
        loaded: the prompts, and the rows left out of them.
        models: every model of the run, located and pinned, by id.
        principles: that the policy is asked about as judge; none without a judge.
        inputs: all that decides the samples, by the name a user knows it by.
        keys: of the three artifacts: samples, scores, dataset.
        shards, parts: of the two sharded steps; of shards of samples that are not whole.
        template_note: what :meth:`try_template` found.
    """

    def __init__(self, config: BuildConfig, run: Run) -> None:
        self.config = config
        self.run = run
        self.template_note: str | None = None
        self._reading: str | None = None  # key of what decides the prompts that are read
        self._rows = ""  # key of their rows
        self._checked = self._check()
        self.principles = principles_of(config.judge) if config.judge else ()
        self.commits = self._commits()
        self.loaded = self._load()
        self.engine, self.engine_reason = self._engine()
        self.models = self._locate()
        self.inputs = self._inputs()
        samples_key = key_of(self.inputs)
        scores_key = self._scores_key(samples_key)
        self.keys = {
            "samples": samples_key,
            "scores": scores_key,
            "dataset": dataset_key(config, scores_key, self.loaded.dropped),
        }
        n_shards = -(-len(self.loaded.prompts) // config.shard_size)
        self.shards = {
            step: Shards(run, step, self.keys[step], n_shards) for step in ("samples", "scores")
        }
        self.parts = Parts(run, samples_key)

    def _asked(self) -> Asked:
        """Return what is loaded and read: what an earlier start pinned is not looked at again."""
        manifest = self.run.manifest
        known = {**manifest.get("models", {}), **manifest.get("prompt_commits", {})}
        return Asked(known=frozenset(known))

    def _check(self) -> Checked:
        """Look at all that will be needed.

        Raises:
            UserError: something is wrong; has a line for each fault.
        """
        checked = check_build(self.config, self._folder(), self._asked())
        checked.report.require()
        return checked

    def _folder(self) -> Path | None:
        """Return where the run will be on this machine; None where it will not be."""
        return self.run.root if isinstance(self.run.root, Path) else None

    def _commits(self) -> dict[str, str]:
        """Return the commit of each source: as recorded when the run started, else as of now."""
        known = {**self._checked.commits, **self.run.manifest.get("prompt_commits", {})}
        sources = [parse_source(text) for text in self.config.prompts]
        return {s.place: known.get(s.place) or fingerprint(s) for s in sources}

    @property
    def answered(self) -> PolicyRecord | None:
        """Who answered, where the answers are there already; None: the policy answers here."""
        return None

    @property
    def reuses_scores(self) -> bool:
        """Whether the answers come scored, and as this configuration scores them."""
        return False

    def bring_samples(self) -> None:
        """Write the shards of answers that are there already; here none are."""

    def _engine(self) -> tuple[str, str]:
        """Return what samples, and why: as recorded when the run started, else as of now."""
        began = self.run.manifest.get("engine")
        return choose_engine(self.config, (began["name"], began["reason"]) if began else None)

    def _load(self) -> LoadedPrompts:
        self._reading = reading_key(self.config, self.commits)
        if before := read_before(self.run, self._reading):
            self._rows = before.rows
            return before.loaded
        config, rows = self.config, self._checked.rows
        self._checked = self._checked._replace(rows={})  # they are not held twice
        loaded = load_prompts(
            config.prompts,
            limit=config.limit,
            seed=config.seed,
            commits=self.commits,
            near_duplicates=config.near_duplicates,
            read=rows,
        )
        self._rows = rows_key(loaded.prompts)
        return loaded

    def _scores_key(self, samples_key: str) -> str:
        made = scored_with(self.config, self.models, self.principles)
        return key_of(samples_key, made, code_hash(CODE["scores"]))

    def _locate(self) -> dict[str, Located]:
        """Pin every model: a Hub revision as recorded when the run started, else as of now."""
        known = self._known_models()
        config = self.config
        refs: list[ModelRef] = [*config.scorer_refs]
        if config.server is None:
            refs = [config.policy, *refs]
        located = {ref.id: locate(ref, known.get(_name(ref))) for ref in dict.fromkeys(refs)}
        if config.server is not None:
            located[config.policy.id] = served(config.policy.id, config.server.base_url)
        return located

    def _known_models(self) -> dict[str, str]:
        return {**self._checked.fingerprints, **self.run.manifest.get("models", {})}

    def _inputs(self) -> dict[str, Any]:
        return sampled_from(self.config, self._rows, self.models, self.engine)

    @property
    def read(self) -> dict[str, Any]:
        """What a finished run's manifest says of its prompts, for the next start."""
        return record_of(self._reading, self.loaded, self._rows)

    def refuse_another_run(self) -> None:
        """Raise a UserError when the directory holds something else.

        Raises:
            UserError: samples made from something else, or files that are not ours.
        """
        self.run.claim()
        old = self.run.manifest.get("sampled_from")
        if old is None:
            return
        if differences := differing(old, self.inputs):
            raise UserError(
                f"{self.run.root} holds a run that differs in: {'; '.join(differences)}. "
                "Give another --out, or delete that directory"
            )

    def try_system_prompt(self) -> None:
        """Try the system prompt before anything is written; a server knows its own template.

        Raises:
            UserError: the chat template does not take it; names the option.
        """
        if self.shards["samples"].missing():
            policy = self.models[self.config.policy.id]
            try_system_prompt(self.config, self.loaded.prompts, policy)

    def try_template(self) -> None:
        """Note where the chat template has other text trained on than is said; not a server's.

        What an earlier start noted holds where all answers are there already.
        """
        noted = self.run.manifest.get("notes", {})
        if "template" in noted and not self.shards["samples"].missing():
            self.template_note = next(iter(noted["template"]), None)
        elif self.answered is None:
            policy, pair = self.models[self.config.policy.id], self._checked.pair
            self.template_note = template_note(self.config, self.loaded.prompts, policy, pair)

    def is_finished(self) -> bool:
        """Return whether the directory holds this very build, whole."""
        made = self.run.manifest.get("finished") == self.keys["dataset"]
        return made and all(self.run.is_whole(name) for name in _PARTS)

    def discard(self, damaged: DamagedShardError) -> None:
        """Delete a damaged shard, and of samples the scores, too, which others may not fit."""
        self.shards[damaged.step].remove(damaged.number)
        self.shards["scores"].remove(damaged.number)

    def shard_of_prompts(self, number: int) -> pl.DataFrame:
        """Return the prompts of a shard."""
        return self.loaded.prompts.slice(number * self.config.shard_size, self.config.shard_size)

    def write_samples(self, samples: pl.DataFrame) -> None:
        """Write answers that are there already as the shards that are missing.

        Args:
            samples: as ``schema.SAMPLES``; the answers to a prompt stand together.
        """
        shards, found = self.shards["samples"], require(samples, SAMPLES, "samples")
        for number in shards.missing():
            of_shard = self.shard_of_prompts(number).select("prompt_id")
            shards.write(number, found.join(of_shard, "prompt_id", "semi"), empty(DROPPED))

    def record(self) -> None:
        """Write the resolved configuration, the prompts and what they were made from."""
        run = self.run
        self._write_inputs()
        old = run.manifest.get("keys", {})
        kept = {step for step, key in self.keys.items() if old.get(step) == key}
        for section in ("steps", "notes"):  # of a step made anew, nothing old is kept
            entries = run.manifest.get(section, {})
            run.manifest[section] = {step: entries[step] for step in entries if step in kept}
        run.manifest["notes"]["template"] = [self.template_note] if self.template_note else []
        run.save_manifest(**self._facts())

    def join(self) -> bool:
        """Record the run unless it is recorded, as one of several processes.

        Returns:
            False when another process recorded it since this one looked.
        """
        if self.run.manifest:
            return True
        if not self.run.start_manifest(**self._facts()):
            return False
        self._write_inputs()
        return True

    def _write_inputs(self) -> None:
        self.run.write_text("config.yaml", to_yaml(self.config))
        if not self.run.is_whole("prompts.parquet"):
            self.run.write_table("prompts.parquet", self.loaded.prompts)

    def _facts(self) -> dict[str, Any]:
        refs = [self.config.policy, *self.config.scorer_refs]
        noted = self.run.manifest.get("notes", {})
        stand_ins = [found.note for found in self.models.values() if found.note]
        return {
            "sampled_from": self.inputs,
            "keys": self.keys,
            "prompt_commits": self.commits,
            "models": {_name(ref): self.models[ref.id].fingerprint for ref in refs},
            "engine": {"name": self.engine, "reason": self.engine_reason},
            "principles": {rule.id: rule.statement for rule in self.principles},
            "code": {step: code_hash(names) for step, names in CODE.items()},
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in _VERSIONS},
            },
            "notes": {**noted, "prompts": list(self.loaded.notes), "models": stand_ins},
            "finished": None,
        }


def _name(ref: ModelRef) -> str:
    return f"{ref.id}@{ref.revision}"
