"""What an article request may hold."""

from __future__ import annotations

import msgspec
import pytest
from sample_parts import REQUEST

from contracts import codec
from contracts.jobs import ArticleRequest

FIELDS = ("language", "country", "company_url", "callback_url")


@pytest.mark.parametrize("field", FIELDS)
def test_a_line_break_at_the_end_is_refused(field: str) -> None:
    fields = msgspec.to_builtins(REQUEST)
    body = codec.encode({**fields, field: fields[field] + "\n"})
    with pytest.raises(msgspec.ValidationError, match=field):
        codec.decode(body, ArticleRequest)
