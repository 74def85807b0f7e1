"""How fast text pairs are scored, against the peers' own code: same weights, texts and cores.

The two sides take turns, so that a change in the machine's speed meets both; reported are medians.
Texts are ten models' answers to those alpaca_eval prompts (112 of 805) where two of them always fit
the model's window: the shorter ones, which flatters us: on long texts arithmetic is the limit.
"""
