"""Archives are unpacked inside their folder, whatever they hold and whatever version of Python reads them."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from pipeline.local.images.sagemaker_containers.archive import ArchiveError, unpack

Member = tuple[str, bytes, str]
"""Name, type and target of a link, or text of a file."""


def tar(path: Path, members: Iterable[Member], *, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, kind, text in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                member.linkname = text
                archive.addfile(member)
            else:
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
    return path


def symlink(name: str, target: str) -> Member:
    return name, tarfile.SYMTYPE, target


def hard_link(name: str, target: str) -> Member:
    return name, tarfile.LNKTYPE, target


def file(name: str, text: str = "x") -> Member:
    return name, tarfile.REGTYPE, text


def overflowing_path(outside: str) -> list[Member]:
    """Links so long that resolving them gives up, behind which a name that goes up looks harmless (CVE-2025-4517)."""
    part, steps = "d" * 247, "abcdefghijklmnop"
    members: list[Member] = []
    path = ""
    for step in steps:
        members.append((os.path.join(path, part), tarfile.DIRTYPE, ""))
        members.append(symlink(os.path.join(path, step), part))
        path = os.path.join(path, part)
    chain = os.path.join("/".join(steps), "l" * 254)
    members.append(symlink(chain, "../" * len(steps)))
    members.append(symlink("escape", f"{chain}/{outside}"))
    members.append(hard_link("there", "escape"))
    members.append(file("there"))
    return members


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "state" / "inside"
    inside.mkdir(parents=True)
    (tmp_path / "state" / "key").write_text("secret")
    return inside


HOSTILE: dict[str, list[Member]] = {
    "above": [file("../key")],
    "above within": [file("a/../../key")],
    "link to elsewhere": [symlink("key", "/etc/passwd")],
    "link above": [symlink("key", "../key")],
    "link above from below": [symlink("a/b/key", "../../../key")],
    "link that goes up after it went down": [symlink("a/b", "c/../../../key")],
    "link by a link": [symlink("a/b/up", "../.."), symlink("c", "a/b/up/../key")],
    "file below a link": [symlink("a", "."), file("a/b")],
    "file below a link to a folder": [("d", tarfile.DIRTYPE, ""), symlink("a", "d"), file("a/b")],
    "hard link above": [hard_link("key", "../key")],
    "hard link by a link": [symlink("a", "."), hard_link("b", "a/c")],
    "hard link to a link": [symlink("a", "b"), hard_link("c", "a")],
    "hard link to nothing": [hard_link("a", "a")],
    "path too long to be resolved": overflowing_path("../key"),
    "device": [("zero", tarfile.CHRTYPE, "")],
    "disk": [("disk", tarfile.BLKTYPE, "")],
    "pipe": [("pipe", tarfile.FIFOTYPE, "")],
    "unknown type": [("what", b"Z", "x")],
    "sparse file": [("holes", tarfile.GNUTYPE_SPARSE, "x")],
    "no name": [file("/")],
    "file in place of a folder": [file("a/b"), file("a")],
    "very deep": [file("a/" * 300 + "b")],
}


@pytest.mark.parametrize("members", list(HOSTILE.values()), ids=list(HOSTILE))
def test_what_would_leave_the_folder_or_is_no_plain_file_is_refused(folder: Path, members: list[Member]) -> None:
    with pytest.raises(ArchiveError):
        unpack(tar(folder.parent / "packed", members), folder)
    assert (folder.parent / "key").read_text() == "secret"
    assert sorted(entry.name for entry in folder.parent.iterdir()) == ["inside", "key", "packed"]
    assert all(os.path.realpath(path).startswith(str(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_files_folders_and_links_inside_are_unpacked(folder: Path, mode: str) -> None:
    members = [
        ("./", tarfile.DIRTYPE, ""),
        file("./code/inference.py", "old"),
        file("code/inference.py", "print()"),
        file("/model", "weights"),
        symlink("code/weights", "../model"),
        symlink("latest", "code"),
        hard_link("same", "model"),
    ]
    unpack(tar(folder.parent / "packed", members, mode=mode), folder)
    assert (folder / "code/inference.py").read_text() == "print()"
    assert (folder / "latest/weights").read_text() == (folder / "same").read_text() == "weights"


def test_a_program_stays_one_and_gets_no_other_rights(folder: Path) -> None:
    with tarfile.open(folder.parent / "packed", "w") as archive:
        for name, mode in (("run", 0o6777), ("data", 0o666)):
            member = tarfile.TarInfo(name)
            member.mode = mode
            archive.addfile(member)
    unpack(folder.parent / "packed", folder)
    assert [(folder / name).stat().st_mode & 0o7777 & ~0o755 for name in ("run", "data")] == [0, 0]
    assert os.access(folder / "run", os.X_OK) and not (folder / "data").stat().st_mode & 0o111


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"no archive at all" * 100, "invalid header|bad checksum"),
        (gzip.compress(b"no archive at all" * 100, mtime=0), "invalid header|bad checksum"),
    ],
    ids=["empty", "text", "packed text"],
)
def test_what_is_no_archive_is_an_error(folder: Path, content: bytes, reason: str) -> None:
    (folder.parent / "packed").write_bytes(content)
    with pytest.raises(ArchiveError, match=reason):
        unpack(folder.parent / "packed", folder)


def test_damage_after_the_first_member_is_an_error_not_the_end(folder: Path) -> None:
    packed = tar(folder.parent / "packed", [file("a"), file("b"), file("c")], mode="w")
    data = bytearray(packed.read_bytes())
    data[1024:1034] = b"\xff" * 10
    packed.write_bytes(data)
    with pytest.raises(ArchiveError, match="bad checksum"):
        unpack(packed, folder)


def test_every_cut_of_a_packed_archive_is_an_error(folder: Path) -> None:
    whole = tar(folder.parent / "packed", [file("a", "a" * 3000), file("b")]).read_bytes()
    for length in range(len(whole)):
        (folder.parent / "packed").write_bytes(whole[:length])
        with pytest.raises(ArchiveError):
            unpack(folder.parent / "packed", folder)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ({"comment": "x" * 3_000_000}, "head of a member is too large"),
        ({"size": "-1024"}, "backwards|unexpected end"),
        ({"size": str(1 << 70)}, "more than|unexpected end"),
        (
            {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9" * 18},
            "head of a member is damaged",
        ),
    ],
    ids=["large", "negative size", "endless size", "sparse"],
)
def test_heads_that_lie_are_refused(folder: Path, head: dict[str, str], reason: str) -> None:
    with tarfile.open(folder.parent / "packed", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("a")
        member.pax_headers = head
        archive.addfile(member)
        archive.addfile(tarfile.TarInfo("b"))
    with pytest.raises(ArchiveError, match=reason):
        unpack(folder.parent / "packed", folder)


def test_no_more_is_unpacked_than_the_limit(folder: Path) -> None:
    packed = tar(folder.parent / "packed", [file("zeros", "0" * 1_000_000)])
    with pytest.raises(ArchiveError, match="it unpacks to more than 500000 bytes"):
        unpack(packed, folder, limit=500_000)
    assert sum(path.stat().st_size for path in folder.rglob("*")) <= 500_000


def test_a_flood_of_members_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.local.images.sagemaker_containers.archive._HEADS_LIMIT", 50_000)
    with pytest.raises(ArchiveError, match="too many members"):
        unpack(tar(folder.parent / "packed", [file("same", "")] * 500), folder)
