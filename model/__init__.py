"""The network: encoder, mass evidence, recursion, losses, curriculum, trainer, decoding. Needs torch, numpy, pyarrow."""
