"""Where a value of a loaded suite stands, for problems that show only later: an unreachable server, a short recording."""

from __future__ import annotations

import re

import attrs

from servegen_fw.errors import InputError, Problem
from servegen_fw.suite.document import Document
from servegen_fw.suite.issues import Issue
from servegen_fw.suite.model import Suite
from servegen_fw.suite.paths import KeyPath, parse_path


def problem_at(suite: Suite, path: KeyPath, what: str, cure: str = "") -> Problem:
    """Return a problem about the value at `path`, with the line of its file or the option that set it."""
    return Document({}, suite.source, suite.text, suite.overrides).problem(Issue(path, what, cure))


_GROUP = re.compile(r'workload\.group "(?P<name>[^"]*)"(?:\.(?P<rest>\w+(?:\.\w+|\[\d+\])*))?')


def placed(suite: Suite, case: str, error: InputError) -> InputError:
    """Return the error of composing a case with the place of the group or load that each problem speaks of.

    Composition knows groups by name and has no file; a problem that has a place, or speaks of something else, is kept.
    """
    return InputError(*(_placed(suite, case, problem) for problem in error.problems))


def _placed(suite: Suite, case: str, problem: Problem) -> Problem:
    if problem.place is not None:
        return problem
    path: KeyPath = ()
    if found := _GROUP.match(problem.who):
        names = [group.name for group in suite.workload.groups]
        if found["name"] in names:
            rest = parse_path(found["rest"]) if found["rest"] else ()
            path = ("workload", "group", names.index(found["name"]), *rest)
    elif problem.who.startswith("case.load"):
        path = ("case", [one.name for one in suite.cases].index(case), "load")
    if not path:
        return problem
    return attrs.evolve(problem_at(suite, path, problem.what, problem.cure), who=problem.who)
