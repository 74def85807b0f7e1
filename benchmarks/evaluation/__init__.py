"""What the evaluation costs: choices against plain lm_eval, and scoring again against generating.

The embedded policy. The choices are TruthfulQA's mc1 and mc2 (needs the corpora, UDASA_DATA_DIR),
each side in a process of its own, loading included, by turns. Scoring again is timed over 1,000
AlpacaEval and Do-Not-Answer prompts answered by the embedded policy: ``score`` on its stored
generations, with the judgements that the run has kept.
"""
