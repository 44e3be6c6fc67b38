"""Which steps the next execution runs again, worked out from definitions and history alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.deploy.forecast import Past, forecast

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR_AGO = NOW - timedelta(hours=1)


def step(name: str, kind: str = "Processing", *, expire: str | None = "P30D", **arguments: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"Name": name, "Type": kind, "Arguments": arguments}
    if expire:
        made["CacheConfig"] = {"Enabled": True, "ExpireAfter": expire}
    return made


def arguments(*values: Any) -> dict[str, Any]:
    return {"ContainerArguments": list(values)}


def definition(*steps: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    return {"Parameters": [{"Name": k, "DefaultValue": v} for k, v in parameters.items()], "Steps": list(steps)}


def why(new: dict[str, Any], *past: Past, given: dict[str, str] | None = None) -> dict[str, str]:
    return {item.step: item.why for item in forecast(new, given or {}, past, now=NOW)}


def ran(made: dict[str, Any], *names: str, given: dict[str, str] | None = None, at: datetime = HOUR_AGO) -> Past:
    return Past(made, given or {}, dict.fromkeys(names, at))


def test_everything_runs_when_nothing_ever_ran() -> None:
    assert why(definition(step("A"))) == {"A": "no earlier execution has run it to success"}


def test_an_unchanged_step_is_reused() -> None:
    made = definition(step("A", AppSpecification=arguments("--x", "1")))
    assert why(made, ran(made, "A")) == {"A": ""}


def test_what_is_no_part_of_the_key_does_not_matter() -> None:
    old = definition(step("A", AppSpecification=arguments("--x"), RoleArn="old", ProcessingResources={"n": 1}))
    new = definition(step("A", AppSpecification=arguments("--x"), RoleArn="new", ProcessingResources={"n": 2}))
    assert why(new, ran(old, "A")) == {"A": ""}


def test_a_changed_argument_is_named_with_both_values() -> None:
    old, new = (definition(step("A", AppSpecification=arguments("--x", value))) for value in ("1", "2"))
    assert why(new, ran(old, "A")) == {"A": "AppSpecification.ContainerArguments[1] was 1, is 2"}


def test_a_parameter_given_at_the_start_counts_as_a_changed_argument() -> None:
    made = definition(step("A", "Training", HyperParameters={"epochs": {"Get": "Parameters.Epochs"}}), Epochs=15)
    assert why(made, ran(made, "A"), given={"Epochs": "20"}) == {"A": "HyperParameters.epochs was 15, is 20"}
    assert why(made, ran(made, "A", given={"Epochs": "20"}), given={"Epochs": "20"}) == {"A": ""}


def test_a_parameter_within_a_list_counts_too_by_its_value_and_type() -> None:
    made = definition(step("A", AppSpecification=arguments("--flag", {"Get": "Parameters.Flag"})))
    made["Parameters"] = [{"Name": "Flag", "Type": "Boolean", "DefaultValue": True}]
    assert why(made, ran(made, "A"), given={"Flag": "true"}) == {"A": ""}
    changed = "AppSpecification.ContainerArguments[1] was True, is False"
    assert why(made, ran(made, "A"), given={"Flag": "false"}) == {"A": changed}


def test_a_step_of_the_same_name_and_another_type_is_another_step() -> None:
    old, new = definition(step("A", "Transform")), definition(step("A", "Training"))
    assert why(new, ran(old, "A")) == {"A": "Type was Transform, is Training"}


def test_a_step_in_a_branch_names_the_innermost_condition() -> None:
    inner = {"Name": "Inner", "Type": "Condition", "Arguments": {"ElseSteps": [step("A")]}}
    outer = {"Name": "Outer", "Type": "Condition", "Arguments": {"IfSteps": [inner, step("B")]}}
    found = forecast(definition(outer, step("C")), {}, (), now=NOW)
    assert {item.step: item.condition for item in found} == {"A": "Inner", "B": "Outer", "C": ""}


def test_a_join_of_parameters_is_compared_by_its_value() -> None:
    def made(*values: Any) -> dict[str, Any]:
        join = {"Std:Join": {"On": "/", "Values": list(values)}}
        return definition(step("A", Environment={"uri": join}), Bucket="b")

    assert why(made({"Get": "Parameters.Bucket"}, "x"), ran(made("b", "x"), "A")) == {"A": ""}


def test_a_step_fed_by_one_that_runs_again_runs_too() -> None:
    def made(value: str) -> dict[str, Any]:
        source = {"Get": "Steps.A.ProcessingOutputConfig.Outputs['x'].S3Output.S3Uri"}
        fed = step("B", "Training", InputDataConfig=[{"S3Uri": source}])
        return definition(fed, step("A", AppSpecification=arguments(value)))

    found = why(made("2"), ran(made("1"), "A", "B"))
    assert found["B"] == "it reads what A makes, which runs too"
    assert why(made("1"), ran(made("1"), "A", "B")) == {"A": "", "B": ""}


def test_changed_code_is_said_in_one_word() -> None:
    def made(sha: str) -> dict[str, Any]:
        return definition(
            step("A", ProcessingInputs=[{"InputName": "code", "S3Input": {"S3Uri": f"s3://b/code/{sha}"}}])
        )

    assert why(made("2"), ran(made("1"), "A")) == {"A": "its code changed"}


def test_a_type_without_caching_always_runs() -> None:
    made = definition(step("A", "Model", expire=None))
    assert why(made, ran(made, "A")) == {"A": "steps of type Model are never cached"}


def test_a_step_with_caching_off_always_runs() -> None:
    made = definition(step("A", expire=None))
    assert why(made, ran(made, "A")) == {"A": "its caching is off"}


def test_an_old_result_has_expired() -> None:
    made = definition(step("A", expire="PT30M"))
    assert why(made, ran(made, "A")) == {"A": "its last result is older than PT30M"}


def test_any_of_the_earlier_executions_will_do() -> None:
    old, new = (definition(step("A", AppSpecification=arguments(value))) for value in ("1", "2"))
    assert why(old, ran(new, "A"), ran(old, "A")) == {"A": ""}


def test_what_holds_the_execution_id_is_never_reused() -> None:
    made = definition(step("A", Environment={"id": {"Get": "Execution.PipelineExecutionId"}}))
    assert why(made, ran(made, "A")) == {"A": "its arguments hold what each execution has anew"}


def test_conditions_do_no_work_but_their_branches_do() -> None:
    made = definition({"Name": "If", "Type": "Condition", "Arguments": {"IfSteps": [step("Inner")], "Conditions": []}})
    assert list(why(made)) == ["Inner"]
