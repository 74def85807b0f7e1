"""What drawing answers costs beyond the engine, and against distilabel 1.5.3.

Embedded policy, 8 answers of up to 64 tokens to embedded prompts, on a CPU. Two sides take turns in
one process, so that a change in the machine's speed meets both; reported are medians. vLLM runs
where `make setup-vllm` has put it; distilabel in an environment that is made here, with what it
asks for.
"""
