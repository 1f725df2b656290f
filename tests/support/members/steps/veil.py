"""veil: another step that redacts."""

from ingestlayer_cli.steps.redact_pii import RedactPii


class Veil(RedactPii):
    """Redacts as redact.pii does.

    [[steps]]
    use = "veil"
    fields = { customer_id = "mask" }
    """
