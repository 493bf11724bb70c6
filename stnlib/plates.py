"""Number plates, drawn on the fly: slanted RGB images, the characters on them, and the true corners and theta."""

from __future__ import annotations

import csv
import functools
import numbers
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from stnlib import _checks
from stnlib.poses import CORNERS, homography

ALPHABET = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"  # no I, O, Q
LENGTH = 5
SIZE = (48, 188)  # of an image, (height, width)
FACE = (256, 64)  # of a plate before it is seen from anywhere, (width, height)
FONTS = ("DejaVuSans-Bold.ttf", "DejaVuSansMono-Bold.ttf", "DejaVuSans.ttf")
COLOURS = (  # of the plate and of its characters
    ((245, 245, 240), (15, 15, 25)),
    ((245, 205, 40), (20, 20, 20)),
    ((30, 60, 150), (240, 240, 240)),
    ((200, 225, 200), (10, 60, 20)),
    ((40, 40, 45), (230, 230, 230)),
)
OVERSAMPLING = 2  # each way, so that the smallest strokes keep their weight


class Plates(NamedTuple):
    """Number plates with their labels and true poses.

    :param images: `(N, 48, 188, 3)`, float32 in [0, 1].
    :param labels: `(N, 5)`, indices of the characters in the alphabet.
    :param corners: `(N, 4, 2)`, the plate's corners as (x, y), normalised, clockwise from its upper left.
    :param theta: `(N, 8)`, the projective theta that rectifies the plate: what a spatial transformer should find.
    """

    images: np.ndarray
    labels: np.ndarray
    corners: np.ndarray
    theta: np.ndarray


def make(count: int, seed: int | Sequence[int] = 0, alphabet: str = ALPHABET, length: int = LENGTH) -> Plates:
    """Draw plates at random; the same seed gives the same plates.

    :Shapes: see `Plates`; labels `(N, length)`.
    :Convention: `images` are multiples of 1/255; labels are indices into `alphabet`.
    :Errors: ValueError for a count that is not an integer of at least 0, an empty alphabet, and a length below 1.

    >>> plates = make(2, seed=1)
    >>> plates.images.shape, text(plates.labels[0])
    ((2, 48, 188, 3), 'FGRY1')
    """
    if isinstance(count, bool) or not isinstance(count, numbers.Integral) or count < 0:
        _checks.fail("count", repr(count), "a whole number of at least 0")
    if not alphabet:
        _checks.fail("alphabet", repr(alphabet), "at least one character")
    if isinstance(length, bool) or not isinstance(length, numbers.Integral) or length < 1:
        _checks.fail("length", repr(length), "a whole number of at least 1")
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(alphabet), (count, length)).astype("int32")
    corners = np.array([draw_corners(rng) for _ in range(count)]).reshape(count, 4, 2)
    images = [
        photograph(rng, face(rng, text(label, alphabet)), four) for label, four in zip(labels, corners, strict=True)
    ]
    pixels = np.array(images, "uint8").reshape(count, *SIZE, 3)
    normalised = 2 * corners / SIZE[::-1] - 1
    theta = homography(np.broadcast_to(CORNERS, normalised.shape), normalised)
    return Plates(pixels.astype("float32") / 255, labels, normalised.astype("float32"), theta.astype("float32"))


def write(
    folder: str | Path, count: int, seed: int | Sequence[int] = 0, alphabet: str = ALPHABET, length: int = LENGTH
) -> Path:
    """Write plates to a folder, in the form that `stnlib.pictures.read` expects; returns the folder.

    :Convention: files are named after the plate's text, `FGRY1_00000.png`; `labels.csv` has the corners, in pixels.
        The other arguments are those of `make`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sorted(path.name for path in write(folder, 2, seed=1).iterdir())
    ['4UY8A_00001.png', 'FGRY1_00000.png', 'labels.csv']
    """
    made, folder = make(count, seed, alphabet, length), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "labels.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file", *(f"{axis}{corner}" for corner in range(1, 5) for axis in "xy")])
        for number, (image, label, corners) in enumerate(zip(made.images, made.labels, made.corners, strict=True)):
            name = f"{text(label, alphabet)}_{number:05}.png"
            Image.fromarray(np.round(255 * image).astype("uint8")).save(folder / name, compress_level=1)
            pixels = (corners + 1) / 2 * SIZE[::-1]
            table.writerow([name, *(f"{place:.2f}" for place in pixels.ravel())])
    return folder


def text(label: np.ndarray, alphabet: str = ALPHABET) -> str:
    """Convert labels to text.

    >>> text([1, 10, 32])
    '1AZ'
    """
    return "".join(alphabet[index] for index in label)


def face(rng: np.random.Generator, characters: str) -> Image.Image:
    """Draw a plate seen from the front, in one of five colour schemes and one of three fonts.

    >>> face(np.random.default_rng(0), "12345").size
    (256, 64)
    """
    plate, ink = COLOURS[rng.integers(len(COLOURS))]
    width, height = FACE
    image = Image.new("RGB", FACE, tuple(np.clip(plate + rng.normal(0, 10, 3), 0, 255).astype(int).tolist()))
    draw = ImageDraw.Draw(image)
    draw.rectangle([2, 2, width - 3, height - 3], outline=ink, width=2)
    style = font(FONTS[rng.integers(len(FONTS))])
    for place, character in enumerate(characters):
        x = 10 + (width - 20) * (place + 0.5) / len(characters)
        draw.text((x, height / 2), character, font=style, fill=ink, anchor="mm")
    return image


@functools.cache
def font(name: str, size: int = 46) -> ImageFont.FreeTypeFont:
    """Load one of the fonts that come with matplotlib.

    >>> font("DejaVuSans.ttf").size
    46
    """
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)), size)


def draw_corners(rng: np.random.Generator) -> np.ndarray:
    """Draw random corners for a plate: size, rotation, shear, perspective and position, all inside the image.

    :Shapes: `(4, 2)` as (x, y), in pixels, clockwise from the plate's upper left.

    >>> bool(np.all(draw_corners(np.random.default_rng(0)) > 0))
    True
    """
    room = np.array(SIZE[::-1])
    while True:
        half = np.array([rng.uniform(85, 150), rng.uniform(20, 32)]) / 2
        angle, shear = np.radians(rng.uniform(-16, 16)), rng.uniform(-0.5, 0.5)
        corners = CORNERS * half @ [[1, 0], [shear, 1]]
        corners += rng.normal(0, 1, (4, 2)) * half * [0.07, 0.18]
        corners = corners @ [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        least, most = corners.min(axis=0), corners.max(axis=0)
        if np.all(most - least <= room - [4, 2]):
            return corners + rng.uniform(1 - least, room - most - 1)


def photograph(rng: np.random.Generator, plate: Image.Image, corners: np.ndarray) -> np.ndarray:
    """Render a plate with its corners at given pixels, on a background, with random lighting and noise.

    :Shapes: corners `(4, 2)` as (x, y); the image `(48, 188, 3)`, uint8.

    >>> rng = np.random.default_rng(0)
    >>> photograph(rng, face(rng, "12345"), 40 * CORNERS + [90, 24]).shape
    (48, 188, 3)
    """
    image = background(rng)
    image.paste(seen_from(plate, corners), (0, 0), seen_from(Image.new("L", FACE, 255), corners))
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.8)))
    noise = rng.normal(0, rng.uniform(3, 14), (*SIZE, 3))
    return np.clip(np.asarray(image) * rng.uniform(0.6, 1.15) + noise, 0, 255).astype("uint8")


def seen_from(plate: Image.Image, corners: np.ndarray) -> Image.Image:
    """Warp a plate so that its corners lie at given pixels of an image; black around it.

    >>> image = seen_from(Image.new("L", FACE, 255), 10 * CORNERS + [90, 24])
    >>> image.getpixel((90, 24))
    255
    """
    height, width = (OVERSAMPLING * side for side in SIZE)
    front = (CORNERS + 1) / 2 * FACE
    theta = homography(OVERSAMPLING * corners[None], front[None])[0]  # Pillow, too, maps output to input
    large = plate.transform((width, height), Image.Transform.PERSPECTIVE, theta, Image.Resampling.BICUBIC)
    return large.resize(SIZE[::-1], Image.Resampling.BOX)


def background(rng: np.random.Generator) -> Image.Image:
    """Draw a background for a plate: a coarse colour texture and up to four lines.

    >>> background(np.random.default_rng(0)).size
    (188, 48)
    """
    coarse = rng.uniform(20, 200, 3) + rng.normal(0, 45, (rng.integers(2, 7), rng.integers(4, 20), 3))
    image = Image.fromarray(np.clip(coarse, 0, 255).astype("uint8")).resize(SIZE[::-1], Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(0, 5)):
        ends = rng.uniform(0, [*SIZE[::-1], *SIZE[::-1]]).tolist()
        draw.line(ends, fill=tuple(rng.integers(0, 255, 3).tolist()), width=int(rng.integers(1, 4)))
    return image
