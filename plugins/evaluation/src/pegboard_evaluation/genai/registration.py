"""Scorers in the tracking store: registered under a name, and started on a share of new traces."""

from __future__ import annotations

import copy
import json
from enum import Enum
from typing import TYPE_CHECKING, Any, Self

from attrs import frozen
from pegboard.errors import InvalidValue
from pegboard_scripting.fluent import experiments
from pegboard_stores import refusals
from pegboard_stores.scorers import Schedule, Scorers, ScorerVersion, content

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FORM = {"mlflow_version": "3.17.2", "serialization_version": 1}
"""In whose form scorers are serialized."""


class ScorerStatus(Enum):
    """Whether a scorer judges traces to come, as far as the object knows."""

    UNREGISTERED = "UNREGISTERED"
    STARTED = "STARTED"
    STOPPED = "STOPPED"


@frozen
class ScorerSamplingConfig:
    """The share of traces to come that a scorer judges, 0 to 1, and a filter of traces."""

    sample_rate: float | None = None
    filter_string: str | None = None


def store() -> Scorers:
    """Return the scorers of the current store; NotSupported if it keeps none."""
    tracking = experiments.client().store
    found = tracking.ability(Scorers)
    if found is None:
        raise refusals.unsupported("registered scorers", tracking)
    return found


def home(experiment_id: str | None) -> str:
    """Return the experiment that is meant, by default the current one."""
    return experiments.current_experiment_id() if experiment_id is None else str(experiment_id)


class Registrable:
    """What can be registered."""

    _registered: ScorerVersion | None = None
    _schedule: Schedule | None = None

    name: str
    description: str | None
    aggregations: Sequence[str | Callable[[list[float]], float]] | None
    timeout: float | None

    @property
    def is_session_level_scorer(self) -> bool:
        """Whether it is about the traces of a session together."""
        raise NotImplementedError

    def _serialized(self) -> dict[str, Any]:
        """Return what tells it from others of its kind; InvalidValue if it cannot be kept."""
        raise NotImplementedError

    def model_dump(self) -> dict[str, Any]:
        """Return it as MLflow serializes scorers; InvalidValue if it cannot be kept."""
        for each in self.aggregations or ():
            if not isinstance(each, str):
                raise InvalidValue(
                    f"The scorer {self.name!r} has a function as an aggregation, which cannot be "
                    "registered.",
                    hint="Name one, such as 'mean'.",
                )
        return {
            "name": self.name,
            "description": self.description,
            "aggregations": None if self.aggregations is None else [*self.aggregations],
            "timeout": self.timeout,
            "is_session_level_scorer": self.is_session_level_scorer,
            **_FORM,
            **self._serialized(),
        }

    # -- what is known ---------------------------------------------------------------------------

    @property
    def scorer_version(self) -> int | None:
        """The number of the registered version; None: it is not registered."""
        return None if self._registered is None else self._registered.version

    @property
    def sample_rate(self) -> float | None:
        """The share of traces to come that it judges; None: it was never started."""
        return None if self._schedule is None else self._schedule.sample_rate

    @property
    def filter_string(self) -> str | None:
        """Which traces it judges; None: all."""
        return (self._schedule and self._schedule.filter) or None

    @property
    def status(self) -> ScorerStatus:
        """Whether it judges traces to come."""
        if self._registered is None:
            return ScorerStatus.UNREGISTERED
        return ScorerStatus.STARTED if self.sample_rate else ScorerStatus.STOPPED

    def with_registration(self, version: ScorerVersion, schedule: Schedule | None) -> Self:
        """Return a copy that knows where it is registered."""
        made = copy.copy(self)
        made.name, made._registered, made._schedule = version.name, version, schedule
        return made

    # -- changes ---------------------------------------------------------------------------------

    def register(self, *, name: str | None = None, experiment_id: str | None = None) -> Self:
        """Register a version of it with an experiment, by default the current one.

        Returns a copy that knows its version. InvalidValue for what cannot be kept: a class of
        one's own, functions as aggregations, a judge's address or headers. A server refuses code.
        """
        named = copy.copy(self)
        named.name = name or self.name
        dumped = json.dumps(named.model_dump())
        made = store().register(home(experiment_id), named.name, dumped)
        return self.with_registration(made, None)

    def start(
        self,
        *,
        name: str | None = None,
        experiment_id: str | None = None,
        sampling_config: ScorerSamplingConfig,
    ) -> Self:
        """Let the registered scorer judge a share of the traces to come; return a copy."""
        rate = sampling_config.sample_rate
        if isinstance(rate, (int, float)) and rate <= 0:
            raise InvalidValue(
                f"sample_rate is {rate}: nothing would be judged.", hint="Use stop() for that."
            )
        return self.update(name=name, experiment_id=experiment_id, sampling_config=sampling_config)

    def update(
        self,
        *,
        name: str | None = None,
        experiment_id: str | None = None,
        sampling_config: ScorerSamplingConfig,
    ) -> Self:
        """Change which traces to come the registered scorer judges; return a copy."""
        rate = sampling_config.sample_rate
        if rate is None:
            raise InvalidValue("The sampling_config has no sample_rate.", hint="It is 0 to 1.")
        known, scorers, rate = self._registered, store(), content.rate(rate)
        place = known.experiment_id if known and experiment_id is None else home(experiment_id)
        wanted = name or self.name
        schedule = scorers.schedule(place, wanted, rate, sampling_config.filter_string or "")
        version = known if known and known.scorer_id == schedule.scorer_id else None
        return self.with_registration(version or scorers.get(place, wanted), schedule)

    def stop(self, *, name: str | None = None, experiment_id: str | None = None) -> Self:
        """Let the registered scorer judge no traces to come; return a copy."""
        return self.update(
            name=name, experiment_id=experiment_id, sampling_config=ScorerSamplingConfig(0.0)
        )
