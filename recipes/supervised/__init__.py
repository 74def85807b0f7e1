"""Supervised fine-tuning of a base model, so that there is a policy for a build to ask."""
