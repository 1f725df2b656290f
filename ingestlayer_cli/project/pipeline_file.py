"""What may stand in `pipelines/NAME.toml`, beside the members of its families. Loaded only when a file has changed."""

from typing import Annotated, Any, Literal

from pydantic import Field

from .models import Strict
from .tests_schema import Test
from .values import Matching

Match = Annotated[str, Matching(r"[\w-]+(\.[\w-]+)*(\.\*)?", 'an event type, or the start of some like "usage.*"')]


class PipelineFile(Strict):
    """A pipeline: which events it takes, what it does with them, and where they go.

    Every pipeline that matches an event runs, each for itself.

        description = "Who reaches a limit of their plan."
        match = ["usage.limit_reached"]
        status = "active"

        [[steps]]
        use = "enrich.entity"
        kind = "customer"
        key = "$event.customer_id"

        [[destinations]]
        use = "slack"
        channel = "#alerts"
        when = "$event.used / $event.limit >= 1"

        [[tests]]
        name = "a blocking limit goes to #alerts"
        from_example = "usage.limit_reached"
        expect = { channels = ["#alerts"], contains = ["acme"] }
    """

    description: str = Field(default="", description="What it is for, for people.")
    match: list[Match] = Field(
        default=[], description='The types of the events that it takes, "usage.*" for some; without it all but our own.'
    )
    status: Literal["active", "paused", "draft"] = Field(
        default="active", description="Whether it runs; its tests do whatever it says."
    )
    steps: list[Any] = Field(default=[], description="What is done with an event, in this order.")
    destinations: list[Any] = Field(default=[], description="Where an event goes that no step dropped.")
    tests: list[Test] = Field(default=[], description="What `ingestlayer test` runs.")
