"""Botocore's own model of the API: what a request is made of, and a Describe response, whose members references name.

The file is read without botocore, which takes 0.03 s.
"""

from __future__ import annotations

import functools
import gzip
import importlib.util
import json
from pathlib import Path
from typing import Any


def operations() -> frozenset[str]:
    """The names of all actions of SageMaker, also those that localhost does not have."""
    return frozenset(load_model()["operations"])


@functools.cache
def load_model(service: str = "sagemaker", version: str = "2017-07-24") -> dict[str, Any]:
    """Botocore's model of a service: `operations` and `shapes` as in its file."""
    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("botocore is not installed")
    path = Path(spec.submodule_search_locations[0], "data", service, version, "service-2.json.gz")
    model: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return model
