"""The network: encoder, mass evidence, recursion, curriculum, trainer, inference. Needs torch, numpy, pyarrow."""
