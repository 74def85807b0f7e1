"""All steps in one: ``build()``, and everything that stands around it."""
