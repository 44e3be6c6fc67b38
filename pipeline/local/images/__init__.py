"""Stand-ins for container images: the programs that run where AWS would run an image."""

from __future__ import annotations

from pipeline.local.images.catalog import Image, catalog, parse, register, resolve

__all__ = ["Image", "catalog", "parse", "register", "resolve"]
