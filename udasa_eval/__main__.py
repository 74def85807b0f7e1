"""``python -m udasa_eval`` is ``udasa-eval``."""

from udasa_eval.cli import main

main()
