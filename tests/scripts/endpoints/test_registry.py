"""What a release reads of a version: its test set, its figures, and what is said where they are not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.endpoints.registry import Registry, Version
from scripts.errors import ScriptError

OBJECTS = {f"run/{name}/{name}.csv": b"1\n" for name in ("features", "labels", "predictions")}
PROPERTIES = {f"Test{name.capitalize()}": f"s3://bucket/run/{name}" for name in ("features", "labels", "predictions")}


class Storage:
    """S3 as far as a registry asks it."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects

    def get_paginator(self, operation: str) -> Storage:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        return [{"Contents": [{"Key": key} for key in self.objects if key.startswith(request["Prefix"])]}, {}]

    def download_file(self, bucket: str, key: str, path: str) -> None:
        Path(path).write_bytes(self.objects[key])

    def download_fileobj(self, bucket: str, key: str, body: Any) -> None:
        body.write(self.objects[key])


def version(properties: dict[str, str]) -> Version:
    return Version("arn", 4, (), "s3://bucket/evaluation.json", properties)


def test_the_test_set_of_a_version_comes_into_folders_of_its_own(tmp_path: Path) -> None:
    found = Registry(None, Storage(OBJECTS)).test_set(version(PROPERTIES), tmp_path)
    assert {name: (folder / f"{name}.csv").read_bytes() for name, folder in found.items()} == {
        name: b"1\n" for name in ("features", "labels", "predictions")
    }


def test_a_version_without_a_test_set_or_whose_test_set_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="version 4 is registered without its test features"):
        Registry(None, Storage(OBJECTS)).test_set(version({}), tmp_path)
    with pytest.raises(ScriptError, match="s3://bucket/run/features, registered with the version, is gone"):
        Registry(None, Storage({})).test_set(version(PROPERTIES), tmp_path)


def test_registered_figures_are_read_without_what_is_no_figure() -> None:
    evaluation = {"regression_metrics": {"mae": {"value": 1.5}, "curve": [1, 2]}}
    storage = Storage({"evaluation.json": json.dumps(evaluation).encode()})
    assert Registry(None, storage).figures(version({})) == {"mae": {"value": 1.5}}
    with pytest.raises(ScriptError, match="holds no evaluation"):
        Registry(None, Storage({"evaluation.json": b"[]"})).figures(version({}))
