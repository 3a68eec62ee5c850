"""Where a value of a loaded suite stands, for problems that show only later: an unreachable server, a short recording."""

from __future__ import annotations

from servegen_fw.errors import Problem
from servegen_fw.suite.document import Document
from servegen_fw.suite.issues import Issue
from servegen_fw.suite.model import Suite
from servegen_fw.suite.paths import KeyPath


def problem_at(suite: Suite, path: KeyPath, what: str, cure: str = "") -> Problem:
    """Return a problem about the value at `path`, with the line of its file or the option that set it."""
    return Document({}, suite.source, suite.text, suite.overrides).problem(Issue(path, what, cure))
