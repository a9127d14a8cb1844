"""Tidy tables -> figures and report. Nothing here imports torch or reads a run directory."""
