"""What a plan decides, as plain data."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from pipeline.definition.difference import Change
from pipeline.deploy.code_bundle import Bundle, BundledFile
from pipeline.deploy.plan import (
    CHECKSUM_TAG,
    CreatePipeline,
    Deployed,
    Desired,
    RecordChecksum,
    RemoveTags,
    SetTags,
    UpdatePipeline,
    UploadCode,
    checksum,
    make,
)

ROLE = "arn:aws:iam::123456789012:role/pipeline"


def definition(**arguments: Any) -> str:
    steps = [{"Name": "Convert", "Type": "Processing", "Arguments": arguments}]
    return json.dumps({"Version": "2020-12-01", "Steps": steps})


def desired(text: str = definition(x="1"), **members: Any) -> Desired:
    code = Bundle("convert", (BundledFile("convert.py", b"pass"),), "a" * 64)
    return Desired("demo", text, ROLE, "bucket", "demo", (code,), **members)


def deployed(wanted: Desired, **members: Any) -> Deployed:
    tags = {**wanted.tags, CHECKSUM_TAG: wanted.checksum}
    found = Deployed("arn", wanted.definition, ROLE, tags, wanted.code_files)
    return replace(found, **members)


def test_a_new_pipeline_is_created_with_all_its_steps_after_its_code() -> None:
    wanted = desired(tags={"team": "ml"})
    plan = make(wanted, None, missing=wanted.bundles)
    assert plan.new
    assert [change.name for change in plan.steps] == ["Convert"]
    assert [type(instruction) for instruction in plan.instructions] == [UploadCode, CreatePipeline, RecordChecksum]


def test_nothing_to_do_when_all_is_deployed() -> None:
    wanted = desired(tags={"team": "ml"})
    assert make(wanted, deployed(wanted), missing=()).empty


def test_a_definition_in_another_layout_is_no_change() -> None:
    wanted = desired()
    found = deployed(wanted, definition=json.dumps(json.loads(wanted.definition), indent=2))
    assert make(wanted, found, missing=()).empty


def test_code_that_is_not_whole_in_s3_is_uploaded_again() -> None:
    wanted = desired()
    (code,) = wanted.bundles
    assert make(wanted, deployed(wanted), missing=[code]).instructions == (UploadCode(code, "bucket", "demo"),)


def test_a_changed_argument_updates_and_writes_the_checksum_last() -> None:
    wanted = desired(definition(x="2"))
    plan = make(wanted, deployed(desired()), missing=())
    assert plan.steps[0].changes == (Change("Arguments.x", "1", "2"),)
    assert plan.instructions == (UpdatePipeline(wanted), RecordChecksum(wanted.checksum))


def test_a_changed_role_is_an_attribute() -> None:
    wanted = desired()
    plan = make(wanted, deployed(wanted, role="arn:aws:iam::123456789012:role/old"), missing=())
    assert plan.attributes == (Change("role", "arn:aws:iam::123456789012:role/old", ROLE),)
    assert UpdatePipeline(wanted) in plan.instructions


def test_tags_are_set_as_declared_and_others_removed() -> None:
    wanted = desired(tags={"team": "ml"})
    found = deployed(wanted, tags={"old": "1", "aws:cloudformation": "x", CHECKSUM_TAG: wanted.checksum})
    plan = make(wanted, found, missing=())
    assert plan.instructions == (RemoveTags(("old",)), SetTags({"team": "ml"}))
    assert [change.path for change in plan.tags] == ["team", "old"]


def test_a_file_that_changed_is_shown() -> None:
    wanted = desired()
    plan = make(wanted, deployed(wanted, code_files={"convert.py": "0", "gone.py": "1"}), missing=())
    assert [(change.path, change.kind) for change in plan.code] == [("convert.py", "changed"), ("gone.py", "removed")]


def test_a_definition_changed_by_other_hands_is_a_warning() -> None:
    wanted = desired()
    other = definition(x="edited in the console")
    plan = make(wanted, deployed(wanted, definition=other), missing=())
    assert "changed by other hands" in plan.warnings[0]


def test_an_upsert_cut_off_before_its_checksum_is_no_drift() -> None:
    wanted = desired(definition(x="2"))
    found = deployed(wanted, tags={CHECKSUM_TAG: checksum(definition(x="1"))})
    plan = make(wanted, found, missing=())
    assert plan.warnings == ()
    assert plan.instructions == (RecordChecksum(wanted.checksum),)


def test_a_pipeline_made_by_something_else_is_a_warning() -> None:
    wanted = desired()
    other = deployed(wanted, tags={}, definition=definition(x="made in Studio"))
    assert "not made by this tool" in make(wanted, other, missing=()).warnings[0]


def test_an_upsert_cut_off_before_its_first_checksum_is_not_taken_for_something_else() -> None:
    wanted = desired()
    plan = make(wanted, deployed(wanted, tags={}), missing=())
    assert (plan.warnings, plan.instructions) == ((), (RecordChecksum(wanted.checksum),))
