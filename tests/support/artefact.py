"""A linear-learner artefact put together from the format's description alone, for what reads one."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import zipfile
from typing import Any

import numpy as np


def artifact(weight: Any, *, kind: str = "binary_classifier", loss: str = "logistic", threshold: float = 0.5) -> bytes:
    """A model.tar.gz as linear-learner writes it, put together from the format's description."""
    arrays = {"arg:fc0_weight": np.asarray(weight, "<f4"), "arg:fc0_bias": np.zeros((1, weight.shape[1]), "<f4")}
    params = struct.pack("<QQQ", 0x112, 0, len(arrays))
    for array in arrays.values():
        params += struct.pack("<IiI", 0xF993FAC9, 0, array.ndim) + struct.pack(f"<{array.ndim}q", *array.shape)
        params += struct.pack("<iii", 1, 0, 0) + array.tobytes()
    params += struct.pack("<Q", len(arrays))
    params += b"".join(struct.pack("<Q", len(name)) + name.encode() for name in arrays)
    extra = {"predictor_type": kind, "loss_type": loss, "threshold": threshold}
    module = io.BytesIO()
    with zipfile.ZipFile(module, "w") as packed:
        packed.writestr("mx-mod-0000.params", params)
        packed.writestr("additional-params.json", json.dumps(extra))
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        member = tarfile.TarInfo("model_algo-1")
        member.size = len(module.getvalue())
        archive.addfile(member, io.BytesIO(module.getvalue()))
    return whole.getvalue()
