"""off2on: offline-to-online RL via balanced replay and pessimistic Q-ensemble, as a benchmark harness."""

__version__ = "0.1.0"
