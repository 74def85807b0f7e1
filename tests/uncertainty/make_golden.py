"""Writes golden/lm_polygraph.json: what lm-polygraph 0.7.0 computes on fixed random inputs.

python tests/uncertainty/make_golden.py   (downloads the wheel; needs numpy and scipy alone)

Its estimator modules are loaded one by one: the package itself wants far more than it needs here.
"""

import importlib
import json
import subprocess
import sys
import tempfile
import types
import zipfile
from pathlib import Path

import numpy as np

VERSION = "0.7.0"
OUT = Path(__file__).parent / "golden" / "lm_polygraph.json"


def estimators(folder):
    """Import the estimator modules from the unpacked wheel, without the package's own __init__."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
    subprocess.run([*command, f"lm-polygraph=={VERSION}"], check=True)
    with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    for name in ("lm_polygraph", "lm_polygraph.estimators", "lm_polygraph.utils"):
        package = types.ModuleType(name)
        package.__path__ = [str(Path(folder, *name.split(".")))]
        sys.modules[name] = package
    registry = types.ModuleType("lm_polygraph.utils.common")
    registry.polygraph_module_init = lambda init: init  # only notes the arguments
    sys.modules[registry.__name__] = registry
    return lambda name: importlib.import_module(f"lm_polygraph.estimators.{name}")


def inputs(rng, k):
    """A random prompt: class probabilities of every ordered pair, log-probabilities of answers."""
    p = rng.dirichlet([0.6, 0.6, 0.6], size=(k, k))
    entail, contradict = p[..., 0].copy(), p[..., 1].copy()
    np.fill_diagonal(entail, 1.0)
    np.fill_diagonal(contradict, 0.0)
    return entail, contradict, rng.uniform(-3.0, -0.05, size=k)


def main():
    """Compute and write."""
    rng = np.random.default_rng(7)
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        load = estimators(folder)
        for k in (3, 4, 8, 8, 16):
            entail, contradict, logprobs = inputs(rng, k)
            stats = {
                "sample_texts": [[f"answer {n}" for n in range(k)]],
                "semantic_matrix_entail": entail[None],
                "semantic_matrix_contra": contradict[None],
                "semantic_matrix_entail_logits": np.log(np.maximum(entail, 1e-300))[None],
                "semantic_matrix_contra_logits": np.log(np.maximum(contradict, 1e-300))[None],
            }
            labels = rng.integers(0, max(2, k // 2), size=k)
            classes = [np.flatnonzero(labels == c).tolist() for c in np.unique(labels)]
            of = {i: n for n, members in enumerate(classes) for i in members}
            entropy = load("semantic_entropy").SemanticEntropy(
                class_probability_estimation="frequency"
            )
            stats["semantic_classes_entail"] = {
                "class_to_sample": [classes],
                "sample_to_class": [of],
            }
            similarity = 0.5 * (entail + entail.T)
            cocoa = []
            for i in range(k):  # each answer in turn as the greedy one, against the others
                others = np.delete(similarity[i], i)
                one = {
                    "greedy_sentence_similarity": [others],
                    "greedy_log_likelihoods": [[logprobs[i]]],
                }
                cocoa.append(float(load("cocoa").CocoaPPL()(one)[0]))
            cases.append(
                {
                    "entail": entail.tolist(),
                    "contradict": contradict.tolist(),
                    "logprobs": logprobs.tolist(),
                    "clusters": [classes[of[i]][0] for i in range(k)],
                    "DegMat": float(load("deg_mat").DegMat()(stats)[0]),
                    "EigValLaplacian": float(load("eig_val_laplacian").EigValLaplacian()(stats)[0]),
                    "Eccentricity": float(load("eccentricity").Eccentricity()(stats)[0]),
                    "KernelLanguageEntropy": float(
                        load("kernel_language_entropy").KernelLanguageEntropy()(stats)[0]
                    ),
                    "LUQ": float(load("luq").LUQ()(stats)[0]),
                    "SemanticEntropyEmpirical": float(entropy(stats)[0]),
                    "CocoaPPL": cocoa,
                }
            )
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps({"version": VERSION, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
