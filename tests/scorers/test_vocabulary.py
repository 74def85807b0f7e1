"""Which texts are mostly of unknown pieces, by tokenizers trained here."""

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from udasa_data.scorers.vocabulary import Vocabulary

ENGLISH = ["The capital of France is Paris, and it lies on the Seine."] * 3


def word_pieces():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[UNK]"])
    tokenizer.train_from_iterator(ENGLISH, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]")


def bytes_and(*more):
    """A vocabulary of bytes and some thousand pieces, or of bytes alone."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=256, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(ENGLISH, trainer)
    tokenizer.add_tokens(list(more))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def reads(tokenizer, text):
    (size,) = Vocabulary(tokenizer).tokenise([text])
    assert size.tokens == len(tokenizer(text, add_special_tokens=False)["input_ids"])
    return size.is_read


@pytest.mark.parametrize(
    "tokenizer", [word_pieces(), bytes_and(*(f"piece{n}" for n in range(1000)))]
)
def test_a_text_is_read_unless_most_of_it_is_unknown(tokenizer):
    assert reads(tokenizer, "The capital is Paris.")
    assert reads(tokenizer, "The capital of France 巴黎")
    assert not reads(tokenizer, "北京是中国的首都。")
    assert not reads(tokenizer, "北京是中国的首都 Paris")
    assert reads(tokenizer, "")


def test_a_vocabulary_of_bytes_alone_reads_everything_by_them():
    assert reads(bytes_and(), "北京是中国的首都。")
