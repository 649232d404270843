"""What an article came to, as a row, and all rows as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

HEAD = (
    "keyword",
    "market",
    "score",
    "passed",
    "rounds",
    "critical",
    "other findings",
    "sources",
    "words",
    "s",
)


class Row(NamedTuple):
    """One article."""

    keyword: str
    market: str
    score: float
    passed: bool
    rounds: int
    critical: tuple[str, ...]
    """Codes of the critical findings in the round that was printed."""
    findings: int
    """Findings of that round that are not critical."""
    sources: int
    words: int
    seconds: float

    def cells(self) -> tuple[str, ...]:
        """Return the row as texts, in the order of ``HEAD``."""
        return (
            self.keyword,
            self.market,
            f"{self.score:.1f}",
            "yes" if self.passed else "no",
            str(self.rounds),
            ", ".join(self.critical) or "none",
            str(self.findings),
            str(self.sources),
            str(self.words),
            f"{self.seconds:.1f}",
        )


def row(result: Mapping[str, Any], seconds: float) -> Row:
    """Return the row of a finished job's result."""
    rounds = result["quality_report"]["rounds"]
    printed = next((each for each in rounds if each.get("chosen")), rounds[-1])
    findings = printed.get("findings", ())
    return Row(
        keyword=result["primary_keyword"],
        market=f"{result['language']}, {result['country']}",
        score=result["aeo_score"],
        passed=result["quality_passed"],
        rounds=len(rounds),
        critical=tuple(dict.fromkeys(each["code"] for each in findings if each.get("critical"))),
        findings=sum(not each.get("critical") for each in findings),
        sources=len(result["citations"]),
        words=result["word_count"],
        seconds=seconds,
    )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table, with the means below."""
    means = [_means(rows)] if rows else []
    lines = [HEAD, tuple("---" for _ in HEAD), *(each.cells() for each in rows), *means]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _means(rows: Sequence[Row]) -> tuple[str, ...]:
    count = len(rows)
    passed = sum(each.passed for each in rows)
    return (
        "**mean**",
        "",
        f"{sum(each.score for each in rows) / count:.1f}",
        f"{passed} of {count}",
        f"{sum(each.rounds for each in rows) / count:.1f}",
        str(sum(len(each.critical) for each in rows)),
        f"{sum(each.findings for each in rows) / count:.1f}",
        f"{sum(each.sources for each in rows) / count:.1f}",
        f"{sum(each.words for each in rows) / count:.0f}",
        f"{sum(each.seconds for each in rows) / count:.1f}",
    )


def page(rows: Sequence[Row], day: date) -> str:
    """Return ``docs/quality.md``."""
    return PAGE.format(day=day.isoformat(), table=table(rows))


PAGE = """# How good the articles are

`make eval` has the whole system write ten articles in three languages with the extractive writer: no model, no key, the same words each
time. Their sources are a made-up web that comes with the program (`blog_writer/fake_web`), searched in SearXNG's format.
`make eval ARGS="--write docs/quality.md"` writes this page anew. Last written on {day}.

{table}

- **score** is the AEO score, 0 to 100, of the round that was printed; **passed** says whether the gate let it pass. What it looks at stands
  in [quality-gates.md](quality-gates.md).
- **critical** and **other findings** are those of that round; **rounds** counts all.
- **sources** are the pages that the article cites, **words** what a reader reads, **s** the seconds from the submission to the end of the
  job, one job at a time, on the machine that wrote this page.

## What the numbers do not say

The extractive writer quotes: each sentence stands on a page, or is a connective of its phrase file. The score measures the form of an
article, and that it stands on sources. It does not measure whether the sources are right, whether the article is worth reading, or whether
it says something new. The pages of this made-up web are short, tidy and on the subject; articles from the open web will be worse.

Where few pages speak of a subject, the article has few sources, and sections beside the subject. Where its sources name the keyword in each
paragraph, a short article is refused for `keyword_density`: this writer may leave out what it quotes, but not say it in other words.

## What pages that give orders can do

A corpus of 43 pages (`blog_writer/fake_web/hostile.toml`) tries to have machines write what it wants, by orders in plain sight in four
languages, hidden elements, unseen characters, base64, chat templates, fake tool results, ends of documents, links, images, titles, authors,
PDFs, redirects and sitemaps. Tests have articles written from all of them at once: by the extractive writer, and by a fake model that obeys whatever it
reads. Not one of the words that they want written reaches HTML, Markdown, JSON-LD, events or the result.

1. Of a page, text alone is read. What its attributes, its `style` attributes and its own style sheets hide is dropped, and so are characters that nobody
   sees and words of more than 80 characters.
2. A page that gives orders to machines is not read (`hostile_text`, in the result's `notes`). This is a list of known ways to do so
   (`site/injection.toml`, in six languages).
3. What is read stands between marks that it cannot end. Calls that read pages have no tools. The call that has tools may read only what a
   search, the company's site or the client named.
4. Quotes stand on the page word for word, and claims on quotes. Images, and links and addresses of hosts that are neither the company's nor a source's
   nor named in the request, are left out.

What is left:

- **A false claim in plain prose is quoted like a true one.** It is cited, with a link to the page that makes it. Who may be a source is the only defence.
- An order in words that the list does not know is prose like any other. A model may obey it: headline, teaser, headings and
  connectives stand on no source.
- Linked style sheets and scripts are not loaded, so what they alone hide is read as if it were shown. Text that a PDF hides is read too.
- A page *about* such orders that quotes one is not read either. An article on that subject finds few sources.
"""
