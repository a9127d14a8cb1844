"""Tidy tables -> figures and report. Nothing here imports torch."""
