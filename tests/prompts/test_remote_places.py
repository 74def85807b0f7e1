"""Prompts and answers behind addresses: an object store and a web server, each on this machine."""

import functools
import gzip
import http.server
import json
import logging
import threading

import polars as pl
import pytest

from udasa_data.errors import UserError
from udasa_data.prompts import load_prompts, parse_answers, read_table

ROWS = [{"prompt": "Why is the sky blue?"}, {"prompt": "Is water wet?"}]
TEXTS = [row["prompt"] for row in ROWS]


def questions(place):
    loaded = load_prompts([place], limit=None, seed=0, commits={})
    return [turns[-1]["content"] for turns in loaded.prompts["messages"].to_list()]


@pytest.fixture
def folder(tmp_path):
    lines = [f"{json.dumps(row)}\n".encode() for row in ROWS]
    (tmp_path / "shards").mkdir()
    for number, line in enumerate(lines):
        (tmp_path / "shards" / f"{number}.jsonl.gz").write_bytes(gzip.compress(line))
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines))
    pl.DataFrame(ROWS).write_parquet(tmp_path / "a.parquet")
    return tmp_path


@pytest.fixture
def bucket(folder):
    """The address of a bucket with the files of the folder."""
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
        client.create_bucket(Bucket="prompts")
        for path in filter(lambda path: path.is_file(), folder.rglob("*")):
            client.upload_file(str(path), "prompts", path.relative_to(folder).as_posix())
        client.close()
        yield "s3://prompts"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def test_an_object_store(bucket):
    for place in ("a.jsonl", "a.parquet", "shards", "shards/", "shards/*.jsonl.gz"):
        assert questions(f"{bucket}/{place}") == TEXTS, place
    assert questions(f"sentiment={bucket}/a.jsonl#prompt") == TEXTS
    source, columns = parse_answers(f"{bucket}/shards#prompt")
    assert columns == ["prompt"]
    assert read_table(source).places == ["0.jsonl.gz line 1", "1.jsonl.gz line 1"]
    missing = {
        "b.jsonl": "s3://prompts/b.jsonl: cannot be read (No such file)",
        "none": "s3://prompts/none: no such folder",
        "*.csv": "s3://prompts/*.csv: matches no file",
        "a.xlsx": "s3://prompts/a.xlsx: no such folder",
    }
    for place, message in missing.items():
        with pytest.raises(UserError) as caught:
            questions(f"{bucket}/{place}")
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_web_server(folder):
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_port}"
        assert questions(f"{root}/a.jsonl?download=true") == TEXTS
        assert questions(f"{root}/a.parquet#prompt") == TEXTS
        assert questions(f"{root}/shards/0.jsonl.gz") == TEXTS[:1]
        with pytest.raises(UserError, match=r"b\.jsonl: cannot be read \(No such file\)"):
            questions(f"{root}/b.jsonl")
        with pytest.raises(UserError, match="unknown kind of file"):
            questions(f"{root}/shards/")
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *_):
        """Say nothing."""
