"""Direct answer, 25 points."""

from __future__ import annotations

from contracts.articles import ScorePart
from stage_workers.article_text import words
from stage_workers.scoring.material import Material, part

FEWEST_WORDS, MOST_WORDS = 40, 60


def parts(material: Material) -> tuple[ScorePart, ...]:
    """Present 10, 40 to 60 words 5, with the keyword 5, cited 5."""
    answer = material.article.draft.direct_answer
    claims = [sentence for sentence in answer if not sentence.connective]
    count = words(answer)
    text = " ".join(sentence.text for sentence in answer).casefold()
    keyword = all(word in text for word in material.keyword.casefold().split())
    cited = any(material.cited.intersection(sentence.source_ids) for sentence in claims)
    return (
        part("direct_answer_present", 10, bool(claims), "a direct answer stands at the top"),
        part(
            "direct_answer_length",
            5,
            FEWEST_WORDS <= count <= MOST_WORDS,
            f"{count} words, 40 to 60 are asked for",
        ),
        part("direct_answer_keyword", 5, bool(claims) and keyword, "it holds the keyword"),
        part("direct_answer_cited", 5, cited, "it names a source"),
    )
