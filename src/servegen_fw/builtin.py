"""The kernel's own entries, declared through the same hooks as everyone's."""

from __future__ import annotations
