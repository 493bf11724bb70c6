"""The packer: each module in a scope of its own, and what it does not know is refused with one line."""

import re
from pathlib import Path

import pytest

from stnlib import widgets
from stnlib.widgets.core import pack

pytestmark = pytest.mark.repository
FOLDERS = {"core", "shared"} | {getattr(widgets, name).folder for name in widgets.__all__}
SCRIPTS = sorted(
    path.relative_to(pack.FOLDER).as_posix() for folder in FOLDERS for path in (pack.FOLDER / folder).rglob("*.js")
)


@pytest.fixture
def files(monkeypatch, tmp_path):
    """Write files in a folder of widgets, by path."""
    monkeypatch.setattr(pack, "FOLDER", tmp_path)
    pack.module.cache_clear()

    def write(**texts):
        for name, text in texts.items():
            path = tmp_path / name.replace("__", "/").replace("_worker", ".worker")
            path = path.with_name(path.name + ("" if "." in path.name and "worker" not in path.name else ".js"))
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")

    yield write
    pack.module.cache_clear()


def value_of(open_page, text):
    """What a packed module exports by default, in a browser."""
    load = "(await import(URL.createObjectURL(new Blob([text], { type: 'text/javascript' }))))"
    return open_page("").evaluate(f"async (text) => {load}.default", text)


@pytest.mark.parametrize("name", widgets.__all__)
def test_a_packed_widget_stands_alone(name):
    folder = getattr(widgets, name).folder
    text = pack.module(f"{folder}/{folder}.js")
    assert not re.search(r"^\s*import\b", text, re.MULTILINE)
    assert len(re.findall(r"^export ", text, re.MULTILINE)) == 1
    assert text.count("function gridSample(") == 1
    assert "</script" not in text


@pytest.mark.parametrize("name", widgets.__all__)
def test_a_packed_style_sheet_stands_alone(name):
    folder = getattr(widgets, name).folder
    own = pack.FOLDER / folder / f"{folder}.css"
    asked = re.findall(r'@import "(.*)"', own.read_text("utf-8")) if own.exists() else []
    text = pack.style(folder)
    assert "@import" not in text and all((own.parent / sheet).read_text("utf-8") in text for sheet in asked)


@pytest.mark.parametrize("path", SCRIPTS)
def test_each_export_is_imported_somewhere(path):
    importers = [pack.FOLDER / other for other in SCRIPTS if other != path]
    importers += sorted(Path(__file__).parent.rglob("*.test.mjs"))
    texts = "".join(importer.read_text("utf-8") for importer in importers)
    for match in pack.EXPORT.finditer((pack.FOLDER / path).read_text("utf-8")):
        assert re.search(rf"\bimport \{{[^}}]*\b{match['name']}\b", texts), f"nothing imports {match['name']}"


def test_two_modules_may_use_one_name(files, open_page):
    files(
        a='import { left } from "./b.js";\nimport { left as right } from "./c.js";\nconst BOX = 3;\n'
        "export default [left(), right(), BOX];\n",
        b="const BOX = 1;\nexport function left() { return BOX; }\n",
        c="const BOX = 2;\nexport const left = () => BOX;\n",
    )
    assert value_of(open_page, pack.module("a.js")) == [1, 2, 3]


def test_two_files_may_have_one_name_and_each_runs_once(files, open_page):
    files(
        one__main='import { x } from "./part.js";\nimport { y } from "../two/part.js";\nexport default [x, y];\n',
        one__part="export const x = 1;\n",
        two__part='import { x } from "../one/part.js";\nexport const y = x + 1;\n',
    )
    text = pack.module("one/main.js")
    assert value_of(open_page, text) == [1, 2] and text.count("const x = 1;") == 1


def test_text_data_and_workers_are_inlined(files, open_page):
    files(
        a='import TEXT from "./t.html";\nimport { data } from "./b.js";\nimport WORK from "./c.worker.js";\n'
        "export default [TEXT, data, (0, eval)(WORK)];\n",
        **{"t.html": '<b>"</b>\n', "d.json": '{"x": [1]}\n'},
        b='import DATA from "./d.json";\nexport const data = DATA.x;\n',
        c_worker='import { data } from "./b.js";\ndata[0] + 1;\n',
    )
    assert value_of(open_page, pack.module("a.js")) == ['<b>"</b>\n', [1], 2]


REFUSED = {
    "export let x = 1;": "export let",
    "export var x = 1;": "export var",
    "export default 3;": "export default",
    "export { x };\nconst x = 1;": "export {",
    'export { x } from "./c.js";': "export {",
    'export * from "./c.js";': "export *",
    "export const { x } = { x: 1 };": "export const {",
    "const y = 1; export let x = 1;": "export let",
    'import * as c from "./c.js";\nexport const x = 1;': "import *",
    'import "./c.js";\nexport const x = 1;': "import",
    "import { x } from './c.js';": "import",
    'import { y } from "./c.js";\nexport const x = 1;': "y",
    'import c from "./c.js";\nexport const x = 1;': "whole module",
    'import { x } from "./missing.js";\nexport const z = 1;': "missing.js",
    'import { x } from "../../outside.js";\nexport const z = 1;': "outside.js",
    'import { z } from "./a.js";\nexport const x = z;': "cycle",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_packer_does_not_know_is_refused_on_one_line(files, text):
    files(
        a='import { x } from "./b.js";\nexport const z = 1;\nexport default x;\n',
        b=text + "\n",
        c="export const x = 1;\n",
    )
    with pytest.raises(ValueError, match="got") as caught:
        pack.module("a.js")
    message = str(caught.value)
    assert REFUSED[text] in message and "\n" not in message and re.match(r"[abc]\.js: expected ", message)


def test_a_longer_cycle_is_named(files):
    files(
        a='import { b } from "./b.js";\nexport default b;\n',
        b='import { c } from "./c.js";\nexport const b = 1;\n',
        c='import { b } from "./b.js";\nexport const c = b;\n',
    )
    with pytest.raises(ValueError, match=r"b\.js imports c\.js imports b\.js"):
        pack.module("a.js")


def test_a_worker_that_exports_is_refused(files):
    files(a='import WORK from "./c.worker.js";\nexport default WORK;\n', c_worker="export const x = 1;\n")
    with pytest.raises(ValueError, match=r"c\.worker\.js: .*got an export"):
        pack.module("a.js")
