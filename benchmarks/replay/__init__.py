"""The parts of `benchmarks/replay_history.py`: reading a history, playing it, watching, and the verdict."""
