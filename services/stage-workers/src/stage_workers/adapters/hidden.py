"""Which parts of a page its readers do not see: a favourite place for words to machines.

Attributes, ``style`` attributes and the page's own style sheets are looked at. What linked style sheets, scripts, or
things that lie above the text hide is not known here.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tinycss2
import tinycss2.color3
from cssselect import GenericTranslator, SelectorError
from lxml.etree import XPathError

MOST_RULES = 1000
MOST_LOOKS = 10_000_000
"""Elements of a page times rules that are looked for in it: a second's work."""
MOST_WORDS = 20
"""Of a background."""
MOST_CSS = 200_000
"""Characters of a page's style sheets."""
LONGEST_PATH = 3
"""Elements that a selector names one inside the other."""
_NEVER_SHOWN = (
    "//template | //noscript | //script | //style | //iframe | //object | //svg | //dialog[not(@open)]"
)
_MARKED = "//*[@hidden or translate(@aria-hidden, 'TRUE', 'true')='true' or @inert]"
_TELLING = frozenset(
    (
        "display", "visibility", "content-visibility", "opacity", "font-size", "position", "left", "right", "top", "bottom",
        "text-indent", "margin-left", "margin-top", "transform", "clip", "clip-path", "width", "height", "max-height",
        "max-width", "overflow", "color", "background", "background-color", "filter",
    )
)  # fmt: skip
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)")
_FAR = 300
"""Pixels, or as many of whatever unit, that move a text out of sight."""
_SMALLEST_TYPE = 4.0
"""Pixels."""
_FAINTEST = 0.1
_SAME_COLOUR = 0.08
"""The largest difference of red, green or blue, of 1, that no reader sees."""
_WHITE = (1.0, 1.0, 1.0)
_PIXELS = {"em": 16.0, "rem": 16.0, "ex": 8.0, "pt": 4 / 3, "%": 0.16, "vw": 10.0, "vh": 8.0}

Style = dict[str, str]
Colour = tuple[float, float, float]


def drop_hidden(tree: Any) -> None:
    """Take out of a page what its readers do not see."""
    styles = _styles(tree)
    unseen = [*tree.xpath(_NEVER_SHOWN), *tree.xpath(_MARKED)]
    colours = {element: _colour(style) for element, style in styles.items()}
    unseen += [element for element, style in styles.items() if is_hidden(style, _ground(element, colours))]
    for element in unseen:
        if element.getparent() is not None and element.tag not in {"html", "body", "head"}:
            element.drop_tree()


def is_hidden(style: Mapping[str, str], ground: Colour = _WHITE) -> bool:
    """Whether text with these declarations cannot be seen on a ground of this colour."""
    return (
        style.get("display") == "none"
        or style.get("visibility") in {"hidden", "collapse"}
        or style.get("content-visibility") == "hidden"
        or _size(style.get("opacity"), 1) < _FAINTEST
        or "opacity(0" in style.get("filter", "")
        or _size(style.get("font-size"), _SMALLEST_TYPE) < _SMALLEST_TYPE
        or _is_away(style)
        or _is_cut_off(style)
        or _is_as_its_ground(style, ground)
    )


def _is_away(style: Mapping[str, str]) -> bool:
    placed = style.get("position") in {"absolute", "fixed", "relative"}
    sides = ("left", "right", "top", "bottom") if placed else ()
    moved = [_size(style.get(name), 0) for name in (*sides, "text-indent", "margin-left", "margin-top")]
    shift = style.get("transform", "")
    shifts = [float(each) for each in _NUMBER.findall(shift)] if "translate" in shift else []
    return min((*moved, *shifts)) <= -_FAR or "scale(0" in shift.replace("scale(0.", "")


def _is_cut_off(style: Mapping[str, str]) -> bool:
    clip, path = style.get("clip", ""), style.get("clip-path", "")
    if clip.startswith("rect(") and max(map(float, _NUMBER.findall(clip)), default=0) <= 1:
        return True
    if path.startswith(("inset(50%", "inset(100%", "circle(0")):
        return True
    sizes = [_size(style.get(name), 2) for name in ("width", "height", "max-width", "max-height")]
    return style.get("overflow") in {"hidden", "clip"} and min(sizes) <= 1


def _is_as_its_ground(style: Mapping[str, str], ground: Colour) -> bool:
    colour = tinycss2.color3.parse_color(style.get("color", ""))
    if colour is None or colour == "currentColor":
        return False
    own = _colour(style) or ground
    unlike = max(abs(one - other) for one, other in zip(colour[:3], own, strict=True))
    return bool(colour.alpha < _FAINTEST or unlike <= _SAME_COLOUR)


def _ground(element: Any, colours: Mapping[Any, Colour | None]) -> Colour:
    """Return the colour behind an element: that of the nearest one around it that has one, else white."""
    around = (colours.get(each) for each in element.iterancestors())
    return next((colour for colour in around if colour is not None), _WHITE)


def _colour(style: Mapping[str, str]) -> Colour | None:
    for part in (style.get("background-color", ""), *style.get("background", "").split()[:MOST_WORDS]):
        colour = tinycss2.color3.parse_color(part)
        if colour not in {None, "currentColor"} and colour.alpha >= _FAINTEST:
            return (colour.red, colour.green, colour.blue)
    return None


def _size(value: str | None, otherwise: float) -> float:
    """Return a length in pixels, roughly; words and sums are of no known length."""
    found = _NUMBER.match(value or "")
    if found is None:
        return otherwise
    unit = (value or "")[found.end() :]
    return float(found[0]) * _PIXELS.get(unit, 1.0)


def _styles(tree: Any) -> dict[Any, Style]:
    """Return what style sheets, then ``style`` attributes, say of elements; a later rule goes before an earlier one."""
    styles: defaultdict[Any, Style] = defaultdict(dict)
    sheets = "\n".join(str(text) for text in tree.xpath("//style/text()"))[:MOST_CSS]
    most = min(MOST_RULES, int(MOST_LOOKS / (1 + tree.xpath("count(//*)"))))
    for path, declared in itertools.islice(_rules(sheets), most):
        for element in _found(tree, path):
            styles[element].update(declared)
    for element in tree.xpath("//*[@style]"):
        styles[element].update(_declared(tinycss2.parse_declaration_list(element.get("style")[:MOST_CSS])))
    for element in tree.xpath("//*[@color or @bgcolor]"):
        styles[element].update(_coloured(element))
    return styles


def _coloured(element: Any) -> Style:
    """Return what old attributes say: ``<font color>`` and ``bgcolor``."""
    told = {"color": element.get("color"), "background-color": element.get("bgcolor")}
    return {name: value.strip().lower() for name, value in told.items() if value}


def _rules(css: str) -> Iterator[tuple[str, Style]]:
    """Yield an XPath and the telling declarations of each rule for screens that is quickly looked for."""
    for rule in _for_screens(tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)):
        declared = _declared(tinycss2.parse_declaration_list(rule.content))
        selector = tinycss2.serialize(rule.prelude).strip()
        try:
            path = GenericTranslator().css_to_xpath(selector) if declared and _is_quick(selector) else ""
        except SelectorError:  # of a state, like :hover, or newer than the library
            continue
        if path:
            yield path, declared


def _is_quick(selectors: str) -> bool:
    """Whether elements are found by looking at each once, or twice: siblings and places among them take squares."""
    return all(
        "~" not in selector.replace("~=", "")
        and ":" not in selector
        and len(selector.split()) <= LONGEST_PATH
        for selector in selectors.replace(">", " ").split(",")
    )


def _for_screens(rules: Iterable[Any]) -> Iterator[Any]:
    for rule in rules:
        if rule.type == "qualified-rule":
            yield rule
        elif rule.type == "at-rule" and rule.content and _holds_on_screens(rule):
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            yield from (each for each in inner if each.type == "qualified-rule")


def _holds_on_screens(rule: Any) -> bool:
    """Whether a group of rules holds on every screen; a width or a taste makes it one of some."""
    name, condition = rule.lower_at_keyword, tinycss2.serialize(rule.prelude).strip().lower()
    return name in {"layer", "supports"} or (
        name == "media" and condition in {"screen", "all", "only screen"}
    )


def _declared(declarations: Iterable[Any]) -> Style:
    return {
        each.lower_name: " ".join(tinycss2.serialize(each.value).split()).lower()
        for each in declarations
        if each.type == "declaration" and each.lower_name in _TELLING
    }


def _found(tree: Any, path: str) -> list[Any]:
    try:
        found: list[Any] = tree.xpath(path)
    except XPathError:
        return []
    return found
