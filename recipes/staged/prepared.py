"""What a staged DPO run is made from: model and data pinned, rows rendered, guards passed."""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from udasa_data.config import ReasoningOption
from udasa_data.engines import Thoughts, own_system_prompt, says_itself
from udasa_data.errors import UserError
from udasa_data.runs import key_of
from udasa_data.schema import Stage
from udasa_data.storage import Located, locate

from . import guards
from .config import Recipe, options_of
from .data import Source, Split, load_split, open_source
from .launched import rounding
from .ledger import Ledger, PolicyRecord, Record
from .mixture import Rendered, render
from .origin import came_from, first_policies
from .rendering import BuiltWith, Renderer, end_ids, load_tokenizer, template_sha256
from .stage_options import StageOptions

_VERSIONS: Final = ("udasa", "torch", "transformers", "trl", "peft", "accelerate", "datasets")
# how a run is carried out, not what comes of it: may change between two starts
_OPERATIONAL: Final = (
    *("device_batch", "gradient_checkpointing", "save_every", "keep_stages", "report_to"),
)
# losses of what one device reads at a time, not of each pair: sorted there, or a mean over tokens
_OF_A_BATCH: Final = frozenset({"aot", "aot_unpaired", "sft"})
_STAGES: Final = tuple(stage.value for stage in Stage)


class Prepared:
    """A run before its first stage.

    Args:
        recipe: the configuration.
        place: the dataset: a folder, or a Hub id.
        out: the folder of the trained policy, and of all that led to it.

    Attributes:
        policy: the SFT policy, located and pinned.
        before: the runs that it came from.
        source: the dataset, pinned.
        splits: by configuration; those of the order, and the other stages where there are any.
        rendered: the training rows of each stage of the order.
        tests: the held-out rows of every stage that has some.
        notes: facts that a user should know.

    Raises:
        UserError: a guard does not hold, or something cannot be loaded.
    """

    def __init__(self, recipe: Recipe, place: str, out: Path) -> None:
        self.recipe = recipe
        self.ledger = Ledger(out)
        earlier = self.ledger.record  # what was pinned then stays pinned
        self.policy: Located = locate(
            recipe.policy, earlier.policy.fingerprint if earlier else None
        )
        self.before = earlier.before if earlier else came_from(self.policy)
        commit = earlier.inputs["dataset commit"] if earlier else None
        self.source: Source = open_source(place, commit or recipe.revision)
        self.notes: list[str] = [self.policy.note] if self.policy.note else []
        self.splits = self._load()
        self.tokenizer = load_tokenizer(self.policy)
        self.own_template = template_sha256(self.tokenizer)
        self.notes += self._compare()
        self.built_with = self._built_with()
        self.renderer = Renderer(
            self.tokenizer, end_ids(self.policy, self.tokenizer), self.built_with
        )
        guards.check_splits(list(self.splits.values()))
        self.tests = {
            name: self._render(name, self.splits[name].test)
            for name in _STAGES
            if name in self.splits and len(self.splits[name].test)
        }
        self.tests = {name: test for name, test in self.tests.items() if test.encoded}
        self.rendered = {name: self._render(name, self.splits[name].train) for name in recipe.order}
        for name, stage in self.rendered.items():  # all are checked before the first is trained
            guards.check_tokenised(stage.counts, recipe.thresholds, f"{place}, {name}")
        self.notes += [*self._adds_system_prompt(), *self._rewritten()]

    def _built_with(self) -> BuiltWith:
        """Return how the build asked its policy, as far as the dataset's manifest says."""
        manifest, recipe = self.source.manifest, self.recipe
        config = manifest.config if manifest else {}
        sampling = config.get("sampling", {})
        own: dict[str, Any] = sampling.get("chat_template_kwargs", {})
        option = msgspec.convert(sampling.get("reasoning", "auto"), ReasoningOption)
        return BuiltWith(
            config.get("system_prompt"),
            own if recipe.chat_template_kwargs is None else recipe.chat_template_kwargs,
            Thoughts(option),
            recipe.reasoning == "keep",
        )

    def _adds_system_prompt(self) -> list[str]:
        """Say what the chat template puts before every prompt, here as in the build."""
        own = own_system_prompt(self.tokenizer, self.built_with.template_options)
        if own is None or self.built_with.system_prompt is not None:
            return []
        return [f"the chat template of {self.policy.name} {says_itself(own)}"]

    def _rewritten(self) -> list[str]:
        """Say once where the chat template would have other text trained on than was said."""
        rows = pl.concat([stage.rows for stage in self.rendered.values()]).iter_rows(named=True)
        made = next(filter(None, map(self.renderer.rewriting, rows)), None)
        if made is None:
            return []
        note = (
            f"the chat template of {self.policy.name} {made}: what was said is trained on, between "
            "prompt and end token, and not what the template makes of it"
        )
        return [note]

    def _load(self) -> dict[str, Split]:
        found: dict[str, Split] = {}
        for name in dict.fromkeys([*self.recipe.order, *_STAGES]):
            try:
                found[name] = load_split(self.source, name)
            except UserError as error:
                if name in self.recipe.order:  # the others are only measured on
                    raise
                self.notes.append(f"stage '{name}' is not measured: {error}")
        return found

    def _render(self, name: str, table: pl.DataFrame) -> Rendered:
        limit = options_of(self.recipe, name).max_length
        completion = self.recipe.completion_rows == "train"
        return render(table, self.renderer, limit, completion=completion)

    def _compare(self) -> list[str]:
        """Compare the policy with the one that the dataset was sampled from."""
        place, manifest = self.source.place, self.source.manifest
        if manifest is None or not manifest.policy.fingerprint:
            return [f"{place} has no manifest: whether it is this policy's own is not known"]
        guards.check_template(manifest.policy.chat_template_sha256, self.own_template, place)
        if manifest.policy.fingerprint in first_policies(self.before):
            return []  # as the later stages of one run are: by pairs of the policy it began with
        warning = guards.off_policy(manifest.policy.fingerprint, self.policy.fingerprint)
        return [warning] if warning else []

    def held_out(self) -> dict[str, str]:
        """Return the key of every held-out prompt → the configuration that holds it out."""
        return {
            key: name
            for name, split in self.splits.items()
            for row in split.test.iter_rows(named=True)
            for key in guards.keys(row)
        }

    def fresh_prompts(self) -> pl.DataFrame:
        """Return the held-out rows to sample from: each prompt once, in the order of their ids."""
        if not self.tests:
            return pl.DataFrame()
        rows = pl.concat([test.rows for test in self.tests.values()])
        return rows.unique("prompt_id").sort("prompt_id").head(self.recipe.measures.prompts)

    @cached_property
    def config(self) -> Any:
        """The policy's own configuration, of ``transformers``."""
        from transformers import AutoConfig

        return AutoConfig.from_pretrained(self.policy.load_from, **self.policy.load_kwargs)

    def rows_key(self, options: StageOptions) -> str:
        """Return what decides cached rows beside texts and weights: tokens, and how is rounded.

        The reference's log-probabilities lie with the rows. Rounded otherwise than the policy's,
        they would move the first step's loss away from ln 2.
        """
        tokenizer = self.tokenizer
        tokens = (tokenizer.backend_tokenizer.to_str(), tokenizer.pad_token, options.max_length)
        return key_of(*tokens, rounding(self.config), options.trl.ld_alpha)

    def inputs(self) -> dict[str, Any]:
        """Return all that decides the run, flat, by the name a user knows it by."""
        plain: dict[str, Any] = msgspec.to_builtins(self.recipe)
        for name in ("dataset", "revision", "policy", *_OPERATIONAL):
            plain.pop(name)
        losses = {loss for name in self.recipe.order for loss in options_of(self.recipe, name).loss}
        if losses & _OF_A_BATCH:
            plain["device_batch"] = self.recipe.device_batch
        prints = {name: split.fingerprint for name, split in self.splits.items()}
        return {
            "policy": self.recipe.policy.id,
            "policy weights": self.policy.fingerprint,
            "dataset rows": key_of(prints),
            "dataset commit": self.source.commit,
            **{
                name: key_of(value) if isinstance(value, dict) else value
                for name, value in plain.items()
            },
        }

    def record(self, sft_sha256: str) -> Record:
        """Return the record of a run that has done nothing yet."""
        manifest = self.source.manifest
        data: dict[str, Any] = {"repo": self.source.place, "revision": self.source.commit}
        if manifest:
            data |= {"scorers": manifest.scorers, "policy": msgspec.to_builtins(manifest.policy)}
        if self.built_with.template_options:  # an evaluation asks in the same way
            data["chat_template_kwargs"] = dict(self.built_with.template_options)
        policy = self.policy
        return Record(
            inputs=msgspec.json.decode(msgspec.json.encode(self.inputs())),
            policy=PolicyRecord(
                self.recipe.policy.id, policy.commit, policy.fingerprint, sft_sha256
            ),
            chat_template_sha256=self.own_template,
            training_data=[data],
            config=msgspec.to_builtins(self.recipe),
            versions={name: version(name) for name in _VERSIONS},
            notes=self.notes,
            before=self.before,
        )
