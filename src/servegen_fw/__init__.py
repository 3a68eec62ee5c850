"""Benchmark framework for LLM serving: per-client workloads, truthful measurement, verdicts."""

from __future__ import annotations

__version__ = "0.1.0"
