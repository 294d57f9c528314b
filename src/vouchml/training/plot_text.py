"""Label names as text in a plot: any length, any script, and nothing in them read as mathematics."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

_FONT = "DejaVu Sans"  # comes with matplotlib
_OTHER_SCRIPTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Source Han Sans",
    "PingFang SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "Noto Sans Tamil",
    "Noto Sans Thai",
    "Nirmala UI",
    "Arial Unicode MS",
)
_SHORT, _LINE, _LINES = 24, 22, 2


@dataclass(frozen=True)
class LabelText:
    """How to write label names with the fonts of this machine."""

    families: tuple[str, ...]
    glyphs: frozenset[int]

    @property
    def style(self) -> dict[str, Any]:
        """The text properties that every text holding a label name must be given."""
        return {"family": list(self.families), "parse_math": False}

    def short(self, label: str) -> str:
        """Give the name on one line, cut with an ellipsis when it is long."""
        drawable = self._drawable(label)
        return drawable if len(drawable) <= _SHORT else drawable[: _SHORT - 1].rstrip() + "…"

    def wrapped(self, label: str) -> str:
        """Give the name on up to two lines, cut with an ellipsis when it is longer."""
        lines = textwrap.wrap(self._drawable(label), _LINE, max_lines=_LINES, placeholder="…")
        return "\n".join(lines)

    def _drawable(self, label: str) -> str:
        """Replace white space by one blank, and a character that no font here can draw by its code point."""
        spaced = " ".join(label.split())
        return "".join(char if ord(char) in self.glyphs else f"U+{ord(char):04X}" for char in spaced)


def new_label_text() -> LabelText:
    """Look up which fonts are installed and what they can draw."""
    from matplotlib.font_manager import findfont, fontManager, get_font

    installed = {font.name for font in fontManager.ttflist}
    families = (_FONT, *(name for name in _OTHER_SCRIPTS if name in installed))
    glyphs = frozenset(code for name in families for code in get_font(findfont(name)).get_charmap())
    return LabelText(families, glyphs)
