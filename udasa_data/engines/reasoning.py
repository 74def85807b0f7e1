"""What a model thinks before it answers, parted from the answer once: where its text is read.

Of models that write both into one text; a server may tell them apart itself. A thought begins the
text (after white space) with a known tag, or its tag stands at the prompt's end already, where the
chat template opens it. A tag in the midst of an answer is a word of the answer.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from udasa_data.config import ReasoningOption, ReasoningTags

_OF_HARMONY: Final = "<|channel|>final<|message|>"
KNOWN: Final = tuple(
    ReasoningTags(open=before, close=after)
    for before, after in (
        ("<think>", "</think>"),  # DeepSeek, Qwen, QwQ, Nemotron, Phi, SmolLM
        ("<thinking>", "</thinking>"),
        ("<thought>", "</thought>"),  # EXAONE
        ("<reasoning>", "</reasoning>"),
        ("<reflection>", "</reflection>"),
        ("[THINK]", "[/THINK]"),  # Magistral
        ("◁think▷", "◁/think▷"),  # Kimi
        ("<seed:think>", "</seed:think>"),  # Seed-OSS
        ("<|begin_of_thought|>", "<|end_of_thought|>"),  # OpenThinker
        ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A
        ("<|channel|>analysis<|message|>", _OF_HARMONY),  # gpt-oss
    )
)
# what some of them write between thought and answer, or before an answer without a thought
_HEADS: Final = (_OF_HARMONY, "<|START_RESPONSE|>", "<|begin_of_solution|>")
_WITHIN: Final = ("<|end|>", "<|start|>")  # of gpt-oss's thoughts
_QUOTES: Final = tuple("`'\"“”‘’«»")
_SENTENCE_ENDS: Final = tuple("\n.!?…。！？")

# of a chat template, what a build says and a card repeats
TEMPLATE_NOTE: Final = "udasa-train trains on what was said, plain TRL would not"
EMPTY_ANSWERS: Final = (
    "some answers are empty behind their reasoning: raise sampling.max_tokens, or turn it off "
    "(sampling.chat_template_kwargs: {enable_thinking: false}, where the template knows it)"
)


class Parted(NamedTuple):
    """What a model said, in two: ``reasoning + answer`` is all of it.

    Attributes:
        reasoning: the thought with its tags, and the white space before the answer; that white
            space alone where nothing was thought.
        answer: from its first character that is no white space; empty where there is none.
        closed: whether the thought came to its end; True where there is none.
    """

    reasoning: str
    answer: str
    closed: bool


class Thoughts:
    """Parts texts by the tags of a configuration.

    Args:
        option: ``auto`` knows :data:`KNOWN`; ``off`` parts nothing but leading white space.

    Attributes:
        option: the same.
        tags: that are known.
    """

    def __init__(self, option: ReasoningOption = "auto") -> None:
        if isinstance(option, ReasoningTags):
            self.tags: tuple[ReasoningTags, ...] = (option,)
        else:
            self.tags = KNOWN if option == "auto" else ()
        self.option: ReasoningOption = option
        self._heads = _HEADS if option == "auto" else ()

    def opened_by(self, prompt: str) -> ReasoningTags | None:
        """Return the tags of the thought that a prompt's end opens; None where it opens none."""
        end = prompt.rstrip()
        return next((tags for tags in self.tags if end.endswith(tags.open)), None)

    def closing(self, prompt: str) -> str:
        """Return what ends, empty, the thought that a prompt opens; "" where it opens none."""
        opened = self.opened_by(prompt)
        if opened is None:
            return ""
        return ("" if prompt.endswith("\n") else "\n") + opened.close + "\n\n"

    def wrapped(self, told: str, prompt: str, template: str) -> str:
        """Return a thought with tags, as the model wrote it before its answer.

        Args:
            told: a thought; with tags, or all white space, it is as it was said. Servers that tell
                it apart give it without: then the prompt's tags, the template's, or the first known
                ones stand around it, each on a line of its own.
            prompt: text before it.
            template: the chat template's text.
        """
        if not told.strip() or self._is_tagged(told):
            return told
        opened = self.opened_by(prompt)
        known = (tags for tags in self.tags if tags.close in template or tags.open in template)
        tags = opened or next(known, (*self.tags, *KNOWN)[0])
        head = "" if opened else f"{tags.open}\n"
        return f"{head}{told.strip()}\n{tags.close}\n\n"

    def is_beside(self, token: str) -> bool:
        """Return whether a token stands in a tag, so that texts must be read with it."""
        marks = [part for tags in self.tags for part in (tags.open, tags.close)]
        marks += [*self._heads, *(_WITHIN if self._heads else ())]
        return any(token in mark for mark in marks)

    def part(self, said: str, opened: ReasoningTags | None = None) -> Parted:
        """Part what a model said into reasoning and answer.

        Args:
            said: by the model, whole.
            opened: the tags of a thought that its prompt opens.
        """
        at = 0
        tags = opened or self._opener(said, 0) or self.stray(said)
        while tags is not None:
            end = _end(said, at, tags, is_open=at == 0 and self._opener(said, 0) != tags)
            if end is None:
                return Parted(said, "", closed=False)
            at = end
            tags = self._opener(said, at)
        at = self._after_head(said, at)
        start = len(said) - len(said[at:].lstrip())
        return Parted(said[:start], said[start:], closed=True)

    def stray(self, said: str) -> ReasoningTags | None:
        """Return the tags of a thought that only ends in a text: its prompt must have opened it.

        That end stands at the end of a line or of a sentence: in midst of one it is a word.
        """
        for tags in self.tags:
            before, close, after = said.partition(tags.close)
            if not close or tags.open in before or before.endswith(_QUOTES):
                continue
            ends_a_line = not after.strip(" \t") or after.lstrip(" \t").startswith("\n")
            if ends_a_line or (before.endswith(_SENTENCE_ENDS) and not after.startswith(_QUOTES)):
                return tags
        return None

    def _is_tagged(self, told: str) -> bool:
        return any(tags.close in told or tags.open in told for tags in (*self.tags, *KNOWN))

    def _opener(self, said: str, at: int) -> ReasoningTags | None:
        begins = said[at:].lstrip()
        return next((tags for tags in self.tags if begins.startswith(tags.open)), None)

    def _after_head(self, said: str, at: int) -> int:
        begins = said[at:].lstrip()
        head = next((head for head in self._heads if begins.startswith(head)), "")
        return len(said) - len(begins) + len(head) if head else at


def _end(said: str, at: int, tags: ReasoningTags, *, is_open: bool) -> int | None:
    """Return where the thought that begins at ``at`` has ended; None where it has not.

    Thoughts may hold thoughts. One that only names the opening tag has fewer ends than beginnings:
    its last one counts.
    """
    depth, last = int(is_open), None
    while True:
        close = said.find(tags.close, at)
        if close < 0:
            return last
        depth += said.count(tags.open, at, close) - 1
        at = last = close + len(tags.close)
        if depth <= 0:
            return last
