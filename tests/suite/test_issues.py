"""Suggestions for mistyped names, and findings without a file."""

from __future__ import annotations

from servegen_fw.suite.issues import Issue, did_you_mean


def test_near_names() -> None:
    """A name near to known ones gets the nearest, whatever its case."""
    assert did_you_mean("ratee", ["rate", "requests"]) == "did you mean 'rate'?"
    assert did_you_mean("CV", ["cv"]) == "did you mean 'cv'?"
    assert did_you_mean("group-3", ["group-1", "group-2"]) in {
        "did you mean 'group-1' or 'group-2'?",
        "did you mean 'group-2' or 'group-1'?",
    }


def test_far_names() -> None:
    """A name near to none gets the list of all, each once."""
    assert did_you_mean("xyz", ["b", "a", "b"]) == "known: a, b"
    assert did_you_mean("xyz", []) == "none are known"


def test_problem() -> None:
    """A finding about data without a file names the key path and the cure."""
    problem = Issue(("case", 0, "load"), "is wrong", "mend it").problem()
    assert str(problem) == "case[0].load: is wrong\n      mend it"
