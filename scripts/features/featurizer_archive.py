"""The model.tar.gz of the container that serves before linear-learner: what was fitted, and the code that applies it.

The code is `featurizer.py` itself, as script mode wants it: `code/inference.py`. The same input gives the same bytes.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from pathlib import Path

from scripts.errors import ScriptError
from scripts.features import featurizer as code
from scripts.features.featurizer import FILE, Featurizer


def archive(fitted: Featurizer) -> bytes:
    """The content of model.tar.gz."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        for name, content in ((FILE, fitted.dump()), ("code/inference.py", Path(code.__file__).read_bytes())):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def read_fit(baseline: Path) -> Featurizer:
    """What InspectData fitted. Raises `ScriptError` where it did not."""
    found = read_featurizer(baseline)
    if found is None:
        raise ScriptError(f"{FILE}: InspectData fitted no treatment; inspect the data with features=table")
    return found


def read_featurizer(inspection: Path) -> Featurizer | None:
    """What was fitted, as the conversion left it beside its inspection; None where rows are numbers alone."""
    saved = inspection / FILE
    return Featurizer.load(saved.read_bytes()) if saved.exists() else None


def fitted(content: bytes) -> Featurizer:
    """What was fitted, from the content of model.tar.gz. Raises `ScriptError` where it holds no such thing."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            member = tar.extractfile(FILE)
            return Featurizer.load(member.read() if member else b"")
    except (tarfile.TarError, OSError, EOFError, zlib.error, KeyError, ValueError, TypeError) as error:
        raise ScriptError(f"its first container holds no {FILE} of ours ({error})") from None
