"""Your own images: a folder or .zip, of any size and mode, as arrays with labels, and corners if known."""

from __future__ import annotations

import collections
import contextlib
import csv
import dataclasses
import itertools
import math
import tempfile
import unicodedata
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from stnlib import _checks, poses

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm")
TABLE = "labels.csv"  # beside the images
CORNERS = tuple(f"{axis}{corner}" for corner in range(1, 5) for axis in "xy")  # x1, y1, x2, ...: columns of the table
PIXELS = 48 * 188  # of an image, roughly, where its size is not given
STEP = 4  # height and width are then multiples of it
PARTS = {"train", "training", "test", "val", "valid", "validation"}  # subfolders of these names are no classes
BLANK = " "  # behind a label that is shorter than the longest
LEAST = 10  # pictures to split


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Images with labels.

    :param images: `(N, H, W, 3)`, uint8.
    :param labels: `(N, K)`, int32, indices into `symbols`. A label is a text of K characters, padded with blanks at its
        end, or one class (K = 1).
    :param symbols: the characters or the classes.
    :param corners: `(N, 4, 2)` as (x, y) in [-1, 1], clockwise from the upper left, NaN for images without; or None.
    """

    images: np.ndarray
    labels: np.ndarray
    symbols: tuple[str, ...]
    corners: np.ndarray | None = None

    def __len__(self) -> int:
        """The number of images."""
        return len(self.images)

    @property
    def marked(self) -> np.ndarray:
        """Which images have corners, `(N,)`, bool.

        >>> images, labels = np.zeros((2, 4, 4, 3), "uint8"), np.zeros((2, 1), int)
        >>> Pictures(images, labels, symbols=("A",)).marked.tolist()
        [False, False]
        """
        if self.corners is None:
            return np.zeros(len(self), bool)
        return np.isfinite(self.corners).all(axis=(1, 2))

    def text(self, label: Any) -> str:
        """Convert one label to text.

        >>> images, labels = np.zeros((1, 4, 4, 3), "uint8"), np.array([[1, 0]])
        >>> Pictures(images, labels, symbols=("A", "B")).text([1, 0])
        'BA'
        """
        return "".join(self.symbols[place] for place in label).rstrip(BLANK)

    def take(self, places: Any) -> Pictures:
        """Select images by their indices.

        >>> images, labels = np.zeros((3, 4, 4, 3), "uint8"), np.zeros((3, 1), int)
        >>> len(Pictures(images, labels, symbols=("A",)).take([0, 2]))
        2
        """
        corners = None if self.corners is None else self.corners[places]
        return Pictures(self.images[places], self.labels[places], self.symbols, corners)

    def split(self, share: float = 0.2, seed: int = 0) -> tuple[Pictures, Pictures]:
        """Split at random into a training set and a test set, which gets `share` of the images.

        :Errors: ValueError for fewer than ten images, and for a share that leaves one of the sets empty.

        >>> images = np.zeros((10, 4, 4, 3), "uint8")
        >>> labels = np.zeros((10, 1), int)
        >>> pictures = Pictures(images, labels, symbols=("A",))
        >>> [len(part) for part in pictures.split()]
        [8, 2]
        """
        if len(self) < LEAST:
            _checks.fail("pictures", f"{len(self)}", f"at least {LEAST} to split")
        count = round(_checks.positive(share, "share") * len(self))
        if not 0 < count < len(self):
            _checks.fail("share", repr(share), f"one that leaves something of {len(self)} pictures in both sets")
        order = np.random.default_rng(seed).permutation(len(self))
        return self.take(order[count:]), self.take(order[:count])


def read(folder: str | Path, size: tuple[int, int] | None = None) -> Pictures:
    """Read a folder, or a .zip, of images.

    :param folder: the folder or .zip file.
    :param size: (height, width) to which all images are fitted, with their edge repeated around them. None: about
        48 x 188 pixels in total, with the aspect ratio of the median image.
    :Labels: the file's name up to the first underscore (`AB123_7.jpg` is labelled AB123). Images in subfolders:
        the subfolder's name, as one class, unless it is train, test or the like. A file `labels.csv` beside the
        images or in a folder above them, with columns `file` and `label`, takes precedence.
    :Corners: columns x1, y1 to x4, y4 of `labels.csv`: the corners of the object, in the order upper left, upper
        right, lower right, lower left, in pixels from the image's outer edge: the centre of the upper left pixel is
        (0.5, 0.5). They are empty where they are not known.
    :Errors: ValueError for a folder without images, a file that is not an image, labels that are all the same, a
        table that lacks columns or images, and corners given as fractions, far outside the image, or in another
        order. Warnings count the files that were left out and the rows without an image, and name rows that begin at
        another corner than most do.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("AB_1.png", "C_2.png"):
    ...         Image.new("L", (40, 20)).save(Path(folder, name))
    ...     pictures = read(folder, size=(8, 32))
    >>> pictures.images.shape, [pictures.text(label) for label in pictures.labels]
    ((2, 8, 32, 3), ['AB', 'C'])
    """
    if not isinstance(folder, (str, Path)) or not str(folder):
        _checks.fail("folder", repr(folder), "a folder or a .zip")
    path = Path(folder)
    if path.is_file() and (zipfile.is_zipfile(path) or path.suffix.lower() == ".zip"):
        with tempfile.TemporaryDirectory() as unpacked:
            try:
                zipfile.ZipFile(path).extractall(unpacked)
            except (zipfile.BadZipFile, EOFError, zlib.error):
                _checks.fail("folder", f"{str(folder)!r}, which is damaged or incomplete", "a whole .zip")
            return _read(Path(unpacked), size, str(folder))
    if not path.is_dir():
        _checks.fail("folder", f"{str(folder)!r}", "a folder or a .zip that exists")
    return _read(path, size, str(folder))


def _read(folder: Path, size: tuple[int, int] | None, shown: str) -> Pictures:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _hidden(path.relative_to(folder))]
    paths = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not paths:
        others = ", ".join(sorted({path.suffix.lower() for path in files})) or "no files"
        _checks.fail("folder", f"{others} in {shown!r}", f"images ({', '.join(SUFFIXES)})")
    tables = [path for path in files if path.name.lower() == TABLE]
    if others := collections.Counter(path.suffix for path in files if path not in {*paths, *tables}):
        left = ", ".join(f"{count} {suffix or 'without a suffix'}" for suffix, count in sorted(others.items()))
        warnings.warn(f"folder: left out files that are not {', '.join(SUFFIXES)}: {left}", stacklevel=3)
    rows = _rows(tables, paths) if tables else [{}] * len(paths)
    parents = {path.parent for path in paths}
    classes = "label" not in rows[0] and len(parents) > 1 and not PARTS.issuperset(one.name.lower() for one in parents)
    if classes and (loose := [path.name for path in paths if path.parent == folder]):
        _checks.fail("folder", f"{loose[0]!r} beside the subfolders", f"a {TABLE}, or all images in subfolders")
    names = [path.parent.name if classes else path.stem.split("_")[0] for path in paths]
    labels, symbols = encode([row.get("label", name) for row, name in zip(rows, names, strict=True)], classes)
    size = _size([_shape(path, folder) for path in paths]) if size is None else _checks.sizes(size, "size")
    images = np.empty((len(paths), *size, 3), "uint8")
    corners = np.full((len(paths), 4, 2), np.nan, "float32")
    for place, (path, row) in enumerate(zip(paths, rows, strict=True)):
        with _opened(path, folder) as image:
            images[place], scale, shift = fit(image, size)
        if "corners" in row:
            corners[place] = 2 * (row["corners"] * scale + shift) / size[::-1] - 1
            if np.abs(corners[place]).max() > 2:
                _checks.fail(TABLE, f"some far outside {path.name!r}", "corners in pixels of the image")
    found = Pictures(images, labels, symbols, corners)
    if not found.marked.any():
        return dataclasses.replace(found, corners=None)
    _upright(corners[found.marked] * size[::-1], [path.name for path, known in zip(paths, found.marked) if known])
    return found


def encode(texts: Sequence[str], classes: bool = False) -> tuple[np.ndarray, tuple[str, ...]]:
    """Encode label texts as indices; returns the labels and their symbols.

    :Shapes: N texts to labels `(N, K)`, int32: K characters each, or K = 1 if each text is a class.
    :Errors: ValueError if all texts are the same.

    >>> labels, symbols = encode(["AB", "C"])
    >>> labels.tolist(), symbols
    ([[1, 2], [3, 0]], (' ', 'A', 'B', 'C'))
    """
    texts = [unicodedata.normalize("NFC", text) for text in texts]
    if len(set(texts)) < 2:
        _checks.fail("labels", f"{texts[0]!r} for all {len(texts)}", f"at least two, from LABEL_1.png or a {TABLE}")
    longest = max(map(len, texts))
    entries = [[text] for text in texts] if classes else [list(text.ljust(longest, BLANK)) for text in texts]
    symbols = tuple(sorted({symbol for entry in entries for symbol in entry}))
    place = {symbol: index for index, symbol in enumerate(symbols)}
    return np.array([[place[symbol] for symbol in entry] for entry in entries], "int32"), symbols


def fit(image: Image.Image, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit an image of any mode into `size`, (height, width); keeps its aspect ratio and repeats its edge around it.

    :Shapes: pixels `(*size, 3)`, uint8; scale and shift `(2,)`, as (x, y), which map the image's points.
    :Convention: the EXIF orientation is applied, transparent pixels become white, and 16-bit and float images are
        scaled by their maximum; what is not a finite number, or negative, becomes black.

    >>> pixels, scale, shift = fit(Image.new("L", (20, 20), 99), (10, 40))
    >>> pixels.shape, int(pixels.min()), scale.tolist(), shift.tolist()
    ((10, 40, 3), 99, [0.5, 0.5], [15.0, 0.0])
    """
    image = _rgb(ImageOps.exif_transpose(image))
    room, own = np.array(size[::-1]), np.array(image.size)
    inner = np.clip(np.round(own * (room / own).min()), 1, room).astype(int)
    small = np.asarray(image.resize(tuple(inner.tolist()), Image.Resampling.BICUBIC, reducing_gap=3.0))
    before = (room - inner) // 2
    (left, top), (right, bottom) = before, room - inner - before
    return np.pad(small, ((top, bottom), (left, right), (0, 0)), "edge"), inner / own, before.astype("float64")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode[0] in "IF":  # 16 or 32 bits
        values = np.nan_to_num(np.asarray(image, "float64"), nan=0, posinf=0, neginf=0).clip(0)
        image = Image.fromarray((255 * values / max(values.max(), 1e-9)).astype("uint8"))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


@contextlib.contextmanager
def _opened(path: Path, folder: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as image:
            yield image
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError):
        _checks.fail("folder", f"{path.relative_to(folder).as_posix()!r}, which cannot be read", "whole images")


def _shape(path: Path, folder: Path) -> tuple[int, int]:
    """The (height, width) that an image will have once it is rotated as its camera noted."""
    with _opened(path, folder) as image:
        lies = image.getexif().get(ExifTags.Base.Orientation, 1) > 4
        return image.size if lies else image.size[::-1]


def _size(shapes: list[tuple[int, int]]) -> tuple[int, int]:
    """A size of about `PIXELS` in the median proportions of shapes (height, width)."""
    proportion = float(np.median([width / height for height, width in shapes]))
    height = math.sqrt(PIXELS / min(max(proportion, 1 / 8), 8))
    return tuple(max(6 * STEP, STEP * round(side / STEP)) for side in (height, PIXELS / height))


def _hidden(path: Path) -> bool:
    """What macOS and others leave in folders and archives."""
    return any(part.startswith((".", "__MACOSX")) for part in path.parts)


def _rows(tables: list[Path], images: list[Path]) -> list[dict]:
    """The row of each image, from the table in its folder or in the nearest folder above."""
    owners = []
    for image in images:
        above = [table for table in tables if image.is_relative_to(table.parent)]
        owners.append(max(above, key=lambda table: len(table.parts), default=tables[0]))
    rows = {}
    for table in tables:
        own = [image for image, owner in zip(images, owners, strict=True) if owner == table]
        rows |= zip(own, _table(table, own), strict=True)
    if len({"label" in row for row in rows.values()}) > 1:
        _checks.fail(TABLE, "the column label in some only", "the same columns in each")
    return [rows[image] for image in images]


def _table(path: Path, images: list[Path]) -> list[dict]:
    """The row of the table for each image: its label, its corners, or both."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        _checks.fail(TABLE, "another encoding", "a text file in UTF-8")
    first = lines[0] if lines else ""
    head, *rest = csv.reader(lines or [""], delimiter=max(",;\t", key=first.count), skipinitialspace=True)
    head = [name.strip().lower() for name in head]
    for row in rest:
        if any(map(str.strip, row[len(head) :])):
            _checks.fail(TABLE, f"{len(row)} values in the row of {row[0]!r}", f"{len(head)}, as the first line has")
    rows = [dict(itertools.zip_longest(head, row[: len(head)], fillvalue="")) for row in rest if any(row)]
    columns, wanted = set(head), {"label"}
    if columns & set(CORNERS):
        wanted = set(CORNERS)
    if not rows or not columns.issuperset({"file"} | wanted):
        _checks.fail(TABLE, first or "an empty file", "the columns file and label, or file and x1, y1 to x4, y4")
    by_file: dict[str, dict] = {}
    for row in rows:
        name = row["file"].strip().replace("\\", "/").removeprefix("./")
        if by_file.setdefault(name, row) != row:
            _checks.fail(TABLE, f"two different ones for {name!r}", "one row for each image")
    found, used, names = [], set(), collections.Counter(image.name for image in images)
    for image in images:
        inside = image.relative_to(path.parent).as_posix() if image.is_relative_to(path.parent) else ""
        row = by_file.get(inside) or by_file.get(image.name)
        if row and inside not in by_file and names[image.name] > 1:
            _checks.fail(TABLE, f"{image.name!r} for {names[image.name]} images", "their paths, as in train/1.png")
        if row is None:
            _checks.fail(TABLE, f"none for {image.name!r}", "a row for each image")
        used.add(row["file"])
        found.append(_row(row, columns))
    if missing := len({row["file"] for row in rows} - used):
        warnings.warn(f"{TABLE}: {missing} rows name no image that is there", stacklevel=5)
    return found


def _row(row: dict, columns: set[str]) -> dict:
    made = {"label": row["label"].strip()} if "label" in columns else {}
    if made.get("label") == "":
        _checks.fail(TABLE, f"none for {row['file']!r}", "a label in each row")
    if columns.issuperset(CORNERS) and any(row[name].strip() for name in CORNERS):
        try:
            corners = np.array([float(row[name]) for name in CORNERS]).reshape(4, 2)
            if not np.isfinite(corners).all():
                raise ValueError
        except ValueError:
            _checks.fail(TABLE, f"{[row[name] for name in CORNERS]} for {row['file']!r}", "eight numbers, x1 to y4")
        if np.ptp(corners, axis=0).max() < 2:
            _checks.fail(
                TABLE, f"all within {np.ptp(corners):.2g} for {row['file']!r}", "corners in pixels, not shares"
            )
        bends = poses.bends(corners[None])
        if not (bends > 0).all():
            got = "counter-clockwise ones" if (bends < 0).all() else "another order or one twice"
            _checks.fail(TABLE, f"{got} for {row['file']!r}", "four corners, upper left first, clockwise")
        made["corners"] = corners
    return made


def _upright(corners: np.ndarray, names: Sequence[str]) -> None:
    """Refuse corners `(N, 4, 2)`, in pixels, that begin elsewhere than at the upper left in most images; name some."""
    edges = np.roll(corners, -1, axis=1) - corners
    right = edges[..., 0] / np.linalg.norm(edges, axis=-1)
    if (right[:, 0] > 0.5).mean() < 0.5:
        _checks.fail(TABLE, "another corner first in most rows", "corners in order, upper left first, clockwise")
    doubtful = [name for name, first in zip(names, right.argmax(axis=1), strict=True) if first]
    if 0 < len(doubtful) < 0.2 * len(names):
        shown = ", ".join(doubtful[:3]) + ", ..." * (len(doubtful) > 3)
        warnings.warn(
            f"{TABLE}: used as it is, but another corner first, or an object rotated by 45 degrees or more: {shown}",
            stacklevel=4,
        )
