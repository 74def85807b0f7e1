"""A mutator of files, by seed: flipped bits, cut and doubled parts, and tokens out of place."""

from __future__ import annotations

import random

TOKENS = [
    *(b"NaN", b"Infinity", b"1e999", b"-1e999", b"9" * 30, b"9" * 400, b"9" * 5000, b"1.5"),
    *(b"null", b"true", b"[]", b"{}", b'""', b"[[]]", b'{"": null}', b'"\\ud800"', b'"\\u0000"'),
    *(b"[" * 3000, b'{"a":' * 2000, b"- " * 500, b"2024-01-01", b"2024-13-99", b"!!set {a, b}"),
    *(b"!!binary aGk=", b"!!int x", b"!!float x", b"&a [*a]", b"*b", b"? [a]\n: b", b"<<: 3"),
    *(b"\xff\xfe", b"\xed\xa0\x80", b"\x00", b'"' + b"x" * 5000 + b'"', b"\r", b"\xe2\x80\xa8"),
    *(
        b"/etc/passwd",
        b"embedded:lm",
        b'"',
        b",",
        b":",
        b"\n",
        b"0x",
        b"1_0",
        b"~",
        b".inf",
        b"yes",
    ),
]


def mutated(example: bytes, seed: int) -> bytes:
    """Return one to three mutations of a file."""
    draw = random.Random(seed)
    content = example
    for _ in range(draw.choice((1, 1, 2, 3))):
        content = draw.choice((_flip, _cut, _double, _insert, _replace, _replace, _replace))(
            content, draw
        )
    return content


def _flip(content: bytes, draw: random.Random) -> bytes:
    if not content:
        return content
    at = draw.randrange(len(content))
    return content[:at] + bytes([content[at] ^ (1 << draw.randrange(8))]) + content[at + 1 :]


def _cut(content: bytes, draw: random.Random) -> bytes:
    start, end = sorted(draw.randrange(len(content) + 1) for _ in range(2))
    return content[:start] if draw.random() < 0.5 else content[:start] + content[end:]


def _double(content: bytes, draw: random.Random) -> bytes:
    start, end = sorted(draw.randrange(len(content) + 1) for _ in range(2))
    return content[:end] + content[start:end] + content[end:]


def _insert(content: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(content) + 1)
    return content[:at] + draw.choice(TOKENS) + content[at:]


def _replace(content: bytes, draw: random.Random) -> bytes:
    """Put a token where a value stood: between two of what JSON, YAML and CSV part values by."""
    ends = [at for at, byte in enumerate(content) if byte in b',:[]{}\n"']
    if len(ends) < 2:
        return _insert(content, draw)
    first = draw.randrange(len(ends) - 1)
    last = min(len(ends) - 1, first + draw.choice((1, 1, 1, 2, 3)))
    return content[: ends[first] + 1] + draw.choice(TOKENS) + content[ends[last] :]
