"""Prefect tasks, one file a pipeline step: thin adaptors from parameters and paths to data/ and model/."""
