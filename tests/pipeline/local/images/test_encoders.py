"""Arrays that requests hold, in the managed images."""

from __future__ import annotations

import io

import numpy as np
import pytest

from pipeline.local.images.sagemaker_containers.beta.framework import encoders


def test_a_request_in_npy_is_numbers_and_never_code() -> None:
    content = io.BytesIO()
    np.save(content, np.array([{"not": "a number"}]), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        encoders.decode(content.getvalue(), "application/x-npy")
    assert encoders.decode(encoders.encode([[1.0, 2.0]], "application/x-npy"), "application/x-npy").tolist() == [[1, 2]]
