"""The third step: samples → scores; existing answers, too."""
