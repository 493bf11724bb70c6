"""Measures the book's tables: `python -m stnlib.experiments --help`. Each run leaves one JSON in `results/`."""
