"""Citations `[S12]` fit the entries of docs/sources.md, and nothing outside the repository is cited."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from off2on.config import REPOSITORY

SOURCES = Path("docs/sources.md")
DIRECTORIES = ("off2on", "tests", "config", "docs", "workflow", "benchmarks")
PLACES = (*DIRECTORIES, "CONTRIBUTING.md", "README.md", "Snakefile")
ENDINGS = {".py", ".yaml", ".yml", ".json", ".md", ".smk", ".j2", ""}
#: `[S3]`, `[S3, S12]`, `[S3-S5, S12]`
PART = r"S\d+(?:-S\d+)?"
CITATION = re.compile(rf"\[({PART}(?:, {PART})*)\]")
LIKE_A_CITATION = re.compile(r"\[\s*S\s?\d")
ENTRY = re.compile(r"^\*\*S(\d+)\*\* ", re.MULTILINE)
GRADE = re.compile(r"^\| (.+?) \| ", re.MULTILINE)
OLD = re.compile(
    r"\bfacts,? (?:section )?\d|golden README|\(design\b|\bdesign,? (?:section )?\d"
    r"|PAPER_FACTS|\b(?:DESIGN|DEVICE|MANIPULATION|ANCHORS)\.md|shared/(?:reference|golden)",
    re.IGNORECASE,
)


def files() -> Iterator[Path]:
    for place in PLACES:
        path = REPOSITORY / place
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix in ENDINGS and "__pycache__" not in file.parts:
                yield file


def numbers(text: str) -> list[int]:
    return [int(number) for number in ENTRY.findall(text)]


def citation_problems(text: str, known: set[int]) -> list[str]:
    """What is wrong with the citations of a text."""
    problems = []
    whole = {match.start() for match in CITATION.finditer(text)}
    for match in LIKE_A_CITATION.finditer(text):
        if match.start() not in whole:
            problems.append(f"not of the form [S3, S12]: {text[match.start() : match.start() + 20]!r}")
    for match in CITATION.finditer(text):
        spans = []
        for part in match[1].split(", "):
            ends = [int(number) for number in re.findall(r"\d+", part)]
            spans.append((ends[0], ends[-1]))
            problems += [f"{match[0]}: docs/sources.md has no S{end}" for end in ends if end not in known]
            if len(ends) == 2 and ends[0] >= ends[1]:
                problems.append(f"{match[0]}: a range that does not go up")
        if any(one[1] >= other[0] for one, other in pairwise(spans)):
            problems.append(f"{match[0]}: not in order, or twice the same")
    return problems


def old_citations(text: str) -> list[str]:
    """Citations of documents that are not in the repository, also across a line break of a comment."""
    return OLD.findall(re.sub(r"\s*\n\s*(?:#:? )?", " ", text))


def entry_problems(text: str) -> list[str]:
    """What is wrong with the entries of docs/sources.md."""
    found = numbers(text)
    problems = []
    if found != list(range(1, len(found) + 1)):
        problems.append("entries are not numbered S1, S2, ... in order")
    table = text[text.index("| how sure |") : text.index("\n## ")]
    grades = set(GRADE.findall(table)) - {"how sure"}
    for entry in re.split(r"\n(?=\*\*S\d|## )", text):
        if not ENTRY.match(entry):
            continue
        name, lines = entry.split(" ", 1)[0].strip("*"), entry.split("*Source:* ")
        if len(lines) != 2 or not lines[0].endswith("\\\n"):
            problems.append(f"{name} has no line that starts with *Source:*")
            continue
        source, dash, sure = " ".join(lines[1].split()).rpartition(" — ")
        if not dash or not source or not set(sure.split(", ")) <= grades:
            problems.append(f"{name}: how sure? {sure!r}")
    return problems


@pytest.fixture(scope="module")
def sources() -> str:
    return (REPOSITORY / SOURCES).read_text()


def test_every_entry_has_its_number_a_source_and_how_sure_it_is(sources: str) -> None:
    assert len(numbers(sources)) > 100
    assert entry_problems(sources) == []


def test_every_citation_has_an_entry(sources: str) -> None:
    known, cited = set(numbers(sources)), 0
    problems = []
    for file in files():
        text = file.read_text()
        cited += len(CITATION.findall(text))
        problems += [f"{file.relative_to(REPOSITORY)}: {problem}" for problem in citation_problems(text, known)]
    assert problems == []
    assert cited > 100


def test_nothing_outside_the_repository_is_cited() -> None:
    found = {file.relative_to(REPOSITORY).as_posix(): old_citations(file.read_text()) for file in files()}
    # the patterns themselves are here
    assert {name: texts for name, texts in found.items() if texts and name != "tests/unit/test_sources.py"} == {}


def cite(*parts: object) -> str:
    return f"text [{', '.join(map(str, parts))}] text"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (cite("S1", "S3"), None),
        (cite("S1-S2", "S3"), None),
        (cite("S4"), "no S4"),
        (cite("S2-S9"), "no S9"),
        (cite("S3", "S1"), "not in order"),
        (cite("S1-S3", "S2"), "twice the same"),
        (cite("S3-S2"), "does not go up"),
        (cite("S1", "2"), "not of the form"),
        (cite("S1; S2"), "not of the form"),
        (cite("S 1"), "not of the form"),
    ],
)
def test_planted_citations(text: str, problem: str | None) -> None:
    found = citation_problems(text, {1, 2, 3})
    assert found == [] if problem is None else len(found) == 1 and problem in found[0]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("(facts 1.6)", 1),
        ("Facts 11.1: a value", 1),
        ("#: targets (facts\n#: 5)", 1),
        ("(facts, section 9)", 1),
        ("(golden README, section 3)", 1),
        ("(design, section 4) and (design 5)", 2),
        ("(design, 'run.json')", 1),
        ("see tests/golden/README.md for the facts; by design", 0),
    ],
)
def test_planted_citations_of_the_old_kind(text: str, count: int) -> None:
    assert len(old_citations(text)) == count


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("**S7** ", "**S8** ", "in order"),
        ("**S7** ", "S7 ", "in order"),
        ("\\\n*Source:* ", "\n", "S1 has no line"),
        (" — read in code", "", "S1: how sure?"),
        (" — read in code", " — certain", "S1: how sure?"),
    ],
)
def test_planted_faults_of_the_entries(sources: str, old: str, new: str, problem: str) -> None:
    faulty = sources.replace(old, new, 1)
    assert faulty != sources
    assert any(problem in found for found in entry_problems(faulty))
