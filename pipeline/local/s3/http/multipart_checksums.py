"""The checksums of multipart uploads: what one is created with, and what its parts' come to in the end.

A FULL_OBJECT checksum is that of all bytes, a COMPOSITE one that of the parts' checksums, with their number behind it.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from pipeline.local.s3.http import xml
from pipeline.local.s3.http.checksums import Taking, claimed, known_algorithm, new_digest
from pipeline.local.s3.http.crc import is_crc, joined_crc
from pipeline.local.s3.http.request import Plane, S3Request
from pipeline.local.s3.http.request_errors import BadDigest, InvalidRequest
from pipeline.local.s3.store import whole
from pipeline.local.s3.store.stored_objects import Upload, UploadedPart

FULL: Final = "FULL_OBJECT"
COMPOSITE: Final = "COMPOSITE"


def agreed(request: S3Request) -> dict[str, str]:
    """The algorithm and the type that an upload is created with; none unless the client names an algorithm."""
    text, kind = (request.headers.get(f"x-amz-checksum-{name}", "") for name in ("algorithm", "type"))
    if kind not in ("", FULL, COMPOSITE):
        raise InvalidRequest("Value for x-amz-checksum-type header is invalid.")
    if not text:
        if kind:
            raise InvalidRequest(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
            )
        return {}
    algorithm = known_algorithm(text)
    kind = kind or (FULL if algorithm == "crc64nvme" else COMPOSITE)
    if (kind == FULL and not is_crc(algorithm)) or (kind == COMPOSITE and algorithm == "crc64nvme"):
        raise InvalidRequest(f"The {kind} checksum type cannot be used with the {algorithm} checksum algorithm.")
    return {"algorithm": algorithm, "type": kind}


def agreed_nodes(upload: Upload) -> list[xml.Node]:
    """What an upload was created with, as XML."""
    checksums = upload.properties.checksums
    return (
        [("ChecksumAlgorithm", checksums["algorithm"].upper()), ("ChecksumType", checksums["type"])]
        if "algorithm" in checksums
        else []
    )


def agreed_headers(upload: Upload) -> dict[str, str]:
    """What an upload was created with, as headers."""
    checksums = upload.properties.checksums
    if "algorithm" not in checksums:
        return {}
    return {"x-amz-checksum-algorithm": checksums["algorithm"].upper(), "x-amz-checksum-type": checksums["type"]}


def of_whole(plane: Plane, request: S3Request, parts: list[UploadedPart]) -> tuple[dict[str, str], str]:
    """The checksum of the whole object, from those of its parts where they have them, else from its bytes.

    Raises BadDigest for one that is not the object's, as far as it can be computed.
    """
    given, shared = claimed(request.headers), _shared(parts)
    blobs = [part.blob for part in parts]
    found = dict(given)
    for name in given or shared:
        if name in shared and is_crc(name):
            found[name] = joined_crc(name, [(part.checksums[name], part.blob.size) for part in parts])
        else:
            with whole(request.bucket, request.key):
                taking = Taking(plane.objects.blobs.read(blobs, 0, sum(blob.size for blob in blobs)), name)
                for _ in taking:
                    pass
            found |= taking.checksums
    return found, FULL


def of_parts(parts: list[UploadedPart]) -> tuple[dict[str, str], str]:
    """The checksums of the parts' checksums."""
    combined: dict[str, str] = {}
    for name in sorted(_shared(parts)):
        digest = new_digest(name)
        if digest is None:
            continue
        try:
            for part in parts:
                digest.update(base64.b64decode(part.checksums[name], validate=True))
        except binascii.Error:
            raise BadDigest(f"The {name.upper()} of a part is no base64.") from None
        combined[name] = f"{base64.b64encode(digest.digest()).decode()}-{len(parts)}"
    return combined, COMPOSITE


def _shared(parts: list[UploadedPart]) -> set[str]:
    """The kinds of checksums that all parts have."""
    return set.intersection(*(set(part.checksums) for part in parts)) if parts else set()
