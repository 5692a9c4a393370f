"""Definitions in plain Python, brute force, lists and Fractions: what a result must satisfy, by chapter."""
