"""On a GPU: scoring, sampling and training of large models with random weights, in bfloat16.

Encoders of the shapes of DeBERTa-v3-large and ModernBERT-large against a pair at a time in float32;
the transformers engine on a model of Llama-3.2-1B's shape against the time that reading its weights
takes; the presets' adapters trained on models of their policies' shapes: peak memory, and speed
against the card's matrix product. Speed does not depend on the weights. Scored texts are real
answers (UDASA_DATA_DIR); those trained on are random words.
"""
