"""index.html: a contact sheet of the gallery, in one file without a script."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from outrider.demo.folder import INDEX, write
from outrider.demo.manifest import Failure, File, Manifest, Shown, load_manifest
from outrider.demo.sprite import Sprite, load_sprite

_HERE = Path(__file__).parent
_TYPES = {"avif": "image/avif", "webp": "image/webp", "jpeg": "image/jpeg", "png": "image/png"}
_ON_THE_WALL = 300  # CSS pixels that a photograph is high there, about


def write_page(output: Path) -> Path:
    """Write the page of what the manifest and the sprite in `output` say."""
    page = render(load_manifest(output), load_sprite(output))
    write(output / INDEX, page.encode())
    return output / INDEX


def render(manifest: Manifest, sprite: Sprite) -> str:
    """The page. Whatever a user named a file is text in it, never markup."""
    style = (_HERE / "page.css").read_text("utf-8") + _placed(manifest, sprite)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    photos = manifest.photos
    around = [photos[-1:] + photos[:-1], photos[1:] + photos[:1]]  # before and after each one
    return Template((_HERE / "page.html").read_text("utf-8")).substitute(
        style=style,
        style_hash=f"sha256-{digest}",
        title=f"{count(len(photos), 'photograph')} · Outrider demo",
        headline=_headline(manifest),
        figures="\n".join(_figures(manifest)),
        jobs=count(manifest.figures.jobs, "job"),
        strip="\n".join(_link(photo) for photo in photos),
        failures=_failures(manifest.failures),
        cards="\n".join(_card(photo) for photo in photos),
        remark=_remark(manifest),
        sheets="\n".join(_sheet(*trio) for trio in zip(photos, *around, strict=True)),
    )


def count(number: int, noun: str) -> str:
    """`number` with its noun: "1 job", "1,368 jobs"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(number: float) -> str:
    """A number of bytes for people: "840 B", "21 KB", "3.4 MB"."""
    if number < 1000:
        return f"{number:.0f} B"
    for unit in ("KB", "MB", "GB"):
        number /= 1000
        if number < 999.5 or unit == "GB":
            break
    return f"{number:.1f} {unit}" if number < 9.95 else f"{number:.0f} {unit}"


def seconds(number: float) -> str:
    """A duration for people: "8.4 seconds", "2 min 5 s"."""
    if number < 60:
        return f"{number:.1f} seconds"
    minutes, rest = divmod(round(number), 60)
    return f"{minutes} min {rest} s"


def _headline(manifest: Manifest) -> str:
    took = seconds(manifest.figures.seconds)
    return f"A batch of {count(manifest.figures.jobs, 'resize')}, done in <span>{took}</span>."


def _figures(manifest: Manifest) -> list[str]:
    figures = manifest.figures
    rows = [
        ("photographs", f"{len(manifest.photos):,}", ""),
        ("renditions", f"{manifest.renditions:,}", ""),
        ("written", size(manifest.bytes), ""),
        ("seconds", f"{figures.seconds:,.1f}", ""),
        ("jobs a second", f"{figures.jobs / max(figures.seconds, 0.001):,.0f}", ""),
        ("failed jobs", f"{figures.failed:,}", ' class="bad"' if figures.failed else ""),
    ]
    return [f"<div{kind}><dt>{name}</dt><dd>{value}</dd></div>" for name, value, kind in rows]


def _placed(manifest: Manifest, sprite: Sprite) -> str:
    """The rules that differ from photograph to photograph; a slug is safe in CSS."""
    rules = [f".strip a {{ background-size: {sprite.columns * 100}% {sprite.rows * 100}%; }}"]
    for photo in manifest.photos:
        place, ratio = sprite.places.get(photo.slug, (0, 0)), photo.width / photo.height
        x, y = (100 * at / max(1, of - 1) for at, of in zip(place, _grid(sprite), strict=True))
        large = quote(_largest(photo).path)
        rules += [
            f"#to-{photo.slug} {{ background-position: {x:.4f}% {y:.4f}%; }}",
            f"#{_card_id(photo)} {{ --ratio: {min(max(ratio, 0.4), 3.2):.4f}; }}",
            f'#{_sheet_id(photo)} .view {{ background-image: url("{large}"); }}',
        ]
    return "\n".join(rules) + "\n"


def _grid(sprite: Sprite) -> tuple[int, int]:
    return sprite.columns, sprite.rows


def _card_id(photo: Shown) -> str:
    return f"photo-{photo.slug}"


def _sheet_id(photo: Shown) -> str:
    return f"sheet-{photo.slug}"


def _link(photo: Shown) -> str:
    name = escape(photo.name)
    return (
        f'<a id="to-{photo.slug}" href="#{_card_id(photo)}" title="{name}" aria-label="{name}"></a>'
    )


def _failures(failures: list[Failure]) -> str:
    if not failures:
        return ""
    items = []
    for failure in failures:
        missing = f" <small>({count(failure.missing, 'rendition')} missing)</small>"
        reason = escape(failure.reason) + (missing if failure.missing else "")
        items.append(f"<li><b>{escape(failure.name)}</b> — {reason}</li>")
    title = f"{count(len(failures), 'file')} failed"
    return (
        f'<section class="failures">\n<h2>{title}</h2>\n<ul>\n'
        + "\n".join(items)
        + "\n</ul>\n</section>\n"
    )


def _card(photo: Shown) -> str:
    """One photograph on the wall: the only <img> it has."""
    by_format = _by_format(photo)
    wide = round(_ON_THE_WALL * min(max(photo.width / photo.height, 0.4), 3.2))
    sizes = f"(max-width: 600px) 92vw, {wide}px"
    fallback = by_format.get("jpeg") or list(by_format.values())[-1]
    sources = [
        f'<source type="{_TYPES[name]}" srcset="{_srcset(files)}" sizes="{sizes}">'
        for name, files in by_format.items()
        if name in ("avif", "webp") and files is not fallback
    ]
    largest, name = _largest(photo), escape(photo.name)
    smaller = f"{min(photo.saved, 0.99):.0%} smaller" if photo.saved > 0 else "no smaller"
    image = (
        f'<img src="{quote(_near(fallback, wide).path)}" srcset="{_srcset(fallback)}" '
        f'sizes="{sizes}" width="{largest.width}" height="{largest.height}" '
        f'alt="{name}" loading="lazy" decoding="async">'
    )
    return (
        f'<figure class="card" id="{_card_id(photo)}">'
        f'<button type="button" popovertarget="{_sheet_id(photo)}">'
        f"<picture>{''.join(sources)}{image}</picture></button>\n"
        f'<figcaption><b title="{name}">{name}</b>'
        f"<span>{photo.width:,} × {photo.height:,}, {size(photo.bytes)}</span>"
        f"<span>{count(len(photo.renditions), 'rendition')}, {smaller}</span>"
        "</figcaption></figure>"
    )


def _sheet(photo: Shown, before: Shown, after: Shown) -> str:
    """What opens above the page: the photograph large, and a link to each of its renditions."""
    formats = _by_format(photo)
    made = {(file.asked, file.format): file for file in photo.renditions}
    rows = []
    for width in sorted({file.asked for file in photo.renditions}):
        cells = "".join(_cell(made.get((width, name))) for name in formats)
        rows.append(f"<tr><td>{width}</td>{cells}</tr>")
    heads = "".join(f"<th>{name}</th>" for name in formats)
    turns = [("← before", _sheet_id(before)), ("next →", _sheet_id(after))]
    buttons = "".join(
        f'<button type="button" popovertarget="{target}">{label}</button>'
        for label, target in turns
        if target != _sheet_id(photo)
    )
    return (
        f'<div class="sheet" id="{_sheet_id(photo)}" popover>'
        f'<div class="view" role="img" aria-label="{escape(photo.name)}"></div>'
        f'<div class="notes"><h2>{escape(photo.name)}</h2>{_bars(photo)}'
        f"<table><thead><tr><th>width</th>{heads}</tr></thead><tbody>{''.join(rows)}</tbody>"
        f"</table><p>No rendition is wider than the photograph, which has {photo.width:,} pixels."
        f'</p><div class="turn">{buttons}<button type="button" '
        f'popovertarget="{_sheet_id(photo)}" popovertargetaction="hide">close</button></div>'
        "</div></div>"
    )


def _cell(file: File | None) -> str:
    if file is None:
        return "<td>–</td>"
    return f'<td><a href="{quote(file.path)}">{size(file.bytes)}</a></td>'


def _bars(photo: Shown) -> str:
    """How large the original is, and each format at full width."""
    rows = [("original", photo.bytes)]
    rows += [(name, files[-1].bytes) for name, files in _by_format(photo).items()]
    longest = max(number for _, number in rows)
    lines = []
    for y, (name, number) in enumerate(rows):
        long = max(2.0, 190 * number / longest)
        lines.append(
            f'<text x="0" y="{y * 22 + 14}" fill="currentColor">{name}</text>'
            f'<rect class="rail" x="64" y="{y * 22 + 5}" width="190" height="10" rx="2"/>'
            f'<rect class="bar" x="64" y="{y * 22 + 5}" width="{long:.1f}" height="10" rx="2"/>'
            f'<text x="320" y="{y * 22 + 14}" text-anchor="end" fill="currentColor">'
            f"{size(number)}</text>"
        )
    high = len(rows) * 22
    return (
        f'<svg viewBox="0 0 320 {high}" font-size="12" role="img" '
        f'aria-label="Bytes at full width, by format">{"".join(lines)}</svg>'
    )


def _by_format(photo: Shown) -> dict[str, list[File]]:
    """The renditions of each format, narrow to wide, one of each width they really have."""
    by_format: dict[str, dict[int, File]] = {}
    for file in photo.renditions:
        by_format.setdefault(file.format, {}).setdefault(file.width, file)
    return {name: [files[width] for width in sorted(files)] for name, files in by_format.items()}


def _srcset(files: list[File]) -> str:
    return ", ".join(f"{quote(file.path)} {file.width}w" for file in files)


def _near(files: list[File], width: int) -> File:
    return next((file for file in files if file.width >= width), files[-1])


def _largest(photo: Shown) -> File:
    """The widest rendition, of a format that every browser knows."""
    files = [file for file in photo.renditions if file.format in ("jpeg", "webp", "png")]
    return max(files or photo.renditions, key=lambda file: file.width)


def _remark(manifest: Manifest) -> str:
    if not manifest.ignored:
        return "Every file was a photograph."
    return f"{count(manifest.ignored, 'other file')} in the folder: no photographs, left alone."
