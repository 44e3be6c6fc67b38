"""Encoders and responses for scripts that serve."""

from __future__ import annotations

from . import content_types, encoders, worker

# Examples import these with the others, and use none of them.
env = modules = server = transformer = None

__all__ = ["content_types", "encoders", "env", "modules", "server", "transformer", "worker"]
