"""Which language a text is in."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

# From here on one of 7,419 English questions is taken for another language, and 98% of 533
# questions and answers in 13 others for their own (docs/decisions/scorers.md).
_SURE: Final = 0.8
_READ: Final = 2000  # characters; more make it no surer


def language_of(text: str) -> str | None:
    """Return the ISO 639-1 code of a text's language (``en``, ``zh``), None where it is not sure.

    A text of several languages is in the one that most of it is in.
    """
    language, p = _identifier().classify(text[:_READ])
    return str(language) if p >= _SURE else None


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    # without the three-letter codes: Wu and Cantonese would share out what is Chinese for us
    identifier.set_languages([language for language in identifier.labels if len(language) == 2])
    return identifier
