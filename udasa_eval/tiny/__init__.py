"""The embedded judges: what evaluations use with no network. None scored the data they judge."""
