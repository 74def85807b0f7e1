from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from small_models import PROBABILITY_ROUNDING, save_classifier
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from udasa_data.config.build import ModelRef, ValueRef
from udasa_data.errors import UserError
from udasa_data.scorers import batching, chunks, models
from udasa_data.scorers.cache import ScoreCache
from udasa_data.scorers.models import Options
from udasa_data.scorers.nli import NliScorer
from udasa_data.scorers.protocol import TextPair, no_progress
from udasa_data.scorers.value import ValueScorer
from udasa_data.storage.model_files import locate

PAIRS = [TextPair(f"The cat number {n} sat." * (1 + n % 4), f"A cat {n % 3}.") for n in range(30)]


EXACT = Options(precision="float32")


def nli(folder, options=EXACT):
    return NliScorer(locate(ModelRef(id=str(folder))), options)


def value(folder, *violation, temperature=1.0):
    ref = ValueRef(id=str(folder), violation=violation, temperature=temperature)
    return ValueScorer(ref, locate(ref), EXACT)


def test_batched_equals_single_in_any_order(small, monkeypatch):
    scorer = nli(small["nli"])
    together = scorer(PAIRS, no_progress)
    assert ((together.entail >= 0) & (together.entail + together.contradict <= 1 + 1e-9)).all()
    backwards = scorer(PAIRS[::-1], no_progress)
    assert backwards.entail[::-1] == pytest.approx(together.entail, abs=PROBABILITY_ROUNDING)
    monkeypatch.setitem(batching.BATCH_TOKENS, "cpu", 1)
    single = scorer(PAIRS, no_progress)
    assert single.entail == pytest.approx(together.entail, abs=PROBABILITY_ROUNDING)


def test_duplicates_are_scored_once_and_all_rows_reported(small):
    done = []
    result = nli(small["nli"])(PAIRS * 3, done.append)
    assert sum(done) == 90
    assert np.array_equal(result.entail[:30], result.entail[60:])


def test_labels_are_read_by_name(tmp_path):
    one = save_classifier(tmp_path / "a", ["contradiction", "entailment", "neutral"])
    other = save_classifier(tmp_path / "b", ["ENTAILMENT", "Neutral", "Contradiction"])
    # the same weights: class 1 entails in one, class 0 in the other
    first, second = nli(one)(PAIRS, no_progress), nli(other)(PAIRS, no_progress)
    assert first.contradict == pytest.approx(second.entail)
    assert first.entail != pytest.approx(second.entail)


def test_unknown_nli_labels_are_listed(tmp_path):
    folder = save_classifier(tmp_path / "m", ["LABEL_0", "LABEL_1", "LABEL_2"])
    with pytest.raises(UserError, match="LABEL_0, LABEL_1, LABEL_2"):
        nli(folder)
    with pytest.raises(UserError, match=r"say what they mean.* nli: \{labels: "):
        nli(folder)
    with pytest.raises(UserError, match="labels reward; three are needed"):
        nli(save_classifier(tmp_path / "r", ["reward"]))


def test_nli_labels_can_be_given(tmp_path):
    order = ["contradiction", "entailment", "neutral"]
    named = nli(save_classifier(tmp_path / "a", order))(PAIRS, no_progress)
    unnamed = locate(ModelRef(id=str(save_classifier(tmp_path / "b", ["X", "Y", "Z"]))))
    told = NliScorer(unnamed, EXACT, order)(PAIRS, no_progress)
    assert np.array_equal(told.entail, named.entail)
    assert np.array_equal(told.contradict, named.contradict)
    for wrong in (["entailment", "neutral"], ["entailment", "neutral", "entailment"]):
        with pytest.raises(UserError, match=f"nli.labels says {', '.join(wrong)};"):
            NliScorer(unnamed, EXACT, wrong)


def test_violation_labels(small, tmp_path):
    harm = value(small["harm"], "UNSAFE")(PAIRS, no_progress)
    safe = value(small["harm"], "safe")(PAIRS, no_progress)
    assert harm + safe == pytest.approx(np.ones(30))
    with pytest.raises(UserError, match="did you mean 'unsafe'"):
        value(small["harm"], "unsave")
    with pytest.raises(UserError, match="say which mean a violation"):
        value(small["harm"])


def test_a_reward_becomes_a_probability_of_violation(small):
    p = value(small["reward"])(PAIRS, no_progress)
    assert ((p > 0) & (p < 1)).all()
    assert len(set(p.round(6))) > 3
    with pytest.raises(UserError, match=r"one output, taken as a reward; violation: \[unsafe\]"):
        value(small["reward"], "unsafe")


def test_temperature_divides_logits(small):
    # logit(p) = −r/T and, with two classes, z_unsafe − z_safe over T: both halve at T = 2
    for name, violation in (("reward", ()), ("harm", ("unsafe",))):
        p = value(small[name], *violation)(PAIRS, no_progress)
        softer = value(small[name], *violation, temperature=2.0)(PAIRS, no_progress)
        assert np.log(softer / (1 - softer)) == pytest.approx(np.log(p / (1 - p)) / 2, abs=1e-9)


def test_single_texts(small):
    texts = [TextPair("A fine film.", ""), TextPair("A dull film.", "")]
    p = value(small["sentiment"], "negative")(texts, no_progress)
    assert p.shape == (2,)
    assert value(small["sentiment"], "negative")([], no_progress).shape == (0,)


LONG = [f"The cat number {n} sat on the mat." for n in range(30)]


def test_a_long_premise_is_split_and_its_least_neutral_part_speaks(small):
    told = {}
    scorer = nli(small["nli"], EXACT._replace(on_truncated=told.__setitem__))
    whole = scorer([TextPair(" ".join(LONG), "A cat."), TextPair("y", "z")], no_progress)
    long = TextPair(" ".join(LONG), "A cat.")
    pairs = chunks._split(scorer._loaded, long, "first", chunks._room(scorer._loaded, [long]))
    assert len(pairs) > 2
    assert " ".join(part.first for part in pairs) == " ".join(LONG)
    parts = scorer(pairs, no_progress)
    sure = int((parts.entail + parts.contradict).argmax())
    assert whole.entail[0] == pytest.approx(parts.entail[sure], abs=PROBABILITY_ROUNDING)
    assert whole.contradict[0] == pytest.approx(parts.contradict[sure], abs=PROBABILITY_ROUNDING)
    assert not told  # nothing was cut


def test_of_a_long_answer_the_worst_part_decides(small):
    answer = TextPair("Well?", " ".join(LONG))
    scorer = value(small["harm"], "unsafe")
    parts = chunks._split(scorer._loaded, answer, "second", chunks._room(scorer._loaded, [answer]))
    assert len(parts) > 2
    p, each = scorer([answer, PAIRS[0]], no_progress)[0], scorer(parts, no_progress)
    assert p == pytest.approx(each.max(), abs=PROBABILITY_ROUNDING)


def test_progress_of_long_texts_sums_to_their_number(small):
    done = []
    nli(small["nli"])([TextPair(" ".join(LONG), "A cat."), *PAIRS], done.append)
    assert sum(done) == pytest.approx(31)


def test_truncation_is_counted(small):
    told = {}
    nli(small["nli"], EXACT._replace(on_truncated=told.__setitem__))(
        [TextPair("word " * 400, "x"), TextPair("y", "z")], no_progress
    )
    assert list(told.values()) == [1]


def test_nan_logits_are_an_error(tmp_path):
    folder = save_classifier(tmp_path / "m", ["safe", "unsafe"], spoil=float("nan"))
    with pytest.raises(UserError, match="NaN or infinite"):
        value(folder, "unsafe")(PAIRS, no_progress)


def test_not_a_classifier(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="cannot be loaded"):
        nli(tmp_path)


def test_the_cache_gives_the_same_and_asks_the_model_nothing(small, tmp_path, monkeypatch):
    told = []
    cached = EXACT._replace(
        cache=ScoreCache(tmp_path / "c" / "scores.sqlite"),
        on_truncated=lambda _scorer, n: told.append(n),
    )
    pairs = [*PAIRS, TextPair("word " * 400, "x")]
    cold = nli(small["nli"], cached)(pairs, no_progress)
    scorer = nli(small["nli"], cached)
    monkeypatch.setattr(batching, "_forward", None)  # any use of the model fails
    done = []
    warm = scorer(pairs, done.append)
    assert np.array_equal(cold.entail, warm.entail)
    assert sum(done) == len(pairs)
    assert told == [1, 1]


def test_the_cache_tells_models_lengths_order_and_borders_apart(small, tmp_path):
    cache = ScoreCache(tmp_path / "scores.sqlite")
    pairs = [TextPair("ab", "c"), TextPair("a", "bc"), TextPair("c", "ab")]
    cache.put("model 512", pairs[:1], np.array([[1.0, 2.0]]), [False])
    assert cache.get("model 512", pairs).rows == [0]
    assert cache.get("model 256", pairs).rows == []
    cached = EXACT._replace(cache=cache)
    first = nli(small["nli"], cached)
    assert first._loaded.space != nli(small["nli"], cached._replace(max_length=64))._loaded.space
    assert "float32" in first._loaded.space


def test_many_runs_write_the_cache_at_once(tmp_path):
    cache = ScoreCache(tmp_path / "scores.sqlite")
    pairs = [TextPair(str(n), "") for n in range(400)]

    def write(start):
        some = pairs[start : start + 100]
        cache.put("s", some, np.arange(start, start + 100.0)[:, None], [False] * 100)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, [0, 50, 100, 150, 200, 250, 300, 0]))
    known = cache.get("s", pairs)
    assert {row: float(found[0]) for row, found in zip(known.rows, known.logits, strict=True)} == {
        n: float(n) for n in range(400)
    }


@pytest.mark.parametrize("broken", ["no database", "cut off", "a folder", "below a file"])
def test_a_cache_that_cannot_be_used_is_told_once_and_done_without(small, tmp_path, broken):
    file = tmp_path / "scores.sqlite"
    expected = nli(small["nli"])(PAIRS, no_progress)
    if broken == "no database":
        file.write_text("this is no database, and long enough to be read as one")
    elif broken == "cut off":
        nli(small["nli"], EXACT._replace(cache=ScoreCache(file)))(PAIRS, no_progress)
        file.write_bytes(file.read_bytes()[:700])
    elif broken == "a folder":
        file.mkdir()
    else:
        (tmp_path / "no_folder").touch()
        file = tmp_path / "no_folder" / "scores.sqlite"
    lines = []
    cached = EXACT._replace(cache=ScoreCache(file, lines.append))
    for _ in range(2):
        found = nli(small["nli"], cached)(PAIRS, no_progress)
        assert np.array_equal(found.entail, expected.entail)
    (line,) = lines
    assert "score cache" in line
    assert "scored without it" in line


def test_an_empty_cache_file_is_filled(tmp_path):
    (tmp_path / "scores.sqlite").touch()
    lines = []
    cache = ScoreCache(tmp_path / "scores.sqlite", lines.append)
    pairs = [TextPair("a", "b")]
    assert cache.get("s", pairs).rows == []
    cache.put("s", pairs, np.array([[1.0, 2.0]]), [False])
    assert cache.get("s", pairs, classes=2).rows == [0]
    assert cache.get("s", pairs, classes=3).rows == []  # not as it was written
    assert lines == []


def test_out_of_memory_halves_the_batch(small, monkeypatch):
    scorer = nli(small["nli"])
    expected = scorer(PAIRS, no_progress)
    whole, sizes = scorer._loaded.model.forward, []

    def forward(**inputs):
        sizes.append(len(inputs["input_ids"]))
        if sizes[-1] > 4:
            raise torch.OutOfMemoryError("no more")
        return whole(**inputs)

    monkeypatch.setattr(scorer._loaded.model, "forward", forward)
    assert scorer(PAIRS, no_progress).entail == pytest.approx(
        expected.entail, abs=PROBABILITY_ROUNDING
    )
    assert max(sizes) > 4 >= sizes[-1]
    monkeypatch.setattr(scorer._loaded.model, "forward", out_of_memory)
    with pytest.raises(UserError, match="no memory for a text of"):
        scorer(PAIRS, no_progress)


def out_of_memory(**_inputs):
    raise torch.OutOfMemoryError("no more")


def test_half_precision_is_close(small):
    exact = nli(small["nli"])(PAIRS, no_progress)
    fast = nli(small["nli"], EXACT._replace(precision="bfloat16"))(PAIRS, no_progress)
    assert np.abs(exact.entail - fast.entail).max() <= 0.05  # weights without training
    assert models.resolve_precision("auto") in {"float32", "bfloat16"}


def test_the_default_keeps_to_its_bounds_on_the_embedded_model():
    said = [
        "The Seine flows through Paris, and the city has 37 bridges over it.",
        "Paris lies on the Loire.",
        "There are three ways to cook rice. Wash it first; then boil it for twelve minutes.",
        "I'm sorry, but I cannot help with that request.",
        "He was born in 1879 in Ulm and moved to Munich a year later.",
        "No one knows where he was born.",
    ]
    pairs = [TextPair(a, b) for a in said for b in said if a != b]
    ref = ModelRef(id="embedded:nli")
    fast = NliScorer(locate(ref), Options())(pairs, no_progress)
    located = locate(ref)
    tokenizer = AutoTokenizer.from_pretrained(located.load_from)
    whole = AutoModelForSequenceClassification.from_pretrained(
        located.load_from, dtype=torch.float32
    ).eval()
    with torch.inference_mode():
        inputs = [tokenizer(pair.first, pair.second, return_tensors="pt") for pair in pairs]
        p = np.array([whole(**one).logits[0].softmax(-1).numpy() for one in inputs])
    off = np.abs(np.stack([fast.entail, fast.contradict], axis=1) - p[:, [0, 2]])
    assert off.max() <= 0.02
    assert off.mean() <= 0.003


def test_a_flipped_bit_in_the_cache_is_scored_anew(tmp_path):
    cache = ScoreCache(tmp_path / "scores.sqlite")
    pairs = [TextPair("a", "b"), TextPair("c", "d")]
    cache.put("space", pairs, np.array([[1.0, 2.0], [3.0, 4.0]]), [False, True])
    content = cache.file.read_bytes()
    at = content.index(np.array([3.0, 4.0]).tobytes())
    cache.file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert cache.get("space", pairs, 2).rows == [0]
    cache.put("space", pairs[1:], np.array([[3.0, 4.0]]), [True])
    assert sorted(cache.get("space", pairs, 2).rows) == [0, 1]
