import contextlib
import os
import tempfile

import pytest

# before any library reads them: no network, no bars, no advice
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",  # a test process a core: threads of several would wait for each other
    "UDASA_CACHE": tempfile.mkdtemp(prefix="udasa-test-cache-"),
}

with contextlib.suppress(ImportError):  # where vLLM is tested there is no Hypothesis
    from hypothesis import settings

    # how long an example takes says something of the machine, not of the code
    settings.register_profile("any machine", deadline=None)
    settings.load_profile("any machine")

from corpora import DATA
from small_models import save_all


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A policy and scorers with random weights: name → folder."""
    return save_all(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def small_config(small, tmp_path_factory):
    """A configuration file that names them."""
    path = tmp_path_factory.mktemp("config") / "small.yaml"
    path.write_text(
        f"policy: {{id: {small['policy']}}}\n"
        f"nli: {{id: {small['nli']}}}\n"
        f"value: [{{id: {small['harm']}, violation: [unsafe]}}, {{id: {small['reward']}}}]\n"
        f"sentiment: {{id: {small['sentiment']}, violation: [negative]}}\n"
        "sampling: {samples: 4, max_tokens: 12}\n"
        "shard_size: 4\n"
        "pairing: {noise_z: 0, tolerance: 1, length_ratio: 100, veto: 1, reject_truncated: true}\n"
    )
    return path


@pytest.fixture
def real_data():
    """The folder of real data, where there is one."""
    if not (DATA / "hh_rlhf" / "hh_rlhf.parquet").is_file():
        pytest.skip("no real data here; set UDASA_DATA_DIR to the folder that holds it")
    return DATA
