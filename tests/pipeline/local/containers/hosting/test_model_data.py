"""Model archives are unpacked with suspicion."""

from __future__ import annotations

import io
import lzma
import struct
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.local.containers.hosting.model_data import ModelDataError, fetch, missing, unpack
from pipeline.local.s3.store import Objects
from pipeline.local.service_context import Configuration
from tests.support.damage import shorten
from tests.support.serving import archive


@pytest.fixture
def service(tmp_path: Path) -> Any:
    objects = Objects(tmp_path / "s3")
    objects.create_bucket("models")
    yield SimpleNamespace(objects=objects, configuration=Configuration())
    objects.close()


def evil(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for good in ("first", name):
            member = tarfile.TarInfo(good)
            member.type = kind if good == name else tarfile.REGTYPE
            member.linkname = target if good == name else ""
            tar.addfile(member, io.BytesIO())
    return buffer.getvalue()


def damaged() -> bytes:
    """A gzip file that begins as an archive of one file does, and then is none."""
    member = tarfile.TarInfo("model")
    member.size = 100_000
    head = member.tobuf()
    stored = b"\x00" + struct.pack("<HH", len(head), 0xFFFF ^ len(head)) + head
    return bytes.fromhex("1f8b08000000000000ff") + stored + b"\x07" * 20


def test_an_archive_becomes_files(service: Any, tmp_path: Path) -> None:
    service.objects.put("models", "a/model.tar.gz", archive({"model_algo-1": b"x", "code/inference.py": b"y"}))
    fetch(service, {"ModelDataUrl": "s3://models/a/model.tar.gz"}, tmp_path / "ml" / "model")
    assert (tmp_path / "ml/model/model_algo-1").read_bytes() == b"x"
    assert (tmp_path / "ml/model/code/inference.py").read_bytes() == b"y"
    assert not (tmp_path / "ml/model.tar.gz").exists()


@pytest.mark.parametrize(
    "content",
    [
        evil("../outside"),
        evil("a/../../outside"),
        evil("link", tarfile.SYMTYPE, "/etc/passwd"),
        evil("link", tarfile.SYMTYPE, "../../outside"),
        evil("hard", tarfile.LNKTYPE, "../../outside"),
        evil("device", tarfile.CHRTYPE),
        evil("pipe", tarfile.FIFOTYPE),
        b"no archive",
        archive({"model": b"x" * 100_000})[:60],
        b"",
        damaged(),
        lzma.compress(b"x" * 100_000)[:60],
    ],
    # An archive's bytes hold the time, and a name that changes is another test to each worker.
    ids=[
        "above",
        "above within",
        "link",
        "link above",
        "hard link",
        "device",
        "pipe",
        "no archive",
        "cut",
        "empty",
        "damaged",
        "xz",
    ],
)
def test_what_cannot_be_trusted_is_refused_and_leaves_nothing(service: Any, tmp_path: Path, content: bytes) -> None:
    service.objects.put("models", "evil.tar.gz", content)
    with pytest.raises(ModelDataError, match=r"Failed to download model data .*s3://models/evil.tar.gz"):
        fetch(service, {"ModelDataUrl": "s3://models/evil.tar.gz"}, tmp_path / "ml" / "model")
    assert not (tmp_path / "ml" / "model").exists()
    assert not (tmp_path / "outside").exists() and not (tmp_path / "ml" / "outside").exists()


def test_an_archive_that_is_damaged_on_disk_is_named_and_leaves_nothing(service: Any, tmp_path: Path) -> None:
    service.objects.put("models", "a/model.tar.gz", archive({"model_algo-1": b"x" * 1000}))
    shorten(service.objects, "models", "a/model.tar.gz", 20)
    with pytest.raises(ModelDataError, match="s3://models/a/model.tar.gz is damaged"):
        fetch(service, {"ModelDataUrl": "s3://models/a/model.tar.gz"}, tmp_path / "ml" / "model")
    assert list((tmp_path / "ml").iterdir()) == []


def test_absolute_names_stay_inside(service: Any, tmp_path: Path) -> None:
    service.objects.put("models", "absolute.tar.gz", archive({"/absolute": b"x"}))
    fetch(service, {"ModelDataUrl": "s3://models/absolute.tar.gz"}, tmp_path / "model")
    assert (tmp_path / "model" / "absolute").read_bytes() == b"x" and not Path("/absolute").exists()


def test_an_archive_that_grows_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    packed = tmp_path / "bomb.tar.gz"
    (tmp_path / "bomb").mkdir()
    packed.write_bytes(archive({"zeros": bytes(1_000_000)}))
    with pytest.raises(ModelDataError, match="more than 1000 bytes"):
        unpack(packed, tmp_path / "bomb", limit=1000)
    assert not (tmp_path / "bomb" / "zeros").exists()


def test_a_prefix_becomes_files_and_no_key_leads_out(service: Any, tmp_path: Path) -> None:
    service.objects.put("models", "plain/a", b"1")
    service.objects.put("models", "plain/sub/b", b"2")
    source = {"S3DataSource": {"S3Uri": "s3://models/plain/", "S3DataType": "S3Prefix", "CompressionType": "None"}}
    fetch(service, {"ModelDataSource": source}, tmp_path / "model")
    assert (tmp_path / "model/sub/b").read_bytes() == b"2"
    service.objects.put("models", "plain/../../../out", b"3")
    with pytest.raises(ModelDataError):
        fetch(service, {"ModelDataSource": source}, tmp_path / "other")
    assert not list(tmp_path.rglob("out"))


def test_what_is_missing_is_told_only_of_buckets_that_are_here(service: Any) -> None:
    assert missing(service, {"ModelDataUrl": "s3://models/none.tar.gz"}) == "s3://models/none.tar.gz"
    assert missing(service, {"ModelDataUrl": "s3://elsewhere/none.tar.gz"}) == ""
    assert missing(service, {}) == ""
