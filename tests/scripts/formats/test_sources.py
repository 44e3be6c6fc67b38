"""Which files of a folder are read as what."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.support.raw_sources import refused


def test_folder_without_usable_data(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "nowhere: there is no such file or folder")
    refused(tmp_path, "the folder is empty")
    (tmp_path / ".hidden.csv").write_text("1,2\n")
    refused(tmp_path, "the folder is empty")
    (tmp_path / "notes.txt").write_text("hello")
    refused(tmp_path, "notes.txt: it is no data that can be read: give the four IDX files")
    (tmp_path / "more.txt").write_text("hello")
    refused(tmp_path, r"none of the 2 files \(more.txt, ...\) is data that can be read: give")
    (tmp_path / "a.csv").write_text("1,2\n")
    np.savez(tmp_path / "a.npz", x=np.ones((1, 1)), y=np.ones(1))
    refused(tmp_path, r"more than one kind of data, CSV \(a.csv\) and NPZ \(a.npz\); leave one")
    (tmp_path / "a.csv").unlink()
    np.savez(tmp_path / "b.npz", x=np.ones((1, 1)), y=np.ones(1))
    refused(tmp_path, r"2 NPZ files \(a.npz, b.npz\); leave one")
