"""Logs as lm-eval and inspect-ai write them, of made-up runs."""

import json
import struct
import zipfile
import zlib

DATE = "2026-11-30T10-00-00.000000"


def lm_eval_row(number, metrics, **changes):
    """A line of samples_TASK.jsonl of a multiple choice: the second choice is the likelier."""
    return {
        "doc_id": number,
        "doc": {"question": f"question {number}"},
        "target": "1",
        "arguments": {
            "gen_args_0": {"arg_0": f"Q: question {number}", "arg_1": " no"},
            "gen_args_1": {"arg_0": f"Q: question {number}", "arg_1": " yes"},
        },
        "resps": [[["-2.0", "False"]], [["-1.0", "True"]]],
        "filtered_resps": [["-2.0", "False"], ["-1.0", "True"]],
        "filter": "none",
        "metrics": list(metrics),
        "doc_hash": f"hash{number}",
        "prompt_hash": "p",
        "target_hash": "t",
        **metrics,
        **changes,
    }


def write_lm_eval(folder, rows, task="arc", model="org/a", date=DATE, **facts):
    """Write a folder as ``lm_eval --log_samples --output_path`` does."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / f"samples_{task}_{date}.jsonl").write_text(text)
    results = {
        "configs": {task: {"dataset_path": "allenai/arc", "output_type": "multiple_choice"}},
        "versions": {task: 1.0},
        "n-shot": {task: 0},
        "higher_is_better": {task: {"acc": True, "loss": False}},
        "model_name": model,
        "chat_template_sha": None,
    }
    (folder / f"results_{date}.json").write_text(json.dumps(results | facts))
    return folder


def inspect_log(values, model="openai/a", epochs=1, **changes):
    """An EvalLog: id → value, or a list of values for epochs; None has no scores."""
    samples = [
        {
            "id": key,
            "epoch": epoch,
            "input": [{"role": "user", "content": f"question {key}"}],
            "target": "x",
            "output": {"choices": [{"message": {"role": "assistant", "content": "an answer"}}]},
            "scores": {} if value is None else {"match": {"value": value, "explanation": "so"}},
        }
        for key, of_key in values.items()
        for epoch, value in enumerate(of_key if isinstance(of_key, list) else [of_key], 1)
    ]
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "task": "arithmetic",
            "created": "2026-11-30T10:00:00+00:00",
            "model": model,
            "dataset": {"name": "sums"},
            "model_generate_config": {"temperature": 0.0},
        },
        "plan": {"steps": [{"solver": "generate", "params": {}}]},
        "samples": samples,
    } | changes


def write_inspect(path, log, method=zipfile.ZIP_DEFLATED):
    """Write an EvalLog by its suffix: one JSON object, or a zip archive (93 is Zstandard)."""
    if path.suffix == ".json":
        path.write_text(json.dumps(log, indent=2))
        return path
    members = {"header.json": {k: v for k, v in log.items() if k != "samples"}}
    for sample in log["samples"]:
        members[f"samples/{sample['id']}_epoch_{sample['epoch']}.json"] = sample
    if method == 93:
        path.write_bytes(_zstd_archive({n: json.dumps(m).encode() for n, m in members.items()}))
        return path
    with zipfile.ZipFile(path, "w", compression=method) as archive:
        for name, content in members.items():
            archive.writestr(name, json.dumps(content))
    return path


def _zstd_archive(members):
    """A zip archive of method 93, by APPNOTE.TXT: Python writes these from 3.14 on."""
    import pyarrow as pa

    body, directory = b"", b""
    for name, content in members.items():
        packed = pa.compress(content, codec="zstd", asbytes=True)
        sizes = (zlib.crc32(content), len(packed), len(content), len(name), 0)
        local = struct.pack("<4s5H3I2H", b"PK\3\4", 63, 0, 93, 0, 33, *sizes)
        entry = struct.pack("<4s6H3I2H", b"PK\1\2", 63, 63, 0, 93, 0, 33, *sizes)
        directory += entry + struct.pack("<3H2I", 0, 0, 0, 0, len(body)) + name.encode()
        body += local + name.encode() + packed
    count = len(members)
    return (
        body
        + directory
        + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0)
    )
