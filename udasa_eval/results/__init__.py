"""The results folder: its files, its metrics, and what sets two of them apart."""
