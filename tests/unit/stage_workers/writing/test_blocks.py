from hypothesis import given
from hypothesis import strategies as st

from stage_workers.blocks import read


def test_paragraphs_lists_and_tables_keep_their_heading():
    blocks = read("# One\n\nText of one.\n\n## Two\n- a\n- b\n\n| x | y |\n|---|---|\n| 1 | 2 |\n")
    assert [(block.kind, block.heading) for block in blocks] == [
        ("paragraph", "One"),
        ("list", "Two"),
        ("table", "Two"),
    ]
    assert blocks[1].items == ("a", "b")
    assert blocks[2].rows == (("x", "y"), ("1", "2"))


def test_a_line_that_ends_in_a_colon_leads_into_its_list():
    (block,) = read("Four things will do:\n\n1. a brush\n2. a rag\n")
    assert (block.kind, block.text, block.ordered) == ("list", "Four things will do:", True)


def test_inline_marks_and_links_leave_plain_words():
    (block,) = read("A **bold** and _soft_ [link](https://x.example/a_b) with snake_case and 2 * 3.")
    assert block.text == "A bold and soft link with snake_case and 2 * 3."


def test_tables_with_uneven_rows_and_code_are_left_out():
    assert read("| a | b |\n|---|---|\n| 1 |\n\n```\nsecret\n```\n") == ()


def test_wrapped_list_items_are_one_item():
    (block,) = read("- first line\n  goes on\n- second\n")
    assert block.items == ("first line goes on", "second")


cells = (
    st.text(alphabet="abcxyz .,", min_size=1, max_size=20)
    .map(str.strip)
    .filter(lambda text: bool(text.strip(" .,")))
)


@given(st.lists(cells, min_size=1, max_size=5), st.booleans())
def test_a_list_survives_being_written_and_read(items, ordered):
    marks = (f"{n}." if ordered else "-" for n in range(1, len(items) + 1))
    (block,) = read("\n".join(f"{mark} {item}" for mark, item in zip(marks, items, strict=True)))
    assert read(block.markdown()) == (block,)


@given(
    st.integers(1, 4).flatmap(
        lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=2, max_size=4)
    )
)
def test_a_table_survives_being_written_and_read(rows):
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    (block,) = read("\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]))
    assert read(block.markdown()) == (block,)
