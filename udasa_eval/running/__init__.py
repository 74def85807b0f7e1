"""An evaluation as a whole: its options, what it needs, its two passes."""
