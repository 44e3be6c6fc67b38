"""What the managed images hold on AWS by tag, and one line that tells in what this interpreter differs from it.

A stand-in runs with the libraries there are, whatever the tag says, so a script may pass here and fail there. The
versions are those of the images' own sources; a tag that is not listed, or a library whose version the sources leave
open, is passed over.
"""

from __future__ import annotations

import platform
from functools import cache
from typing import Final

_NONE: Final = ""
"""The image is known not to have it."""
_LIBRARIES: Final = ("numpy", "pandas", "scikit-learn", "scipy", "pyarrow", "boto3", "matplotlib", "xgboost")
_SKLEARN: Final = "sagemaker-scikit-learn"
_XGBOOST: Final = "sagemaker-xgboost"
_CONTENTS: Final[dict[tuple[str, str], tuple[str | None, ...]]] = {
    # Python, then the libraries in the order of their names above; None for what is not known
    (_SKLEARN, "1.2-1-cpu-py3"): (None, "1.24.1", "1.1.3", "1.2.1", None, None, None, _NONE, _NONE),
    (_SKLEARN, "1.4-2-cpu-py3"): ("3.10", "2.1.0", "2.3.2", "1.4.2", None, "17.0.0", "1.28.57", _NONE, _NONE),
    (_SKLEARN, "1.4-2-py312-cpu-py3"): ("3.12", "2.1.0", "2.3.2", "1.4.2", None, "17.0.0", "1.28.57", _NONE, _NONE),
    (_SKLEARN, "1.9-0-cpu-py3"): ("3.12", "2.5.1", "2.2.3", "1.9.0", "1.18.0", "25.0.0", "1.43.46", _NONE, _NONE),
    (_XGBOOST, "1.7-1"): ("3.9", "1.24.1", "1.2.4", "0.24.1", "1.8.0", None, "1.17.52", "3.4.1", "1.7.4"),
    (_XGBOOST, "3.0-5"): ("3.10", "2.1.0", "2.2.3", "1.5.2", "1.15.0", None, "1.17.52", "3.9.2", None),
    (_XGBOOST, "3.2-0"): ("3.12", "2.1.0", "2.2.3", "1.8.0", "1.15.0", "22.0.0", "1.38.0", "3.10.9", "3.2.0"),
}


@cache
def differences(image_uri: str) -> str:
    """The line for a job's log; "" where nothing is known of the tag, or nothing differs."""
    name, _, tag = image_uri.split("@", 1)[0].rpartition("/")[2].partition(":")
    known = _CONTENTS.get((name, tag))
    if known is None:
        return ""
    told = [
        f"{library} {there} (here {here or 'none'})" if there else f"no {library} (here {here})"
        for library, there, here in zip(("Python", *_LIBRARIES), known, _here(), strict=True)
        if there is not None and there != here
    ]
    return f"[localhost] on AWS {name}:{tag} has {', '.join(told)}." if told else ""


def _here() -> list[str]:
    from importlib.metadata import PackageNotFoundError, version

    found = [".".join(platform.python_version_tuple()[:2])]
    for library in _LIBRARIES:
        try:
            found.append(version(library))
        except PackageNotFoundError:
            found.append(_NONE)
    return found
