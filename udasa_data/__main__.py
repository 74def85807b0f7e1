"""``python -m udasa_data`` is ``udasa-data``."""

from udasa_data.cli import main

main()
