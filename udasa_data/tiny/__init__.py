"""The embedded models and prompts: what `--model tiny` runs on, with no network."""
