"""Search over everything the service keeps, and suggestions of property names to search by.

A property is a path into a record in its wire shape; `Tags.<key>`, `HyperParameters.<name>`, `Metrics.<name>` and the
like look into lists and maps by name. `matching` has the language; here is what is searched.
"""

from __future__ import annotations

from typing import Any, Final

from pipeline.definition.api_model import load_model
from pipeline.limits import Row
from pipeline.local.api import action
from pipeline.local.api.listing import paged
from pipeline.local.api.tracking import matching
from pipeline.local.api.tracking.trial_components import described
from pipeline.local.kinds import (
    ENDPOINT,
    EXECUTION,
    EXPERIMENT,
    MODEL,
    MODEL_PACKAGE,
    MODEL_PACKAGE_GROUP,
    PIPELINE,
    PIPELINE_VERSION,
    TRAINING_JOB,
    TRIAL,
    TRIAL_COMPONENT,
    TUNING_JOB,
    Body,
    Kind,
    public,
)
from pipeline.local.service import Service

PARITY: Final = (
    Row(
        area="search",
        subject="freshness",
        here="finds at once what was just written",
        aws="with some seconds of delay",
    ),
    Row(
        area="search",
        subject="property names that a resource does not have",
        here="match nothing (NotExists and NotEquals: everything)",
        aws="not established",
    ),
    Row(
        area="search",
        subject="kinds of resources that localhost does not keep, VisibilityConditions",
        here="nothing is found; conditions are passed over",
        aws="searched",
    ),
)

_RECORDS: Final[dict[str, tuple[Kind[Any], str]]] = {
    "TrainingJob": (TRAINING_JOB, "TrainingJob"),
    "HyperParameterTuningJob": (TUNING_JOB, "HyperParameterTuningJob"),
    "Experiment": (EXPERIMENT, "Experiment"),
    "ExperimentTrial": (TRIAL, "Trial"),
    "ExperimentTrialComponent": (TRIAL_COMPONENT, "TrialComponent"),
    "Endpoint": (ENDPOINT, "Endpoint"),
    "Model": (MODEL, "Model"),
    "ModelPackage": (MODEL_PACKAGE, "ModelPackage"),
    "ModelPackageGroup": (MODEL_PACKAGE_GROUP, "ModelPackageGroup"),
    "Pipeline": (PIPELINE, "Pipeline"),
    "PipelineExecution": (EXECUTION, "PipelineExecution"),
    "PipelineVersion": (PIPELINE_VERSION, "PipelineVersion"),
}
_MAX_SUGGESTIONS: Final = 20


@action("Search")
def search(service: Service, request: Body) -> Body:
    """The records that the expression matches, by default the last modified first."""
    member, records = _records(service, request)
    expression = request.get("SearchExpression", {})
    sort_by = request.get("SortBy", "LastModifiedTime")
    descending = request.get("SortOrder", "Descending") == "Descending"
    found = [
        ((*matching.place(record, sort_by, descending=descending), seq), record)
        for seq, record in records
        if matching.matches(record, expression)
    ]
    found.sort(key=lambda pair: pair[0], reverse=descending)
    page, token = paged(found, request, descending=descending)
    return {
        "Results": [{member: record} for record in page],
        "TotalHits": {"Value": len(found), "Relation": "EqualTo"},
        **token,
    }


@action("GetSearchSuggestions")
def suggestions(service: Service, request: Body) -> Body:
    """Names of properties that begin with the hint, from the records there are."""
    query = request.get("SuggestionQuery", {}).get("PropertyNameQuery", {})
    hint = query.get("PropertyNameHint", "").lower()
    _, records = _records(service, request)
    names = {name for _, record in records for name in matching.property_names(record)}
    wanted = sorted(name for name in names if name.lower().startswith(hint))
    return {"PropertyNameSuggestions": [{"PropertyName": name} for name in wanted[:_MAX_SUGGESTIONS]]}


def _records(service: Service, request: Body) -> tuple[str, list[tuple[int, Body]]]:
    """The member of a result that holds such a record, and the records, each with its place among what was stored."""
    resource = request["Resource"]
    if resource not in _RECORDS or request.get("CrossAccountFilterOption") == "CrossAccount":
        return resource, []
    kind, member = _RECORDS[resource]
    shapes = load_model()["shapes"]
    shape = shapes["SearchRecord"]["members"][member]["shape"]
    members = shapes[shape]["members"]
    tagged = service.store.tagged()
    records = []
    body: Body
    for body in service.store.list(kind):
        seq = body["_seq"]
        if kind == MODEL:
            body = {"Model": public(body), **body}
        elif kind == TRIAL_COMPONENT:
            body = described(service, body)
        elif kind == EXECUTION:
            body = {"PipelineParameters": body.get("_parameters", []), **body}
        record = {name: value for name, value in body.items() if name in members}
        if "Tags" in members:
            tags = tagged.get(body[f"{member}Arn"], {})
            record["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        records.append((seq, record))
    return member, records
