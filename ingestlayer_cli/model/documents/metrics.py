"""The document of `metrics`."""

from typing import Literal

from typing_extensions import TypedDict


class SampleDocument(TypedDict):
    """One number, and what it is of."""

    labels: dict[str, str]
    value: int | float


class MetricDocument(TypedDict):
    """Numbers of one name."""

    name: str
    type: Literal["gauge"]
    help: str
    samples: list[SampleDocument]


class MetricsDocument(TypedDict):
    """`metrics`."""

    metrics: list[MetricDocument]
