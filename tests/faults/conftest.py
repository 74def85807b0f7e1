import pytest
from faults.jobs import Ground
from hub_server import running


@pytest.fixture(scope="session")
def ground(tmp_path_factory):
    """What the disturbed commands start from, and a Hub to push to."""
    root = tmp_path_factory.mktemp("ground")
    with running(tmp_path_factory.mktemp("hub")) as hub:
        yield Ground(root, hub)
