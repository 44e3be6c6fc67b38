"""Requests against botocore's model: AWS's wording, and no disagreement with botocore's own validator."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from pipeline.definition.api_model import load_model, operations
from pipeline.definition.patterns import matches
from pipeline.local.api_errors import ApiError, SerializationException, ValidationException
from pipeline.local.request_shapes import check_request

PIPELINE = {
    "PipelineName": "digits",
    "PipelineDefinition": "{}",
    "ClientRequestToken": "x" * 32,
    "RoleArn": "arn:aws:iam::123456789012:role/pipeline",
}


def refusal(operation: str, request: object) -> str:
    with pytest.raises(ValidationException) as caught:
        check_request(operation, request)
    return caught.value.message


def test_a_good_request_passes_unchanged() -> None:
    assert check_request("CreatePipeline", PIPELINE) == PIPELINE


def test_members_that_the_model_does_not_know_are_dropped_at_any_depth() -> None:
    tags = [{"Key": "a", "Value": "b", "More": 1}]
    checked = check_request("CreatePipeline", {**PIPELINE, "Tags": tags, "Unknown": {}})
    assert checked == {**PIPELINE, "Tags": [{"Key": "a", "Value": "b"}]}


def test_null_is_as_good_as_absent() -> None:
    assert check_request("CreatePipeline", {**PIPELINE, "PipelineDescription": None}) == PIPELINE


def test_a_missing_member_is_named_as_aws_names_it() -> None:
    assert refusal("DescribePipeline", {}) == (
        "1 validation error detected: Value null at 'pipelineName' "
        "failed to satisfy constraint: Member must not be null"
    )


def test_a_pattern_is_refused_in_the_words_seen_from_aws() -> None:
    # As reported by users of CreateModel and of notebook lifecycle configurations.
    text = refusal("DescribeTrainingJob", {"TrainingJobName": "deep/1.2.0-nb"})
    assert text == (
        "1 validation error detected: Value 'deep/1.2.0-nb' at 'trainingJobName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    )


def test_length_and_pattern_are_both_reported_and_counted() -> None:
    text = refusal("DescribeTrainingJob", {"TrainingJobName": "_" * 64})
    assert text.startswith("2 validation errors detected: Value '____")
    assert "Member must have length less than or equal to 63; Value" in text


def test_an_enum_lists_what_there_is() -> None:
    assert refusal("ListPipelines", {"SortBy": "Age"}) == (
        "1 validation error detected: Value 'Age' at 'sortBy' failed to satisfy constraint: "
        "Member must satisfy enum value set: [Name, CreationTime]"
    )


def test_a_number_out_of_range_is_refused() -> None:
    assert (
        "Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1"
        in (refusal("ListPipelines", {"MaxResults": 0}))
    )


def test_members_of_lists_are_counted_from_one() -> None:
    tags = [{"Key": "a", "Value": "b"}, {"Key": "", "Value": "b"}]
    assert "Value '' at 'tags.2.member.key'" in refusal("CreatePipeline", {**PIPELINE, "Tags": tags})


def test_the_values_of_a_map_are_judged_together() -> None:
    request = {"HyperParameters": {"a": "x" * 2501}}
    assert (
        "at 'hyperParameters' failed to satisfy constraint: Map value must satisfy constraint: "
        "[Member must have length less than or equal to 2500, Member must have length greater than or equal to 0, "
        "Member must satisfy regular expression pattern: .*]"
    ) in refusal("CreateTrainingJob", request)


@pytest.mark.parametrize(
    ("request_body", "words"),
    [
        ({**PIPELINE, "PipelineName": 7}, "NUMBER_VALUE can not be converted to a String"),
        ({**PIPELINE, "PipelineName": True}, "TRUE_VALUE can not be converted to a String"),
        ({**PIPELINE, "PipelineName": ["a"]}, "Start of list found where not expected"),
        ({**PIPELINE, "PipelineName": {"a": 1}}, "Start of structure or map found where not expected"),
        ({**PIPELINE, "Tags": "a"}, "Expected list or null"),
        ({**PIPELINE, "Tags": [None]}, "Expected structure or map or null: tags.1.member"),
        ([], "Start of list found where not expected"),
        ("text", "Expected structure or map or null"),
    ],
)
def test_another_kind_of_json_is_a_serialization_exception(request_body: object, words: str) -> None:
    with pytest.raises(SerializationException, match=re.escape(words)):
        check_request("CreatePipeline", request_body)


def test_numbers_come_in_the_kind_of_the_model() -> None:
    checked = check_request("ListPipelines", {"MaxResults": 5.0, "CreatedAfter": 1700000000})
    assert checked == {"MaxResults": 5, "CreatedAfter": 1700000000.0}
    assert isinstance(checked["MaxResults"], int)
    assert isinstance(checked["CreatedAfter"], float)


@pytest.mark.parametrize("number", [1e300, -1e300, 2**31, float("nan"), float("inf")])
def test_a_number_that_no_integer_holds_is_a_serialization_exception(number: float) -> None:
    with pytest.raises(SerializationException):
        check_request("ListPipelines", {"MaxResults": number})


def test_a_union_must_have_one_member() -> None:
    both = {"ImageClassificationJobConfig": {}, "TextClassificationJobConfig": {"TargetLabelColumn": "a"}}
    request = {"AutoMLProblemTypeConfig": both}
    assert "at 'autoMLProblemTypeConfig' failed to satisfy constraint: Member must have exactly one of [" in refusal(
        "CreateAutoMLJobV2", request
    )


def test_unicode_properties_of_java_are_understood() -> None:
    assert matches(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "Größe 日本 ½")
    assert not matches(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "a\tb")
    assert not matches(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "日\n")
    assert matches(r"arn:[\p{Alnum}\-]+:lambda", "arn:aws-cn:lambda")


def test_every_pattern_of_the_model_can_be_used() -> None:
    patterns = {shape["pattern"] for shape in load_model()["shapes"].values() if "pattern" in shape}
    for pattern in patterns:
        matches(pattern, "a")
        matches(pattern, "ä")


def test_a_definition_of_a_megabyte_is_checked() -> None:
    check_request("CreatePipeline", {**PIPELINE, "PipelineDefinition": "{\n" * 524_288})


def test_all_actions_of_the_model_are_known() -> None:
    assert {"CreatePipeline", "QueryLineage", "CreateHub"} <= operations()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
MODEL: Any = Session().get_service_model("sagemaker")


def mutated(base: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The request with some members replaced by any JSON, or removed."""
    replaced = st.dictionaries(st.sampled_from(sorted(base)), JSON, max_size=2)
    removed = st.sets(st.sampled_from(sorted(base)), max_size=2)
    return st.tuples(replaced, removed).map(
        lambda both: {key: value for key, value in {**base, **both[0]}.items() if key not in both[1]}
    )


PROCESSING: dict[str, Any] = {
    "ProcessingJobName": "convert",
    "RoleArn": PIPELINE["RoleArn"],
    "AppSpecification": {"ImageUri": "image", "ContainerEntrypoint": ["python3"]},
    "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
    "Environment": {"A": "b"},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    "Tags": [{"Key": "a", "Value": "b"}],
}


@given(mutated(PROCESSING))
def test_what_is_accepted_here_botocore_would_send(request_body: dict[str, Any]) -> None:
    """Botocore's validator knows required members, kinds and minima: whatever it refuses is refused here."""
    try:
        checked = check_request("CreateProcessingJob", request_body)
    except ApiError:
        return
    shape = MODEL.operation_model("CreateProcessingJob").input_shape
    assert not ParamValidator().validate(checked, shape).generate_report()
