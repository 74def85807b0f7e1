"""An engine of your own: it gives the question back, begun at a word that the seed decides."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from udasa_data.config import Sampling, resolve
from udasa_data.engines import Completion, PolicyPrompt, SetAside
from udasa_data.prompts import load_prompts
from udasa_data.sampling import sample_shards
from udasa_data.scorers import Floats


class Echo:
    """Answers with the question's own words."""

    name = "echo"
    streams = True  # takes prompts one by one
    notes: tuple[str, ...] = ()

    def sample(
        self, prompts: Iterable[PolicyPrompt], params: Sampling, on_prompts: Callable[[int], None]
    ) -> Iterator[tuple[int, list[Completion] | SetAside]]:
        """Yield each prompt's number and its K answers."""
        for number, prompt in enumerate(prompts):
            yield number, [self._say(prompt, prompt.seed + k) for k in range(params.samples)]
            on_prompts(1)

    def _say(self, prompt: PolicyPrompt, seed: int) -> Completion:
        words = prompt.turns[-1][1].split()
        first = seed % len(words)
        text = " ".join(words[first:] + words[:first])
        return Completion(text, len(words) + 1, None, "stop", seed)  # None: no log-probability

    def choice_logprobs(self, prompts: Sequence[PolicyPrompt], choices: Sequence[str]) -> Floats:
        """Return NaN: it cannot be asked about choices."""
        return np.full((len(prompts), len(choices)), np.nan)

    def close(self) -> None:
        """Hold nothing, give nothing back."""


config = resolve("tiny", {"sampling": {"samples": 4}})
prompts = load_prompts(config.prompts, limit=2, seed=6, commits={}).prompts
for shard, made in sample_shards([(0, prompts)], Echo(), config, lambda _n: None):
    for row in made.samples.iter_rows(named=True):
        print(f"shard {shard}, sample {row['sample_id']}: {row['text']}")
