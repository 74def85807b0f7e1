"""How often the chosen answer is the better one, on answers of real models that people labelled.

Answers of several models to the same prompts are built with `build --answers`, so that what is
measured is what ships: share of pairs whose chosen answer is the better one, by corpus and stage,
with 95% intervals (Wilson); beside it random, longest, shortest, each dimension alone and left out,
and equal weights with the old rules of refusals. Prompts that an embedded scorer learnt from are
left out. Needs the corpora: set UDASA_DATA_DIR. --fit DIR measures nothing: it fits weights and
slopes by kind of prompt, where it can on other prompts than those of the table, and writes them to
DIR/reliability.json. --prompts N takes fewer of each corpus.
"""
