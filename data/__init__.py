"""The spectra: chemistry, vocabulary, readers, writers, synthesis, noise, shards and batches."""
