"""Know in Slack the moment something worth acting on happens to a customer.

    from ingestlayer_cli import ingest
    result = ingest("usage.limit_reached", {"customer_id": "acme", ...})

What is imported from here is loaded when it is first used: the command line starts without it.
"""

TYPE_CHECKING = False  # importing typing takes a while in which Ctrl-C would show a traceback

__version__ = "0.1.0"
__all__ = ["IngestError", "__version__", "ingest", "ingest_batch"]

if TYPE_CHECKING:
    from .api import ingest, ingest_batch
    from .system.errors import IngestlayerError as IngestError
else:

    def __getattr__(name: str) -> object:
        if name == "IngestError":
            from .system.errors import IngestlayerError

            return IngestlayerError
        if name in __all__:
            from . import api

            return getattr(api, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
