"""In distilabel's environment, timed from outside: the same prompts, model, K and length."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    """Draw the job's answers with a pipeline of one step, as distilabel's documentation has it."""
    from distilabel.models import TransformersLLM  # type: ignore[import-not-found]
    from distilabel.pipeline import Pipeline  # type: ignore[import-not-found]
    from distilabel.steps import LoadDataFromDicts  # type: ignore[import-not-found]
    from distilabel.steps.tasks import TextGeneration  # type: ignore[import-not-found]

    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sampling = job["flags"]["sampling"]
    with Pipeline(name="generation") as pipeline:
        load = LoadDataFromDicts(data=[{"instruction": text} for text in job["texts"]])
        generate = TextGeneration(
            llm=TransformersLLM(
                model=job["model"],
                generation_kwargs={
                    "max_new_tokens": sampling["max_tokens"],
                    "temperature": 1.0,
                    "top_p": sampling["top_p"],
                    "do_sample": True,
                },
            ),
            num_generations=sampling["samples"],
            group_generations=True,
            input_batch_size=job["batch"],
        )
        load >> generate
    rows = pipeline.run(use_cache=False)["default"]["train"]
    answers = [answer for row in rows for answer in row["generation"]]
    assert len(answers) == len(job["texts"]) * sampling["samples"], len(answers)
    print(json.dumps({"answers": len(answers), "characters": sum(len(a or "") for a in answers)}))


if __name__ == "__main__":
    main()
