"""Which folders are packages: ``recipes/`` is installed under a name that nobody else has."""

from setuptools import find_namespace_packages, setup

OURS = find_namespace_packages(include=["udasa_data*", "udasa_eval*", "recipes*"])

setup(
    packages=[
        name.replace("recipes", "udasa_recipes", 1) if name.split(".")[0] == "recipes" else name
        for name in OURS
    ]
)
