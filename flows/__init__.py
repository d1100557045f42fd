"""Prefect flows, one file each: order, retries and concurrency of the tasks."""
