"""A run in S3: the real client against a local server."""

import io
import json
import logging

import pytest

from udasa_data import build
from udasa_data.errors import UserError
from udasa_data.page.report import write_report
from udasa_data.pipeline.building import build_slice, preview
from udasa_data.publish.releasing import prepare
from udasa_data.publish.verification import verify
from udasa_data.runs.finished import open_finished
from udasa_data.runs.local_copy import local_dataset
from udasa_data.runs.pair_views import read_pairs
from udasa_data.storage.object_stores import Remote
from udasa_data.storage.parquet import read_parquet
from udasa_data.storage.places import names_in, place_of, read_files, remove
from udasa_data.storage.writing import replace_folder, write_new


@pytest.fixture(scope="module")
def bucket():
    """The address of an empty bucket; the environment tells the client where the server is."""
    server_module = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    import boto3

    s3fs.S3FileSystem.clear_instance_cache()  # of a server that another test has ended

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket="udasa")
        client.close()
        yield "s3://udasa"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def read(place):
    (content,) = read_files([place])
    return read_parquet(io.BytesIO(content))


def test_a_build_in_s3_by_a_rank_and_then_the_rest(bucket, shared_config, same_rows):
    out = place_of(f"{bucket}/runs/demo/")
    made = build_slice(shared_config, f"{bucket}/runs/demo", 1, 2)
    assert (str(made.out), made.shards, made.all_shards) == (f"{bucket}/runs/demo", 3, 6)
    assert preview(shared_config, f"{bucket}/runs/demo").shards["samples"] == (3, 6)
    result = build(shared_config, f"{bucket}/runs/demo")
    same_rows(out, read)
    assert not result.reused
    assert build(shared_config, f"{bucket}/runs/demo").reused
    manifest = json.loads((out / "manifest.json").read_bytes())
    assert manifest["counts"]["prompts"] == 12
    card = (out / "dataset" / "README.md").read_bytes().decode()
    assert "conservative" in card
    views = read_pairs(f"{bucket}/runs/demo", None, 2)
    assert len(views) == 2


def test_a_run_in_s3_is_read_checked_and_pushed_from_a_copy(bucket, shared_config, tmp_path):
    build(shared_config, f"{bucket}/runs/demo")
    copy = local_dataset(f"{bucket}/runs/demo")
    assert copy == local_dataset(f"{bucket}/runs/demo/dataset")
    assert verify(f"{bucket}/runs/demo", print, 512).passed
    assert prepare(copy, "org/name").content.sizes()
    finished = open_finished(f"{bucket}/runs/demo")
    assert finished.answers.height == 12 * shared_config.sampling.samples
    page = write_report(f"{bucket}/runs/demo", tmp_path / "page.html")
    assert page.rows == 12
    with pytest.raises(UserError, match="holds no finished run"):
        local_dataset(f"{bucket}/runs/nothing")


def test_a_folder_is_replaced_card_last(bucket):
    target = Remote(f"{bucket}/folders/dataset")

    def fill(folder, name):
        (folder / "sub").mkdir()
        (folder / "sub" / name).write_text(name)
        (folder / "README.md").write_text(f"names {name}")

    replace_folder(target, lambda folder: fill(folder, "a"), bool)
    replace_folder(target, lambda folder: fill(folder, "b"), bool)
    assert names_in(target / "sub") == {"b"}
    assert (target / "README.md").read_bytes() == b"names b"


def test_one_writer_of_a_new_file_wins(bucket):
    from concurrent.futures import ThreadPoolExecutor

    file = Remote(f"{bucket}/new/file")
    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(lambda n: write_new(file, str(n)), range(8)))
    assert won.count(True) == 1
    assert file.read_bytes().decode() == str(won.index(True))
    remove(file)
    assert not file.exists()
    remove(file)


def test_what_is_wrong_with_a_place_is_one_line(bucket, shared_config):
    with pytest.raises(UserError) as caught:
        build(shared_config, "s3://no-such-bucket/run")
    assert "s3://no-such-bucket/run" in str(caught.value)
    assert "bucket does not exist" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="holds no finished run"):
        read_pairs(f"{bucket}/nothing", None, 1)
