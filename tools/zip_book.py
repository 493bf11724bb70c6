"""Pack the built book for reading offline: _build/stn-hands-on.zip.

usage: python tools/zip_book.py     (after `make book`)

Unpack it anywhere and open index.html: the pages and their widgets need neither a server nor a network. The same
pages give the same bytes.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "_build" / "html"
ARCHIVE = ROOT / "_build" / "stn-hands-on.zip"
BEGINNING = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip file can hold


def pack(book: Path, archive: Path) -> int:
    """Write the files of a built book below one folder, in fixed order, with a fixed time; returns their number."""
    files = sorted(path for path in book.rglob("*") if path.is_file() and path.name != ".buildinfo")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in files:
            entry = zipfile.ZipInfo(f"{archive.stem}/{path.relative_to(book).as_posix()}", BEGINNING)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            packed.writestr(entry, path.read_bytes())
    return len(files)


def main() -> None:
    """Command line."""
    if not (BOOK / "index.html").exists():
        sys.exit("There is no built book to pack: run `make book`.")
    count = pack(BOOK, ARCHIVE)
    print(f"Packed {count} files, {ARCHIVE.stat().st_size / 1e6:.1f} MB: {ARCHIVE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
