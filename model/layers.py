"""Building blocks of the transformer: mass sinusoids, attention with reusable keys and values, gated feed-forward."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

SHORTEST_WAVELENGTH = 0.001
"""Th or Da: a tenth of the mass error of a good instrument at 100 Th."""

LONGEST_WAVELENGTH = 10_000.0
"""Th or Da: beyond the heaviest precursor, so that the whole range is one turn."""


class MassSinusoids(nn.Module):
    """Masses or m/z as sines and cosines of log-spaced wavelengths.

    Neighbouring residues (K and Q) differ by 0.036 Da, so the shortest wavelength must lie well below that
    (depthcharge's mass encoder; Voronov et al. 2022 use 0.001 to 10,000).
    """

    frequency: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        ratio = torch.arange(width // 2, dtype=torch.float64) / (width // 2 - 1)
        wavelength = SHORTEST_WAVELENGTH * (LONGEST_WAVELENGTH / SHORTEST_WAVELENGTH) ** ratio
        self.register_buffer("frequency", 2 * math.pi / wavelength, persistent=False)

    def forward(self, mass: Tensor) -> Tensor:
        """(...) float64 to (..., width) float32; the phase is computed in float64, lest 0.001 of 10,000 be lost."""
        phase = (mass.double()[..., None] * self.frequency).remainder(2 * math.pi).float()
        return torch.cat([phase.sin(), phase.cos()], -1)


class Attention(nn.Module):
    """Multi-head attention whose keys and values can be made once and used by many steps."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def keys_values(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, length, width) to two of (batch, heads, length, width / heads)."""
        keys, values = self.key_value(context).chunk(2, -1)
        return self._split(keys), self._split(values)

    def forward(self, x: Tensor, keys_values: tuple[Tensor, Tensor], mask: Tensor | None = None) -> Tensor:
        """Attend from x (batch, slots, width); mask (batch, length) is true where there is something to see."""
        queries, (keys, values) = self._split(self.query(x)), keys_values
        seen = None if mask is None else mask[:, None, None, :]
        if x.device.type == "cpu":
            mixed = _attend(queries, keys, values, seen)
        else:
            mixed = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=seen)
        projected: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return projected

    def _split(self, x: Tensor) -> Tensor:
        split: Tensor = x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return split


def _attend(queries: Tensor, keys: Tensor, values: Tensor, seen: Tensor | None) -> Tensor:
    """Attention written out: on a CPU its backward pass takes a fifth of torch 2.13's fused kernel here."""
    score = queries @ (keys * queries.shape[-1] ** -0.5).transpose(-1, -2)
    if seen is not None:
        score = score.masked_fill(~seen, torch.finfo(score.dtype).min)
    mixed: Tensor = score.softmax(-1).to(values.dtype) @ values
    return mixed


class FeedForward(nn.Module):
    """SwiGLU (Shazeer 2020)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(2 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) to (..., width)."""
        gate, value = self.up(x).chunk(2, -1)
        down: Tensor = self.down(functional.silu(gate) * value)
        return down


class EncoderLayer(nn.Module):
    """Self-attention among peaks, then feed-forward; pre-norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention, self.feed_forward = Attention(width, heads), FeedForward(width)
        self.attention_norm, self.feed_forward_norm = nn.RMSNorm(width), nn.RMSNorm(width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (batch, peaks, width), mask (batch, peaks)."""
        normed = self.attention_norm(x)
        x = x + self.attention(normed, self.attention.keys_values(normed), mask)
        out: Tensor = x + self.feed_forward(self.feed_forward_norm(x))
        return out


class Adapter(nn.Module):
    """A bottleneck beside a layer (Houlsby et al. 2019); changes nothing until it is trained."""

    def __init__(self, width: int, bottleneck: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, bottleneck), nn.Linear(bottleneck, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) to (..., width), to be added."""
        change: Tensor = self.up(functional.gelu(self.down(x)))
        return change


class CoreLayer(nn.Module):
    """Self-attention among slots, attention to the spectrum, feed-forward; the step embedding may enter here."""

    def __init__(self, width: int, heads: int, *, takes_step: bool = True, adapter_width: int = 0) -> None:
        super().__init__()
        self.self_attention, self.spectrum_attention = Attention(width, heads), Attention(width, heads)
        self.feed_forward = FeedForward(width)
        self.self_norm, self.spectrum_norm, self.feed_forward_norm = (nn.RMSNorm(width) for _ in range(3))
        self.step = nn.Linear(width, width, bias=False) if takes_step else None
        self.adapter = Adapter(width, adapter_width) if adapter_width else None

    def spectrum_keys_values(self, spectrum: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of the encoded spectrum (batch, peaks, width), made once for all steps."""
        return self.spectrum_attention.keys_values(spectrum)

    def forward(self, x: Tensor, step: Tensor, spectrum: tuple[Tensor, Tensor], spectrum_mask: Tensor) -> Tensor:
        """x (batch, slots, width), step (batch, 1, width), keys and values of the spectrum, mask (batch, peaks)."""
        if self.step is not None:
            x = x + self.step(step)
        normed = self.self_norm(x)
        x = x + self.self_attention(normed, self.self_attention.keys_values(normed))
        x = x + self.spectrum_attention(self.spectrum_norm(x), spectrum, spectrum_mask)
        normed = self.feed_forward_norm(x)
        out: Tensor = x + self.feed_forward(normed)
        return out if self.adapter is None else out + self.adapter(normed)
