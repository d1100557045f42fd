"""Measurements; none of them asserts a time."""
