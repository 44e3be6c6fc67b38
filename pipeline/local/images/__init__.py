"""Stand-ins for container images: the programs that run where AWS would run an image."""

from __future__ import annotations

from pipeline.local.images.catalog import Image, catalog, parse, register, resolve
from pipeline.local.images.tag_contents import differences

__all__ = ["Image", "catalog", "differences", "parse", "register", "resolve"]
