"""The curriculum: which stage an update belongs to, and its learning rate."""

import math

from model.settings import StageSettings, TrainingSettings

_LAST_SHARE = 0.05


def stage_at(training: TrainingSettings, update: int) -> StageSettings:
    """The stage of an update, counted from 0; the last one beyond the end."""
    for stage in training.stages:
        if update < stage.updates:
            return stage
        update -= stage.updates
    return training.stages[-1]


def learning_rate(training: TrainingSettings, update: int) -> float:
    """The stage's rate, warmed up linearly and lowered to 5% by a half cosine over the whole training."""
    total = sum(stage.updates for stage in training.stages)
    warmup = min(1.0, (update + 1) / training.warmup_updates)
    cosine = 0.5 * (1 + math.cos(math.pi * update / total))
    return stage_at(training, update).learning_rate * warmup * (_LAST_SHARE + (1 - _LAST_SHARE) * cosine)
