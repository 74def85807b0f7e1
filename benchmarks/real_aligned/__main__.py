"""Goes the way, step by step; a step that is done is not done again."""

from __future__ import annotations

from pathlib import Path

from benchmarks.paths import ROOT, require_data
from benchmarks.real_aligned.page import write_page
from benchmarks.real_aligned.server import JudgeServer
from benchmarks.real_aligned.steps import Steps
from benchmarks.subjects import parser

SOURCES = (
    "harmlessness=xstest/prompts.parquet",
    "truthfulness=qa/triviaqa_sample.parquet",
    "helpfulness=dolly/dolly_3k.parquet#instruction",
    "sentiment=sst5/sst_sentences.parquet#sentence",
)
HERE = Path(__file__).parent


def main() -> None:
    """Build, report, evaluate, train, evaluate again, compare, and write the page."""
    options = parser("real_aligned")
    options.add_argument("--policy", type=Path, required=True, help="folder of a chat model")
    options.add_argument("--judge", type=Path, required=True, help="folder of a larger one")
    options.add_argument("--out", type=Path, default=ROOT / "runs" / "real-aligned")
    options.add_argument("--prompts", type=int, default=300)
    options.add_argument("--page", type=Path, default=ROOT / "docs" / "real.md")
    options.add_argument(
        "--server-python",
        default=str(ROOT / ".venv-vllm" / "bin" / "python"),
        help="of the environment that vLLM is in (make setup-vllm)",
    )
    arguments = options.parse_args()
    policy, out = arguments.policy.resolve(), arguments.out.resolve()
    steps = Steps(out)
    _build(steps, policy, out, arguments.prompts)
    server = arguments.server_python, arguments.judge.resolve(), out
    _evaluate(steps, "evaluate before", policy, out / "before", server)
    recipe = ["--config", HERE / "staged_dpo.yaml", "--set", f"policy.id={policy}"]
    data = ["--data", out / "build" / "dataset", "--out", out / "policy"]
    steps.run("train", "udasa_recipes", "dpo", *recipe, *data)
    _evaluate(steps, "evaluate after", out / "policy", out / "after", server)
    runs = [out / "after", out / "before"]
    steps.run("compare", "udasa_eval", "compare", *runs, "--json", keep="compare.json")
    board = ["--out", out / "board"]
    steps.run("leaderboard", "udasa_eval", "leaderboard", *reversed(runs), *board)
    write_page(arguments.page, out, policy, arguments.judge.resolve(), steps)


def _build(steps: Steps, policy: Path, out: Path, prompts: int) -> None:
    data = require_data()
    sources = (source.partition("=") for source in SOURCES)
    asked = [word for axis, _, place in sources for word in ("--prompts", f"{axis}={data / place}")]
    config = ["--config", HERE / "build.yaml", "--scorers", "tiny", "--limit", prompts]
    build = ["--model", policy, *config, *asked, "--out", out / "build"]
    steps.run("build", "udasa_data", "build", *build)
    steps.run("report", "udasa_data", "report", out / "build")


def _evaluate(
    steps: Steps, name: str, model: Path, out: Path, server: tuple[str, Path, Path]
) -> None:
    """Evaluate a model, the judge's server up for as long as that takes."""
    if steps.is_done(name):
        return
    with JudgeServer(*server) as judges:
        asked = ["--suite", "tiny", "--judges", judges, "--out", out]
        steps.run(name, "udasa_eval", "run", "--model", model, *asked)


if __name__ == "__main__":
    main()
