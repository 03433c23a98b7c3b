"""Small drawings of the demo catalogue's styles, so that screens show pictures. Pure.

`python -m oms.demo.pictures` writes them again to `static/demo`; a test compares the files with what is drawn here.
"""

from __future__ import annotations

from pathlib import Path

from oms.demo.catalogue import COLOURS, STYLES, Style

#: Outlines on a field of 96 by 96, the main shape first; {c} is the colour, {d} its dark line.
_SHAPES = {
    "kurta": '<path d="M36 14h24l18 12-7 16-8-4v46H33V38l-8 4-7-16z" fill="{c}" stroke="{d}" stroke-width="2"/>'
             '<path d="M42 14c2 8 10 8 12 0M48 22v22" fill="none" stroke="{d}" stroke-width="2"/>',
    "saree": '<path d="M22 18h52v60H22z" fill="{c}" stroke="{d}" stroke-width="2"/>'
             '<path d="M22 66h52M22 72h52M30 18v48M58 18c-4 20 6 30 16 40" fill="none" stroke="{d}" stroke-width="2"/>',
    "shoe": '<path d="M12 62c10-4 16-14 20-22 8 10 24 12 40 14 10 2 14 8 12 16H14c-3 0-4-5-2-8z" fill="{c}" '
            'stroke="{d}" stroke-width="2"/><path d="M34 46c6 6 14 8 22 9" fill="none" stroke="{d}" stroke-width="2"/>',
    "home": '<rect x="16" y="28" width="64" height="44" rx="6" fill="{c}" stroke="{d}" stroke-width="2"/>'
            '<path d="M16 42h64M16 58h64M32 28v44M64 28v44" stroke="{d}" stroke-width="1.5"/>',
    "scarf": '<path d="M30 14h36v58H30z" fill="{c}" stroke="{d}" stroke-width="2"/>'
             '<path d="M32 72v12M38 72v12M44 72v12M50 72v12M56 72v12M64 72v12M30 28h36M30 58h36" stroke="{d}" '
             'stroke-width="2"/>',
}  # fmt: skip


def draw(style: Style, colour: str) -> str:
    """The picture of a style in one colour, as SVG."""
    name, shade = COLOURS[colour]
    shape = _SHAPES[style.shape].format(c=shade, d=_darker(shade))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" role="img"><title>{style.name}, {name}</title>'
        f'<rect width="96" height="96" fill="#f4f1ea"/>{shape}</svg>\n'
    )


def _darker(shade: str) -> str:
    parts = (int(shade[start : start + 2], 16) * 6 // 10 for start in (1, 3, 5))
    return "#" + "".join(f"{part:02x}" for part in parts)


def files() -> dict[str, str]:
    """File name -> picture, of every style in every colour."""
    return {f"{style.code}-{colour}.svg".lower(): draw(style, colour) for style in STYLES for colour in style.colours}


def write_files(folder: Path) -> int:
    """Write every picture into a folder; how many."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = files()
    for name, text in drawn.items():
        (folder / name).write_text(text, encoding="utf-8")
    return len(drawn)


if __name__ == "__main__":
    write_files(Path(__file__).resolve().parents[2] / "static" / "demo")
