"""The JSON Schema (draft 2020-12) of each document of `--json`, made of its type. Loads pydantic."""

from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from ...system.typed import Schema
from . import (
    checks,
    copying,
    deliveries,
    entities,
    events,
    keys,
    metrics,
    past,
    pipelines,
    projects,
    reference,
    slack,
    status,
    stories,
)

# By command; of those with a star, one a line.
DOCUMENTS: dict[str, Any] = {
    "emit": events.EmitDocument,
    "emit --batch": events.BatchDocument,
    "preview": events.PreviewDocument,
    "events list *": events.EventDocument,
    "events list --refused *": stories.RefusalDocument,
    "events show": events.ShownDocument,
    "events tail *": events.TailedDocument,
    "events export": events.ExportDocument,
    "why": stories.StoryDocument | stories.RefusedDocument | stories.FoundDocument,
    "replay": past.ReplayDocument,
    "backtest": past.BacktestDocument,
    "deliver *": deliveries.SentDocument | deliveries.AgainDocument,
    "deliveries list *": deliveries.ListedDeliveryDocument,
    "deliveries show": deliveries.WholeDeliveryDocument,
    "deliveries retry": deliveries.RetryDocument,
    "deliveries settle": deliveries.SettleDocument,
    "check": checks.ChecksDocument,
    "validate": projects.ValidateDocument,
    "capture": projects.CaptureDocument,
    "test": projects.TestsDocument,
    "init": projects.InitDocument,
    "init --from": projects.InitFromDocument,
    "recipes": projects.RecipesDocument,
    "recipes NAME": projects.RecipePreviewDocument,
    "pipelines list": pipelines.PipelinesDocument,
    "pipelines show": pipelines.WholePipelineDocument,
    "pipelines show --version": pipelines.PipelineVersionDocument,
    "pipelines diff": pipelines.DiffDocument,
    "pipelines restore": pipelines.RestoreDocument,
    "pipelines pause": pipelines.PauseDocument,
    "pipelines resume": pipelines.PauseDocument,
    "metrics": metrics.MetricsDocument,
    "explain": reference.ExplainDocument,
    "doctor": projects.DoctorDocument,
    "status": status.StatusDocument,
    "sdk typescript": projects.SdkDocument,
    "sdk python": projects.SdkDocument,
    "sdk openapi": projects.OpenApiDocument,
    "sdk openapi --out": projects.SdkDocument,
    "store info": projects.StoreDocument,
    "store info --schema": copying.ScriptDocument,
    "store info --with": copying.ComparedDocument,
    "store copy": copying.CopyDocument,
    "store prune": projects.PruneDocument,
    "store vacuum": projects.VacuumDocument,
    "entities get": entities.EntityDocument,
    "entities list": entities.KindsDocument,
    "entities list KIND *": entities.ListedDocument,
    "entities set": entities.SetDocument,
    "entities import": entities.ImportDocument,
    "keys create": keys.NewKeyDocument,
    "keys list": keys.KeysDocument,
    "keys revoke": keys.KeyDocument,
    "serve *": keys.ServedDocument,
    "slack connect": slack.ConnectDocument,
    "slack disconnect": slack.DisconnectDocument,
    "slack status": slack.SlackStatusDocument,
    "slack channels *": slack.ChannelDocument,
    "slack test": slack.TrialDocument,
    "slack manifest": slack.ManifestDocument,
    "error": events.ErrorDocument,
}


@lru_cache
def schema_of(name: str) -> Schema:
    """Return the schema of a command's document, by its name in `DOCUMENTS`; names that it lacks are not allowed."""
    made = TypeAdapter(DOCUMENTS[name]).json_schema()
    for table in (made, *made.get("$defs", {}).values()):
        if "properties" in table:
            table["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
