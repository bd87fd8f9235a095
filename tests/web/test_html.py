"""Markup is only what this room wrote: whatever comes from elsewhere is text."""

from __future__ import annotations

from bharat.contracts.html import Html, element, link, page, prose, render


def test_text_is_escaped_and_markup_is_kept() -> None:
    assert element("p", "<b>&", Html("<i>kept</i>")) == "<p>&lt;b&gt;&amp;<i>kept</i></p>"


def test_attributes_are_escaped_so_that_none_can_be_left() -> None:
    assert link('/x" onclick="steal()', "here") == '<a href="/x&quot; onclick=&quot;steal()">here</a>'


def test_nested_content_is_flattened_and_nothing_is_nothing() -> None:
    assert render(["a", None, [element("br"), "b"]]) == "a<br>b"


def test_an_attribute_without_a_value_is_written_bare_and_a_false_one_left_out() -> None:
    assert element("details", open=True, hidden=False) == "<details open></details>"


def test_a_page_says_its_language_and_lets_keyboards_skip_to_the_content() -> None:
    text = page("Start").decode()
    assert text.startswith('<!doctype html>\n<html lang="en">')
    assert 'href="#content"' in text
    assert '<main id="content">' in text
    assert "<title>Start · Bharat</title>" in text


def test_words_in_backticks_are_code_and_the_rest_is_text() -> None:
    assert prose("Ask `a<b` & wait") == "Ask <code>a&lt;b</code> &amp; wait"
    assert prose("It's 5` long") == "It&#x27;s 5` long"
