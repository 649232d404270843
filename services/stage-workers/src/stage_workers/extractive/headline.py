"""Headline and teaser: connectives that name the keyword, the company and the number of pages."""

from stage_workers.extractive.phrases import phrases
from stage_workers.tasks import WriteDraft
from stage_workers.wording import clip

_LONGEST = 70


def headline(task: WriteDraft) -> str:
    """Return the longest headline of at most 70 characters."""
    known = phrases(task.brief.language)
    templates = known.headlines if _is_own(task) else known.headlines_many
    if len(task.sources) == 1:
        templates = tuple(template for template in templates if "{count}" not in template)
    fitting = (text for template in templates if len(text := _fill(template, task)) <= _LONGEST)
    return _upper_first(next(fitting, clip(task.request.primary_keyword, _LONGEST)))


def teaser(task: WriteDraft) -> str:
    known = phrases(task.brief.language)
    if len(task.sources) == 1:
        return _fill(known.teaser_one, task)
    return _fill(known.teaser if _is_own(task) else known.teaser_many, task)


def _is_own(task: WriteDraft) -> bool:
    return all(source.kind == "company" for source in task.sources)


def _fill(template: str, task: WriteDraft) -> str:
    keyword = " ".join(task.request.primary_keyword.split())
    return template.format(keyword=keyword, company=task.company.name, count=len(task.sources))


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
