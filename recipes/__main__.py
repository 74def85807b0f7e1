"""``python -m udasa_recipes`` is ``udasa-train``."""

from udasa_recipes.cli import main

main()
