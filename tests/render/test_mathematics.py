"""Formulas are typeset, prices are not, and TeX that does more than typeset is shown as code."""

import pytest

from ipy_gateway.render.markdown import markdown_html
from ipy_gateway.render.mathematics import MAX_TEX_CHARACTERS, is_typeset

from ..support.strict_html import StrictReader

PROCESSED = 'class="ipg-maths tex2jax_process mathjax_process"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"so \(x_1 * y_2 * <z\) is", rf"<p>so <span {PROCESSED}>\(x_1 * y_2 * &lt;z\)</span> is</p>"),
        (r"so \[a \\[2pt] b\] is", rf"<p>so <span {PROCESSED}>\[a \\[2pt] b\]</span> is</p>"),
        ("so $$a$$ is", f"<p>so <span {PROCESSED}>$$a$$</span> is</p>"),
        ("$$\na\n$$", f"<div {PROCESSED}>$$\na\n$$</div>"),
        (
            "So\n\\[\na\n- b\n= c\n\\]\nis",
            f"<p>So</p>\n<div {PROCESSED}>\\[\na\n- b\n= c\n\\]</div><p>is</p>",
        ),
        ("> \\[\n> a\n> \\]", f"<blockquote>\n<div {PROCESSED}>\\[\na\n\\]</div></blockquote>"),
        ("1. one\n   $$\n   a\n   $$", f"<li>one<div {PROCESSED}>$$\na\n$$</div></li>"),
        (r"[\(a\)](http://b.example)", rf"<span {PROCESSED}>\(a\)</span></a>"),
        (r"\(\begin{pmatrix} a & b \end{pmatrix}\)", rf"<span {PROCESSED}>\(\begin{{pmatrix}} a &amp; b"),
        (
            r"\[\frac{\partial f}{\partial x} = \sum_{i=1}^{n} \sqrt[3]{x_i} \quad \text{if } x \ne 0\]",
            PROCESSED,
        ),
        (r"\(\text{costs $5\)} and\)", PROCESSED),
    ],
)
def test_a_formula_is_given_to_whoever_typesets(text: str, expected: str) -> None:
    markup = markdown_html(text)

    assert expected in markup
    assert StrictReader(markup).violations == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It cost $90 million, $5 less.", "<p>It cost $90 million, $5 less.</p>"),
        ("cheap ($$) or dear ($$$)", "<p>cheap ($$) or dear ($$$)</p>"),
        ("$$$$ and $$ $$", "<p>$$$$ and $$ $$</p>"),
        ("`\\(a\\)`", "<p><code>\\(a\\)</code></p>"),
        ("```\n\\[a\\]\n```", "<pre><code>\\[a\\]\n</code></pre>"),
        ("    \\[a\\]", "<pre><code>\\[a\\]\n</code></pre>"),
        ("\\\\(a\\\\)", "<p>\\(a\\)</p>"),
        ("\\[ without end", "<p>[ without end</p>"),
        ("\\[ a\n\nb \\]", "<p>[ a</p>\n<p>b ]</p>"),
        ("\\(" + "x" * MAX_TEX_CHARACTERS + "\\)", "<p>(xxx"),
    ],
)
def test_what_is_no_formula_stays_text(text: str, expected: str) -> None:
    markup = markdown_html(text)

    assert expected in markup
    assert PROCESSED not in markup


@pytest.mark.parametrize(
    "tex",
    [
        r"\href{javascript:alert(1)}{x}",
        r"\href {http://evil.example}{x}",
        r"\require{html}",
        r"\class{jp-Button}{x} \cssId{main}{x} \style{background: url(http://evil.example)}{x}",
        r"\data{command=x}{y}",
        r"\unicode[url(http://evil.example)]{65}",
        r"\def\x{\x\x}\x",
        r"\newcommand{\x}{y}",
        r"\let\x=\href",
        r"\csname href\endcsname{javascript:alert(1)}{x}",
        r"\special{html:<b>}",
        r"\url{http://evil.example} \includegraphics{http://evil.example/x.png}",
        r"\mmlToken{mi}[href='javascript:alert(1)']{x}",
        r"\bbox[url(http://evil.example)]{x} \enclose{circle}[mathbackground='red']{x}",
        r"\texttip{x}{y} \mathtip{x}{y} \toggle{a}{b}\endtoggle",
        r"\verb|\|\href{javascript:alert(1)}{x}",
        r"% \\" + "\n" + r"\href{javascript:alert(1)}{x}",
        r"\label{x}\ref{x}",
        r"\rule{1em}{1em} \llap{x} \raise{2em}{x}",
        r"\hspace{-2000em} x",
        r"a \\[ 5000 px] b",
        "{" * 100 + "}" * 100,
    ],
)
def test_a_formula_that_does_more_than_typeset_is_shown_as_code(tex: str) -> None:
    inline, block = markdown_html(f"so \\({tex}\\) is"), markdown_html(f"\\[\n{tex}\n\\]")

    assert not is_typeset(tex)
    assert "mathjax_process" not in inline + block
    assert f"\\({tex}\\)" in StrictReader(inline).text
    assert f"<pre><code>\\[\n{tex[:2]}" in block
