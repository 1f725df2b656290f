"""What may stand in `[alerts]`. Loaded only when a file has changed."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, create_model, model_validator

from ..model import families
from .models import Strict, section_model
from .values import problem


def _second_ways() -> dict[str, type[Strict]]:
    """Return what else than Slack may tell of our own troubles: the kinds of destination that take data."""
    members = {kind: families.member("destinations", kind) for kind in families.kinds("destinations")}
    return {kind: section_model(cls) for kind, cls in members.items() if not cls.block_kit}


class AlertsBase(Strict):
    """Where this tool's own troubles are told, each as one message.

    `also` names a second way, which has a table of its own, with the keys of that destination.

        [alerts]
        channel = "#ops"
        also = "webhook"

        [alerts.webhook]
        url = "env:OPS_URL"
    """

    channel: Annotated[str | None, Field(min_length=1)] = Field(
        default=None, description="The Slack channel that is told."
    )

    @model_validator(mode="after")
    def _whole(self) -> "AlertsBase":
        """Check what one key alone cannot tell."""
        also: str | None = getattr(self, "also", None)
        if self.channel is None and also is None:
            raise problem('say where they are told: channel = "#ops"')
        for kind in type(self).model_fields.keys() - {"channel", "also"}:
            is_there = getattr(self, kind) is not None
            if is_there and kind != also:
                raise problem(f'it is used where [alerts] says also = "{kind}"', path=(kind,))
            if kind == also and not is_there:
                raise problem(f'also = "{kind}" needs a table [alerts.{kind}] with its settings', path=("also",))
        return self


_WAYS = _second_ways()
_ALSO = Field(default=None, description="A second way out, for when the trouble is Slack.")
_KEYS: dict[str, Any] = {"also": (Literal[tuple(_WAYS)] | None, _ALSO)}
_KEYS |= {
    kind: (table | None, Field(default=None, description=f'The settings of also = "{kind}".'))
    for kind, table in _WAYS.items()
}
if TYPE_CHECKING:
    AlertsTable = AlertsBase
else:
    AlertsTable = create_model("AlertsTable", __base__=AlertsBase, __doc__=AlertsBase.__doc__, **_KEYS)
