"""Plan and upsert against AWS as moto has it, with nothing of ours behind it, and against the service on localhost.

Whatever happens to an upsert, one that follows it leaves a whole: the definition, the code that it names, the tags,
and the checksum that is true of the definition.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pipeline.clients import Clients
from pipeline.deploy import apply
from pipeline.deploy.code_bundle import Bundle, BundledFile
from pipeline.deploy.plan import CHECKSUM_TAG, INLINE_LIMIT, Desired, checksum
from pipeline.errors import DefinitionError, ServiceError
from tests.support.calls import Calls, KilledError, Refusal, Refusing
from tests.support.executions import check, definition, work
from tests.support.service import KEY, ROLE, local_service
from tests.support.torture import length

BUCKET = "deployments"


@dataclass(frozen=True)
class Place:
    """Somewhere to deploy to; the session is shared, since loading the service models takes longer than the calls."""

    session: Any
    url: str | None

    def clients(self, *listeners: Calls | Refusing) -> Clients:
        clients = Clients(self.session, self.url)
        for listener in listeners:
            listener.listen(clients.sagemaker)
            listener.listen(clients.s3)
        return clients


def session() -> Any:
    return boto3.Session(KEY.access_key_id, KEY.secret_access_key, region_name="us-east-1")


@pytest.fixture(scope="module", params=["moto", "localhost"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    if request.param == "moto":
        with mock_aws():
            yield _with_bucket(Place(session(), None))
    else:
        with local_service(tmp_path_factory.mktemp("deploy")) as local:
            yield _with_bucket(Place(session(), local.url))


# What goes wrong between two writers shows on either.
local_first = pytest.mark.parametrize(
    "place", ["localhost", pytest.param("moto", marks=pytest.mark.long)], indirect=True
)


def _with_bucket(place: Place) -> Place:
    place.clients().s3.create_bucket(Bucket=BUCKET)
    return place


def desired(version: str, *, name: str = "", large: bool = False, **members: Any) -> Desired:
    """A pipeline with the code that it names; another version has other code, arguments and tags."""
    name = name or f"p-{uuid.uuid4().hex[:8]}"
    read = BundledFile("parts/read.py", b"pass\n")
    code = tuple(
        Bundle(
            script, (BundledFile(f"{script}.py", version.encode()), read), checksum(json.dumps([version, name, script]))
        )
        for script in ("convert", "evaluate")
    )
    inputs = [
        {
            "InputName": bundle.script,
            "S3Input": {
                "S3Uri": bundle.uri(BUCKET, name),
                "LocalPath": f"/opt/ml/processing/input/{bundle.script}",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        }
        for bundle in code
    ]
    step = work("Convert", "true", arguments={"ProcessingInputs": inputs, "Environment": {"version": version}})
    if large:
        step["Description"] = "long " * 500
        steps = [{**step, "Name": f"Convert{number}"} for number in range(50)]
    else:
        steps = [step]
    tags = {"team": "ml", f"only-{version}": "1"}
    return Desired(name, definition(*steps), ROLE, BUCKET, name, code, tags, **members)


def upsert(clients: Clients, wanted: Desired) -> str:
    pauses: list[float] = []
    return apply.apply(clients, apply.plan(clients, wanted), progress=lambda _: None, sleep=pauses.append)


def assert_whole(clients: Clients, wanted: Desired) -> None:
    """All that was wanted is there, and nothing is left to do."""
    found = apply.read(clients, wanted.name)
    assert found is not None
    assert found.definition == wanted.definition
    assert found.tags == {**wanted.tags, CHECKSUM_TAG: wanted.checksum}
    assert found.role == wanted.role
    for bundle in wanted.bundles:
        assert code_objects(clients, wanted, bundle) == {file.name: file.content for file in bundle.files}
    assert found.code_files == wanted.code_files
    assert apply.plan(clients, wanted).empty


def code_objects(clients: Clients, wanted: Desired, bundle: Bundle) -> dict[str, bytes]:
    prefix = f"{wanted.prefix}/{bundle.key}/"
    listed = clients.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {
        item["Key"].removeprefix(prefix): clients.s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
        for item in listed
    }


def assert_code_before_definition(clients: Clients, name: str) -> None:
    """At no moment is a definition deployed whose code is not whole."""
    found = apply.read(clients, name)
    assert found is None or found.code_files is not None


def test_a_new_pipeline_is_whole_and_a_second_upsert_has_nothing_to_do(place: Place) -> None:
    clients, wanted = place.clients(), desired("1", description="What it is for.", parallelism=3)
    assert apply.plan(clients, wanted).new
    arn = upsert(clients, wanted)
    assert arn.endswith(f":pipeline/{wanted.name}")
    assert_whole(clients, wanted)
    described = clients.sagemaker.describe_pipeline(PipelineName=wanted.name)
    assert described["PipelineDescription"] == "What it is for."
    assert described["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 3}
    assert upsert(clients, wanted) == arn


def test_a_changed_pipeline_gets_new_code_arguments_tags_and_attributes(place: Place) -> None:
    clients, first = place.clients(), desired("1", parallelism=2)
    upsert(clients, first)
    second = desired("2", name=first.name, parallelism=5, description="New.")
    made = apply.plan(clients, second)
    assert [change.path for change in made.code] == ["convert.py", "evaluate.py"]
    assert {change.path: (change.old, change.new) for change in made.attributes}["parallelism"] == (2, 5)
    assert [(change.path, change.kind) for change in made.tags] == [("only-2", "added"), ("only-1", "removed")]
    upsert(clients, second)
    assert_whole(clients, second)
    assert code_objects(clients, first, first.bundles[0]), "the code of earlier executions stays"


def test_what_is_not_declared_is_left_as_it_is(place: Place) -> None:
    clients, first = place.clients(), desired("1", description="Kept.", parallelism=4)
    upsert(clients, first)
    bare = replace(first, description="", parallelism=None)
    assert apply.plan(clients, bare).empty
    upsert(clients, replace(desired("2", name=first.name)))
    described = clients.sagemaker.describe_pipeline(PipelineName=first.name)
    assert (described["PipelineDescription"], described["ParallelismConfiguration"]) == (
        "Kept.",
        {"MaxParallelExecutionSteps": 4},
    )


def test_a_large_definition_goes_through_s3_and_arrives_as_it_is(place: Place) -> None:
    clients, wanted = place.clients(), desired("1", large=True)
    assert len(wanted.definition) > INLINE_LIMIT
    if place.url is None:
        # moto answers what came through S3 as Python would print it: the upload is all that it can show.
        with pytest.raises(ServiceError, match="another upsert"):
            upsert(clients, wanted)
    else:
        upsert(clients, wanted)
        assert_whole(clients, wanted)
    key = f"{wanted.prefix}/definitions/{wanted.checksum}.json"
    assert clients.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() == wanted.definition


def test_a_plan_writes_nothing(place: Place) -> None:
    calls = Calls()
    clients, wanted = place.clients(calls), desired("1")
    apply.plan(clients, wanted)
    upsert(place.clients(), wanted)
    apply.plan(clients, desired("2", name=wanted.name))
    assert {name for name in calls.names if not name.startswith(("Describe", "List", "Get", "Head"))} == set()


@local_first
@pytest.mark.torture
@pytest.mark.parametrize("when", [pytest.param("before", marks=pytest.mark.long), "after"])
@pytest.mark.parametrize("what", [pytest.param("new", marks=pytest.mark.long), "changed"])
def test_an_upsert_killed_at_any_call_is_completed_by_the_next(place: Place, what: str, when: Any) -> None:
    calls = Calls(when=when)
    clients, dying = place.clients(), place.clients(calls)
    # moto cannot give back a large definition, which takes one more call.
    large = what == "changed" and place.url is not None and length(brief=False, full=True)
    for at in range(0, 50, length(5, 1)):
        wanted = desired("2", large=large)
        if what == "changed":
            upsert(clients, desired("1", name=wanted.name))
        calls.again(at)
        try:
            upsert(dying, wanted)
            break
        except KilledError:
            assert_code_before_definition(clients, wanted.name)
            upsert(clients, wanted)
        assert_whole(clients, wanted)
    assert 8 <= at < 48, "calls up to the last were tried"


@local_first
@pytest.mark.torture
@pytest.mark.long
def test_another_upsert_at_any_moment_of_this_one_leaves_one_of_both_and_its_checksum(place: Place) -> None:
    clients, other, lost = place.clients(), desired("2"), 0
    calls = Calls(when="after", do=lambda: upsert(clients, other) and None)
    interrupted = place.clients(calls)
    for at in range(0, 50, length(3, 1)):
        one = desired("1")
        other = desired("2", name=one.name)
        calls.again(at)
        try:
            upsert(interrupted, one)
        except ServiceError as error:
            assert "another upsert replaced the definition" in error.message
            lost += 1
        found = apply.read(clients, one.name)
        assert found is not None
        assert found.definition in (one.definition, other.definition)
        assert found.tags[CHECKSUM_TAG] == checksum(found.definition)
        assert found.code_files is not None
        if calls.at == at:
            break
    assert 8 <= at < 48, "calls up to the last were tried"
    assert lost, "in some moments the other is the last to write"


@local_first
@pytest.mark.parametrize("what", [pytest.param("new", marks=pytest.mark.long), "changed"])
def test_upserts_of_the_same_at_once_all_succeed(place: Place, what: str) -> None:
    wanted = desired("2")
    if what == "changed":
        upsert(place.clients(), desired("1", name=wanted.name))
    with ThreadPoolExecutor(4) as pool:
        arns = set(pool.map(lambda clients: upsert(clients, wanted), [place.clients() for _ in range(4)]))
    assert len(arns) == 1
    assert_whole(place.clients(), wanted)


@local_first
def test_upserts_of_different_definitions_at_once_leave_one_of_them(place: Place) -> None:
    name = desired("0").name
    each = [desired(str(number), name=name) for number in range(4)]

    def attempt(wanted: Desired) -> str:
        try:
            return upsert(place.clients(), wanted)
        except ServiceError as error:
            return error.message

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(attempt, each))
    assert all(end.startswith("arn:") or "another upsert replaced" in end for end in ends), ends
    found = apply.read(place.clients(), name)
    assert found is not None
    assert found.tags[CHECKSUM_TAG] == checksum(found.definition)
    assert found.code_files is not None
    upsert(place.clients(), each[0])
    assert_whole(place.clients(), each[0])


@local_first
def test_a_conflict_with_another_writer_is_waited_out(place: Place) -> None:
    wanted = desired("1")
    upsert(place.clients(), wanted)
    changed = desired("2", name=wanted.name)
    conflict = Refusal("UpdatePipeline", "ConflictException", "The pipeline is being updated.", times=2)
    pauses: list[float] = []
    refusing = Refusing(conflict)
    clients = place.clients(refusing)
    apply.apply(clients, apply.plan(clients, changed), progress=lambda _: None, sleep=pauses.append)
    assert (refusing.given, pauses) == (["UpdatePipeline"] * 2, [0.5, 1.0])
    assert_whole(place.clients(), changed)


def test_a_change_by_other_hands_is_seen_and_undone(place: Place) -> None:
    clients, wanted = place.clients(), desired("1")
    upsert(clients, wanted)
    clients.sagemaker.update_pipeline(PipelineName=wanted.name, PipelineDefinition=definition(work("Mine")))
    made = apply.plan(clients, wanted)
    assert "changed by other hands" in made.warnings[0]
    upsert(clients, wanted)
    assert_whole(clients, wanted)


def test_a_missing_bucket_is_a_warning_of_the_plan_and_stops_the_upsert_before_anything_is_made(place: Place) -> None:
    clients, wanted = place.clients(), replace(desired("1"), bucket="not-there-yet")
    assert apply.plan(clients, wanted).warnings == ("there is no bucket not-there-yet: create it before the upsert",)
    with pytest.raises(ServiceError, match="NoSuchBucket") as caught:
        upsert(clients, wanted)
    assert caught.value.hint.startswith("create the bucket")
    assert apply.read(clients, wanted.name) is None


def test_a_definition_that_would_be_refused_is_no_plan_and_says_all_that_is_wrong(place: Place) -> None:
    wrong = definition(work("Twice"), work("Twice"), work("Late", DependsOn=["Nobody"]))
    with pytest.raises(DefinitionError) as caught:
        apply.plan(place.clients(), replace(desired("1"), definition=wrong))
    lines = caught.value.message.splitlines()
    assert lines[0] == "the service would refuse the definition:"
    assert "Duplicate step name [Twice]" in lines[1]
    assert "Step [Nobody] is referenced but not defined" in lines[2]


def test_what_the_service_takes_with_doubt_is_a_warning(place: Place) -> None:
    nested = check("Outer", 1, 1, [check("Inner", 2, 2, [work("Deep")])])
    made = apply.plan(place.clients(), replace(desired("1"), definition=definition(nested)))
    assert any("Condition steps are nested" in warning for warning in made.warnings), made.warnings


def test_code_and_definition_are_encrypted_with_the_key_of_the_settings(place: Place) -> None:
    clients = place.clients()
    key = "arn:aws:kms:us-east-1:123456789012:key/0f0f0f0f-0000-4000-8000-0123456789ab"
    wanted = desired("1", large=place.url is not None, kms_key=key)
    upsert(clients, wanted)
    listed = clients.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{wanted.prefix}/")["Contents"]
    assert len(listed) == (7 if place.url else 6), "code, manifests, and the definition where it is large"
    for item in listed:
        head = clients.s3.head_object(Bucket=BUCKET, Key=item["Key"])
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key), item["Key"]
