"""A model's Markdown as HTML that runs nothing and fetches nothing."""

import time

import pytest

from ipy_gateway.render.markdown import markdown_html

from ..support.strict_html import StrictReader

HOSTILE = [
    "<script>alert(1)</script>",
    "text <script src=http://evil.example/x.js></script> text",
    "<img src=x onerror=alert(1)>",
    "<div>\n\n**block**\n\n</div>",
    "<div onclick=alert(1)>\n</div>\n",
    "<!-- comment --><!DOCTYPE html><?php x ?><![CDATA[ x ]]>",
    "<style>* { display: none }</style>",
    "<iframe src=https://evil.example></iframe><svg onload=alert(1)><object data=x>",
    "<a href='javascript:alert(1)'>x</a>",
    "</div></div><script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](java\nscript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A;avascript&#58;alert(1))",
    "[x](%6Aavascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example) [y](/local) [z](local.html) [w](#here) [v]() ![v]() [v](<>)",
    "<javascript:alert(1)> <data:text/html,x> <mailto:a@example.com> <a@example.com>",
    "[x]: javascript:alert(1)\n\n[x] and ![x]",
    "[x][1]\n\n[1]: data:text/html,x 'title'",
    '[x](http://a.example "\\" onmouseover=alert(1) x=\\"")',
    "[x](http://a.example '\" onmouseover=\"alert(1)')",
    '[x](http://a.example/"onmouseover="alert(1))',
    "[x](http://a.example/<script>)",
    "![x](http://a.example/pixel.png)",
    '![" onerror="alert(1)](http://a.example/x.png)',
    '![<script>alert(1)</script>](http://a.example/x.png "<script>")',
    "![x](javascript:alert(1)) ![y](data:image/svg+xml,<svg onload=alert(1)>)",
    "[![x](http://a.example/x.png)](http://b.example)",
    "![[x](http://a.example)](http://b.example/x.png)",
    "![![x](http://a.example/x.png)](http://b.example/x.png)",
    '```"><script>alert(1)</script>\ncode\n```',
    '```js" onclick="alert(1)\ncode\n```',
    "```\nunclosed <script>alert(1)</script>",
    "~~~\n```\n<script>\n~~~~\n</script>",
    "`<script>alert(1)</script>` `` ` <img> ``",
    "    <script>alert(1)</script>\n",
    "&lt;script&gt;alert(1)&lt;/script&gt; &amp;lt; &#60;img&#62; &#0; &bogus;",
    "|a|b|\n|:-|-:|\n|<script>|[x](javascript:alert(1))|",
    '| a | b |\n| :-: | --- |\n| " onclick=x | `|` |',
    "1000000000) x\n\n99999999999. y",
    "# <img onerror=x src=x> {onclick=alert(1)}",
    "**[x](http://a.example)** ~~<s onclick=x>~~ *_**<b>**_*",
    "\x1b]8;;http://evil.example\x07click\x1b]8;;\x07 \ud800 \x00 \N{RIGHT-TO-LEFT OVERRIDE}txt.exe",
    "$\\href{javascript:alert(1)}{x}$ $$\\require{html}$$",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_gives_allowed_html_alone(text: str) -> None:
    read = StrictReader(markdown_html(text))

    assert read.violations == []
    assert "\x1b" not in read.text
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in read.text
    markdown_html(text).encode()


def test_all_hostile_texts_together() -> None:
    read = StrictReader(markdown_html("\n\n".join(HOSTILE)))

    assert read.violations == []


def test_raw_html_is_shown_as_it_is_written() -> None:
    assert (
        StrictReader(markdown_html("<script>alert(1)</script>")).text.strip() == "<script>alert(1)</script>"
    )


def test_a_link_opens_elsewhere_and_tells_nobody_where_it_was() -> None:
    markup = markdown_html("[x](https://a.example/?q=1&r=2)")

    assert 'href="https://a.example/?q=1&amp;r=2" rel="noopener noreferrer" target="_blank"' in markup


def test_an_address_in_angle_brackets_is_a_link() -> None:
    assert StrictReader(markdown_html("<https://a.example>")).links == ["https://a.example"]


def test_an_image_is_a_link_that_is_fetched_by_nobody() -> None:
    read = StrictReader(markdown_html("![a *chart*](http://a.example/chart.png)"))

    assert read.links == ["http://a.example/chart.png"]
    assert read.text.strip() == "image: a chart"
    assert "img" not in read.tags


def test_an_image_without_words_shows_its_address() -> None:
    assert (
        StrictReader(markdown_html("![](http://a.example/c.png)")).text.strip()
        == "image: http://a.example/c.png"
    )


def test_an_address_in_the_text_of_a_link_is_text() -> None:
    read = StrictReader(markdown_html("[x <http://a.example> y](http://b.example) <http://c.example>"))

    assert read.violations == []
    assert read.links == ["http://b.example", "http://c.example"]


def test_an_image_in_a_link_leaves_the_link_alone() -> None:
    read = StrictReader(markdown_html("[![logo](http://a.example/x.png)](http://b.example)"))

    assert read.links == ["http://b.example"]
    assert read.text.strip() == "image: logo"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("**b** *e* ~~s~~ `c`", "<p><strong>b</strong> <em>e</em> <s>s</s> <code>c</code></p>"),
        ("## h", "<h2>h</h2>"),
        ("3. x", '<ol start="3">\n<li>x</li>\n</ol>'),
        ("```python\na < b\n```", '<pre><code class="language-python">a &lt; b\n</code></pre>'),
        ("|a|\n|-:|\n|1|", '<td style="text-align:right">1</td>'),
        ("> q", "<blockquote>\n<p>q</p>\n</blockquote>"),
        ("a\\\nb", "a<br />\nb"),
    ],
)
def test_markdown_is_rendered(text: str, expected: str) -> None:
    assert expected in markdown_html(text)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 20_000,
        ">" * 20_000,
        "![" * 1000 + "x" + "](http://a.example)" * 1000,
        "`a" * 10_000,
        "*a **a " * 5_000,
        "- " * 2_000 + "x",
        "![x](http://a.example) " * 5_000,
        "[a](<" * 5_000,
        "|" * 5_000 + "\n" + "|-" * 2_500,
        "\\[\n" * 5_000,
        "\\(a " * 5_000 + "\\)",
        "$$\n" * 5_001,
    ],
    ids=[
        *("brackets", "quotes", "images", "ticks", "stars", "lists", "pictures", "links", "tables"),
        *("formulas without end", "formulas with one end", "dollars"),
    ],
)
def test_a_text_made_to_be_slow_is_not(text: str) -> None:
    started = time.process_time()

    markdown_html(text)

    assert time.process_time() - started < 5.0


def test_a_wide_table_scrolls_in_a_box_of_its_own() -> None:
    markup = markdown_html("|a|\n|-|\n|1|")

    assert '<div class="ipg-table"><table>' in markup
    assert "</table>\n</div>" in markup


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- [ ] milk\n- [x] bread", "<li>[ ] milk</li>\n<li>[x] bread</li>"),
        ("see https://a.example or a@b.example", "<p>see https://a.example or a@b.example</p>"),
        ('```py"on=1\nx\n```', '<pre><code class="language-py">x\n</code></pre>'),
        ("``` <b>\nx\n```", "<pre><code>x\n</code></pre>"),
        ("```mermaid\nx", '<pre><code class="language-mermaid">x</code></pre>'),
    ],
)
def test_what_would_need_more_than_text_is_text(text: str, expected: str) -> None:
    assert expected in markdown_html(text)


@pytest.mark.parametrize("text", ["> " * 150 + "deep", "- " * 150 + "deep\n\nand after"])
def test_text_that_is_nested_too_deeply_is_shown_as_it_is_written(text: str) -> None:
    read = StrictReader(markdown_html(text))

    assert read.text == text
    assert read.tags == ["div", "pre", "code"]


# Times of a recording


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        *(("0:05", 5), ("12:34", 754), ("1:02:03", 3723), ("150:00", 9000), ("10:59:59", 39599)),
        *(("12:34-13:10", 754), ("12:34 - 13:10", 754), ("1:02:33\N{EN DASH}1:03:00", 3753)),
    ],
)
def test_a_time_becomes_a_link_to_that_moment_of_the_recording(time: str, seconds: int) -> None:
    markup = markdown_html(f"See [{time}].", recording='talk "1".m4a')

    link = f'<a class="ipg-time" href="#t={seconds}" title="talk &quot;1&quot;.m4a">[{time}]</a>'
    assert f"<p>See {link}.</p>" in markup
    assert StrictReader(markup).violations == []


@pytest.mark.parametrize(
    "text",
    [
        *(
            "`[12:34]`",
            "```\n[12:34]\n```",
            "[[12:34]](https://example.com/)",
            "[12:34](https://example.com/)",
        ),
        *("12:34", "[12:3]", "[12:60]", "[1:75:00]", "[1234:00]", r"\([12:34]\)"),
        *("[12:34-]", "[12:34-13:1]", "[12:34-13:70]", "[12:34, 13:10]"),
    ],
)
def test_what_is_code_or_a_link_or_no_time_is_no_link_to_a_moment(text: str) -> None:
    assert "ipg-time" not in markdown_html(text, recording="talk.m4a")


def test_without_a_recording_a_time_is_text() -> None:
    assert "<p>See [12:34].</p>" in markdown_html("See [12:34].")
