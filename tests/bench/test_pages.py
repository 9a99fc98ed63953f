"""Both renderers say the same, whatever it is."""

import string
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from muralist.bench.contents import contents
from muralist.bench.html import html
from muralist.bench.markdown import markdown
from muralist.bench.page import (
    Body,
    Cell,
    Code,
    Column,
    Figure,
    Heading,
    Page,
    Paragraph,
    Table,
    Terms,
    Thumbnail,
)
from tests.bench.made_up import results

EMPTY = {"meta", "img", "br", "hr", "link"}
WORDS = {"h1", "h2", "h3", "p", "th", "td", "code", "figcaption", "dt", "dd", "li"}


class Reader(HTMLParser):
    """What an HTML page says, in order: words of each element, and of pictures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.said: list[tuple[str, str]] = []
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        if tag == "img":
            self.images.append(known)
        if tag == "a":
            self.links.append(known["href"])
        if tag in WORDS:
            self.said.append((tag, ""))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag in EMPTY or self.open.pop() == tag

    def handle_data(self, data):
        if any(tag in WORDS for tag in self.open):
            tag, text = self.said[-1]
            self.said[-1] = (tag, text + data)

    def texts(self, *tags: str) -> list[str]:
        return [" ".join(text.split()) for tag, text in self.said if tag in tags]


def read_html(page: Page) -> Reader:
    return Reader(html(page))


def read_markdown(page: Page) -> Reader:
    return Reader(MarkdownIt("commonmark").enable("table").render(markdown(page)))


BOTH = pytest.mark.parametrize("read", [read_html, read_markdown])

SOME = results(prompts=2, seeds=1, sizes=("256x256", "512x512"))
DRAWN = {"excess": "report/excess.png", "cost": "report/cost.png"}
SHRUNK = [f"report/{number}.png" for number, _ in enumerate(SOME.shown)]
PAGE = contents(SOME, DRAWN, SHRUNK)


def test_both_say_the_same_cells():
    tables = [block for block in PAGE.blocks if isinstance(block, Table)]
    said = [
        cell.text
        for table in tables
        for body in table.bodies
        for line in body.lines
        for cell in line
        if isinstance(cell, Cell) and cell.text
    ]
    assert len(said) > 200
    read = [
        [text for text in reader(PAGE).texts("th", "td") if text]
        for reader in (read_html, read_markdown)
    ]
    assert read[0] == read[1]
    for text in said:
        assert text in read[0]


@BOTH
def test_bold_is_what_is_best(read):
    table = Table(
        [Column("", "left"), Column("excess")],
        [Body([[Cell("one"), Cell("0.50", best=True)], [Cell("two"), Cell("2.00")]], "methods")],
    )
    text = html(Page("t", [table])) if read is read_html else markdown(Page("t", [table]))
    assert ("<strong>0.50</strong>" in text) or ("**0.50**" in text)
    assert text.count("strong>2.00") == text.count("**2.00") == 0


@BOTH
def test_every_picture_has_words_for_who_cannot_see_it(read):
    images = read(PAGE).images
    assert len(images) == len(DRAWN) + len(SOME.shown)
    assert all((image["alt"] or "").strip() for image in images)


@BOTH
def test_a_small_picture_leads_to_the_large_one(read):
    assert {one.file for one in SOME.shown} <= set(read(PAGE).links)


@BOTH
def test_a_last_line_leads_to_all_pictures_where_not_all_are_shown(read):
    more = results(prompts=2, seeds=3, sizes=("256x256", "512x512"))
    few, many = (read(contents(one, {}, SHRUNK)) for one in (SOME, more))
    assert "pictures" in many.links and "pictures" not in few.links
    assert "every prompt" in many.texts("td", "th") and "6 pictures" in many.texts("td")


@BOTH
def test_the_command_is_there_as_it_is_typed(read):
    page = Page("t", [Code("muralist bench --prompts 'a <b> & *c*' | tee log")])
    assert read(page).texts("code") == ["muralist bench --prompts 'a <b> & *c*' | tee log"]


# Whatever means something in either, and some that does not.
TEXT = st.text(st.sampled_from(string.punctuation + " 1aé"), max_size=8).filter(str.strip)


@BOTH
@given(text=TEXT)
@example(text="- a")
@example(text="1. a")
@example(text="&lt;")
def test_any_text_means_itself(read, text):
    page = Page(
        text,
        [
            Heading(text),
            Paragraph(text),
            Terms([(text, "meaning")]),
            Table([Column(text)], [Body([[Cell(text)], [Cell(text, best=True)]], text)]),
            Figure("plot.png", text, text),
            Table([Column("pictures")], [Body([[Thumbnail("small.png", "large.png", text)]])]),
        ],
    )
    said, plain = read(page), " ".join(text.split())
    assert said.texts("h1", "h2") == [plain] * 2
    assert said.texts("th", "td").count(plain) == 4
    assert said.texts("p", "figcaption").count(plain) == len(said.images) == 2
    assert {" ".join((image["alt"] or "").split()) for image in said.images} == {plain}


def test_numbers_stand_at_the_right():
    table = Table([Column("", "left"), Column("n")], [Body([[Cell("a"), Cell("1")]])])
    assert "| --- | ---: |" in markdown(Page("t", [table]))
    assert '<td class="right">1</td>' in html(Page("t", [table]))


def test_a_heading_says_what_it_means_where_one_points_at_it():
    table = Table([Column("n", meaning='How "many" <there> are.')], [Body([[Cell("1")]])])
    assert 'title="How &quot;many&quot; &lt;there&gt; are."' in html(Page("t", [table]))


def test_parts_without_anything_to_show_are_left_out():
    bare = [row for row in SOME.rows if "ablation" not in SOME.entrants[row.entrant]]
    rows = tuple(replace(row, measures={"cost.evaluations": 1.0}) for row in bare)
    few = replace(SOME, rows=rows, groups=(), fields={}, shown=())
    titles = [block.text for block in contents(few, {}, []).blocks if isinstance(block, Heading)]
    assert titles == [
        "What was painted",
        "How to read it",
        "Cost",
        "Measures",
        "How to reproduce it",
    ]


def test_a_count_without_detail_is_said_to_be_one():
    rows = tuple(replace(row, measures={"repetition.duplicates": 1.0}) for row in SOME.rows)
    bare = replace(SOME, rows=rows, groups=())
    words = [
        " ".join(
            block.text for block in contents(one, {}, SHRUNK).blocks if isinstance(block, Paragraph)
        )
        for one in (SOME, bare)
    ]
    assert ["no measure of detail" in text for text in words] == [False, True]


def test_controls_are_explained_where_there_are_any():
    explained = [
        word for block in PAGE.blocks if isinstance(block, Terms) for word, _ in block.meanings
    ]
    assert explained[:3] == ["truth", "enlarged", "copied"]
