"""A plan renders, keys and orders as the engine does, for generated definitions and values, loops included.

The engine's side runs with its own graph, parameters and evaluation over steps that give what their arguments say, as
a Describe action would; the plan's side sees the definition alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.definition import cache_key, loops
from pipeline.definition.check import check
from pipeline.definition.expression_values import evaluate
from pipeline.definition.graph import in_order, upstream
from pipeline.definition.known_values import Seen, unknowns
from pipeline.definition.paths import Part, lookup
from pipeline.local.engine.execution_parameters import resolve
from pipeline.local.engine.readiness import Decision, ExecutionGraph, StepNode

PARAMETERS = (
    ("Count", "Integer", st.integers(-9, 9)),
    ("Rate", "Float", st.floats(-9, 9, allow_nan=False) | st.integers(-9, 9)),
    ("Flag", "Boolean", st.booleans()),
    ("Word", "String", st.text("ab/.-", min_size=1, max_size=4)),
)
NAMES = ("Prepare", "Train-1", "Check", "Again", "Last")
VALUES = st.sampled_from([{"Get": f"Parameters.{name}"} for name, _, _ in PARAMETERS]) | st.text("xy", max_size=3)


def joined(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(values | st.booleans() | st.integers(0, 9), max_size=3).map(
        lambda parts: {"Std:Join": {"On": "-", "Values": parts}}
    )


def step(name: str, arguments: Sequence[Any], above: Sequence[str]) -> dict[str, Any]:
    """A processing step whose one output lies where an expression says."""
    to = {"S3Uri": arguments[0], "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    reads = [
        {"InputName": f"in{i}", "S3Input": {"S3Uri": output(one), "S3DataType": "S3Prefix"}}
        for i, one in enumerate(above)
    ]
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "AppSpecification": {"ImageUri": "image", "ContainerArguments": list(arguments)},
            "ProcessingInputs": reads,
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": to}]},
            "ProcessingResources": {"ClusterConfig": cluster},
        },
    }


def output(step: str) -> dict[str, str]:
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    item = st.just({"Get": "ForEach.CurrentItem"})
    made: list[dict[str, Any]] = []
    for index, name in enumerate(NAMES[: draw(st.integers(1, len(NAMES)))]):
        above = draw(st.lists(st.sampled_from(NAMES[:index]), max_size=2, unique=True)) if index else []
        arguments = draw(st.lists(joined(VALUES), min_size=1, max_size=3))
        if draw(st.booleans()) and index:
            depends = draw(st.sampled_from(NAMES[:index]))
            made.append(step(name, arguments, above) | {"DependsOn": [depends]})
        else:
            made.append(step(name, arguments, above))
    if draw(st.booleans()):
        outside = draw(st.lists(st.sampled_from([one["Name"] for one in made]), max_size=1))
        first = step("One", draw(st.lists(joined(VALUES | item), min_size=1, max_size=2)), outside)
        second = step("Two", draw(st.lists(joined(VALUES | item), min_size=1, max_size=2)), ["One"])
        items = draw(st.lists(VALUES | st.integers(0, 3), min_size=1, max_size=3))
        loop = {"IterableItems": items, "MaxConcurrency": 1, "ForEachBody": draw(st.permutations([first, second]))}
        made.append({"Name": "Loop", "Type": "ForEach", "Arguments": loop})
    parameters = [{"Name": name, "Type": kind, "DefaultValue": draw(of)} for name, kind, of in PARAMETERS]
    return {"Version": "2020-12-01", "Parameters": parameters, "Steps": draw(st.permutations(made))}


@st.composite
def starts(draw: st.DrawFn) -> dict[str, str]:
    """What an execution is given, as text."""
    given = {
        "Count": st.integers(-9, 9).map(str),
        "Rate": st.sampled_from(["1", "1.0", "-2.50", "3e1"]),
        "Flag": st.sampled_from(["true", "True", "false", "FALSE"]),
        "Word": st.text("ab/.-", min_size=1, max_size=4),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(given))))
    return {name: draw(given[name]) for name in sorted(chosen)}


@dataclass
class Ran:
    """The engine's side: steps in the order in which its graph lets them run, and what they were asked with."""

    parameters: Mapping[str, Any]
    item: Any = None
    asked: dict[str, Any] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def parameter(self, name: str) -> Any:
        return self.parameters[name]

    def variable(self, name: str) -> Any:
        raise KeyError(name)

    def current_item(self) -> Any:
        return self.item

    def step_property(self, step: str, parts: Sequence[Part], reference: str) -> Any:
        return lookup(self.asked[step], parts)

    def property_file(self, step: str, name: str) -> Any:
        raise KeyError(name)

    def json_value(self, uri: str, path: str) -> Any:
        raise AssertionError(uri)

    def run(self, graph: ExecutionGraph) -> None:
        settled: dict[str, str] = {}
        while ready := [
            node
            for name, node in graph.nodes.items()
            if name not in settled and graph.decide(name, settled, {}) is Decision.RUN
        ]:
            self._run(ready[0])
            settled[ready[0].name] = "Succeeded"
        assert len(settled) == len(graph.nodes)

    def _run(self, node: StepNode) -> None:
        self.order.append(node.name)
        if node.type != "ForEach":
            self.asked[node.name] = evaluate(node.step["Arguments"], self)
            return
        for index, item in enumerate(loops.items(evaluate(node.step["Arguments"]["IterableItems"], self))):
            self.item = item
            self.run(ExecutionGraph.of({"Steps": loops.iteration(node.step, index)}))


@given(definitions(), starts())
def test_a_plan_renders_keys_and_orders_as_the_engine_does(definition: dict[str, Any], given: dict[str, str]) -> None:
    assert not [problem for problem in check(definition) if problem.level == "error"]
    engine = Ran(resolve(definition, [{"Name": name, "Value": value} for name, value in given.items()]))
    engine.run(ExecutionGraph.of(definition))

    seen = Seen.of(definition, given, lambda _: None)
    for name, arguments in engine.asked.items():
        forecast = seen.attributes(name)
        assert list(unknowns(forecast)) == []
        asked = cache_key.attributes("Processing", arguments)
        assert json.dumps(forecast, sort_keys=True) == json.dumps(asked, sort_keys=True)
        assert cache_key.key("Processing", forecast) == cache_key.key("Processing", arguments)

    place = {name: at for at, name in enumerate(engine.order)}
    for name, above in upstream(definition).items():
        assert all(place[one] < place[name] for one in above if {one, name} <= place.keys())
    planned = [name for name in in_order(seen.steps) if name in place]
    settled: dict[str, str] = {}
    for name in planned:
        if name in ExecutionGraph.of(definition).nodes:
            assert ExecutionGraph.of(definition).decide(name, settled, {}) is Decision.RUN
            settled[name] = "Succeeded"


def test_a_boolean_is_joined_by_a_plan_as_by_the_engine() -> None:
    value = {"Std:Join": {"On": "-", "Values": ["v", {"Get": "Parameters.Flag"}]}}
    definition = {"Parameters": [{"Name": "Flag", "Type": "Boolean", "DefaultValue": True}], "Steps": []}
    assert Seen.of(definition, {}, lambda _: None).resolved(value) == "v-true"
    assert Seen.of(definition, {"Flag": "False"}, lambda _: None).resolved(value) == "v-false"
