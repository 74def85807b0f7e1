"""What subjects are measured on: answers of models, labelled ones, random scores and weights."""
