"""Chooses the topics that become sections, and builds each section from its page's own blocks."""

from collections import Counter
from collections.abc import Sequence

from contracts.articles import Block as ArticleBlock
from contracts.articles import BulletList, Paragraph, Section, Sentence, Table
from stage_workers.blocks import Block
from stage_workers.extractive.ledger import Ledger
from stage_workers.extractive.phrases import Phrases, phrases
from stage_workers.extractive.ranking import is_new
from stage_workers.extractive.sentences import heading_leans, is_question, stands_alone
from stage_workers.extractive.topics import Topic, relevant, sentences
from stage_workers.wording import clip, word_count

_LONGEST_PARAGRAPH = 120
_QUOTED_SENTENCES = 2
_FEWEST_WORDS = 25
_MOST_ROWS = 12
_LONGEST_HEADING = 90
_QUESTION_BONUS, _LIST_BONUS = 0.15, 0.3
_SAME_HEADING = 85.0


def choose(topics: Sequence[Topic], fewest: int, most: int, spread: float, language: str) -> list[Topic]:
    """Return up to ``most`` topics, best first, each further one of a page counting ``spread`` less. After the
    first ``fewest`` only those that are relevant beside the best."""
    known, threshold = phrases(language), relevant(topics)
    left = [topic for topic in topics if topic.score > 0 and not heading_leans(topic.heading, known)]
    chosen: list[Topic] = []
    pages: Counter[int] = Counter()
    while left and len(chosen) < most:
        best = max(left, key=lambda topic: (_value(topic) - spread * pages[topic.place[0]], _order(topic)))
        left.remove(best)
        wanted = len(chosen) < fewest or best.score >= threshold
        if wanted and is_new(
            best.heading, (topic.heading for topic in chosen if topic.heading), _SAME_HEADING
        ):
            chosen.append(best)
            pages[best.place[0]] += 1
    return chosen


def in_reading_order(topics: Sequence[Topic]) -> list[Topic]:
    """Return the topics in the order of their pages, the page with the best topic first."""
    best: dict[int, float] = {}
    for topic in topics:
        best[topic.place[0]] = max(best.get(topic.place[0], 0.0), _value(topic))
    return sorted(topics, key=lambda topic: (-best[topic.place[0]], topic.place))


def build(topic: Topic, budget: int, language: str, ledger: Ledger) -> Section | None:
    """Return the topic as a section of about ``budget`` words, and take its sentences; None when too little of it
    is unused. Pages of others are quoted by two sentences a paragraph at most, after a line that names them."""
    known = phrases(language)
    trial = ledger.copy()
    blocks: list[ArticleBlock] = []
    written = 0
    for block in topic.blocks:
        if written >= budget:
            break
        for part in _parts(topic, block, max(budget - written, _FEWEST_WORDS), language, trial):
            blocks.append(part)
            written += words_of(part)
    if written < _FEWEST_WORDS:
        return None
    for part in blocks:
        ledger.take(*texts_of(part))
    if topic.source.kind != "company":
        lead = Sentence(text=known.attribution.format(title=topic.source.title), connective=True)
        blocks.insert(0, Paragraph(sentences=(lead,)))
    return Section(heading=heading_of(topic, known), blocks=tuple(blocks))


def heading_of(topic: Topic, known: Phrases) -> str:
    """Return the page's own heading; above a page's beginning its title as a question."""
    if topic.heading:
        return clip(topic.heading, _LONGEST_HEADING)
    title = topic.source.title
    return clip(title if is_question(title) else known.page_heading.format(title=title), _LONGEST_HEADING)


def texts_of(block: ArticleBlock) -> tuple[str, ...]:
    """Return the sentences of an article's block that stand on sources."""
    match block:
        case Paragraph(sentences=found) | BulletList(items=found):
            return tuple(sentence.text for sentence in found if not sentence.connective)
        case Table(header=header, rows=rows):
            return tuple(" ".join(row) for row in (header, *rows))


def words_of(block: ArticleBlock) -> int:
    return sum(map(word_count, texts_of(block)))


def _value(topic: Topic) -> float:
    lists = any(block.kind != "paragraph" for block in topic.blocks)
    return topic.score + _QUESTION_BONUS * is_question(topic.heading) + _LIST_BONUS * lists


def _order(topic: Topic) -> tuple[int, int]:
    return (-topic.place[0], -topic.place[1])


def _parts(topic: Topic, block: Block, budget: int, language: str, ledger: Ledger) -> list[ArticleBlock]:
    if block.kind == "table":
        header, *rows = block.rows
        caption = topic.heading or topic.source.title
        ids = (topic.source.source_id,)
        return [Table(caption=caption, header=header, rows=tuple(rows[:_MOST_ROWS]), source_ids=ids)]
    if block.kind == "list":
        return _list(topic, block, phrases(language), ledger)
    return _paragraphs(topic, sentences(block, language), budget, phrases(language), ledger)


def _list(topic: Topic, block: Block, known: Phrases, ledger: Ledger) -> list[ArticleBlock]:
    items = ledger.fresh(_without_joint(item, known) for item in block.items)
    if len(items) < min(2, len(block.items)):
        return []
    ledger.take(*items)
    parts: list[ArticleBlock] = []
    if block.text:
        parts.append(Paragraph(sentences=(topic.sentence(block.text),)))
    parts.append(BulletList(items=tuple(topic.sentence(item) for item in items), ordered=block.ordered))
    return parts


def _without_joint(item: str, known: Phrases) -> str:
    """Return an item without the comma or the word that joined it to the next one."""
    words = item.rstrip(" ,;").split()
    joined = len(words) > 1 and words[-1].casefold() in known.joining
    return " ".join(words[:-1] if joined else words).rstrip(" ,;")


def _paragraphs(
    topic: Topic, texts: Sequence[str], budget: int, known: Phrases, ledger: Ledger
) -> list[ArticleBlock]:
    kept = _unbroken(texts, known, ledger)
    if topic.source.kind != "company":
        kept = kept[:_QUOTED_SENTENCES]
    paragraphs: list[list[str]] = [[]]
    words = 0
    for text in kept:
        if words and words + word_count(text) > budget * 1.3:
            break
        if sum(map(word_count, paragraphs[-1])) + word_count(text) > _LONGEST_PARAGRAPH:
            paragraphs.append([])
        paragraphs[-1].append(text)
        words += word_count(text)
        ledger.take(text)
    return [Paragraph(sentences=tuple(map(topic.sentence, part))) for part in paragraphs if part]


def _unbroken(texts: Sequence[str], known: Phrases, ledger: Ledger) -> list[str]:
    """Return the unused sentences, without those that lean on a used one before them."""
    trial = ledger.copy()
    kept: list[str] = []
    gap = False
    for text in texts:
        if not trial.is_fresh(text):
            gap = True
        elif not gap or stands_alone(text, known):
            trial.take(text)
            kept.append(text)
            gap = False
    return kept
