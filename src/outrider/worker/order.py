"""In which order a worker looks at its queues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outrider.chance import chance
from outrider.errors import ConfigError
from outrider.options import check_queue


@dataclass(frozen=True, slots=True)
class QueueOrder:
    """Queues with weights, or without: then the order given is strict, as Sidekiq has it."""

    names: tuple[str, ...]
    weights: tuple[int, ...] | None = None

    @classmethod
    def parse(cls, options: Sequence[str]) -> QueueOrder:
        """Read `-q` options: `critical,3 default,2` weighted or `critical default` strict.

        Raises ConfigError for anything else.
        """
        names, weights = [], []
        for option in options:
            name, comma, weight = option.partition(",")
            names.append(check_queue(name))
            if comma and not (weight.isdecimal() and 1 <= int(weight) <= 1000):
                raise ConfigError(f"-q {option}: a weight is a number from 1 to 1000")
            weights.append(int(weight) if comma else None)
        if len(set(names)) != len(names):
            raise ConfigError(f"-q names a queue twice: {' '.join(options)}")
        if all(weight is None for weight in weights):
            return cls(tuple(names))
        if None in weights:
            raise ConfigError(
                f"-q {' '.join(options)}: give every queue a weight (weighted order) "
                "or none (strict order)"
            )
        return cls(tuple(names), tuple(weight for weight in weights if weight is not None))

    @classmethod
    def equal(cls, names: Sequence[str]) -> QueueOrder:
        """These queues with equal weights."""
        return cls(tuple(names), (1,) * len(names))

    def draw(self) -> list[str]:
        """The order for one claim: as given, or drawn anew by weight."""
        if self.weights is None or len(self.names) == 1:
            return list(self.names)
        # Exponential waiting times: whoever comes first does so with chance weight / all weights.
        waits = {
            name: chance.expovariate(weight)
            for name, weight in zip(self.names, self.weights, strict=True)
        }
        return sorted(waits, key=waits.__getitem__)
