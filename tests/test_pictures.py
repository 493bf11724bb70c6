"""A folder of pictures: what cameras, editors and archives leave in one comes out as arrays, or as one clear line."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from stnlib import distortions, fitting, pictures, plates


def picture(width=40, height=20, mode="RGB", value=90):
    return Image.fromarray(np.full((height, width), value, "uint8")).convert(mode)


@pytest.fixture
def folder(tmp_path):
    """Two pictures, labelled by their names."""
    picture().save(tmp_path / "AB_1.png")
    picture(value=10).save(tmp_path / "B_2.png")
    return tmp_path


def table(corners):
    """The table of two pictures with the same corners."""
    return f"file,x1,y1,x2,y2,x3,y3,x4,y4\na_1.png,{corners}\nb_1.png,{corners}".encode()


def texts(found):
    return [found.text(label) for label in found.labels]


def test_names_up_to_the_underscore_are_labels_and_shorter_ones_end_in_blanks(folder):
    found = pictures.read(folder)
    assert texts(found) == ["AB", "B"] and found.symbols == (" ", "A", "B")
    assert found.labels.dtype == np.int32 and found.images.dtype == np.uint8 and found.corners is None


def test_subfolders_are_classes_where_there_are_several(folder):
    for name in ("stop", "give way"):
        (folder / "signs" / name).mkdir(parents=True)
        picture().save(folder / "signs" / name / "00_1.png")
    found = pictures.read(folder / "signs")
    assert texts(found) == ["give way", "stop"] and found.labels.shape == (2, 1)


def test_subfolders_for_training_and_testing_are_no_classes(folder):
    for name, file in (("train", "AB_1.png"), ("Test", "B_2.png")):
        (folder / name).mkdir()
        (folder / file).rename(folder / name / file)
    assert texts(pictures.read(folder)) == ["B", "AB"]


def test_a_zip_with_one_folder_and_what_macos_adds_is_that_folder(folder):
    with zipfile.ZipFile(folder / "mine.zip", "w") as archive:
        for name in ("AB_1.png", "B_2.png"):
            archive.write(folder / name, f"mine/{name}")
        archive.writestr("__MACOSX/mine/._AB_1.png", "no image")
        archive.writestr("mine/.DS_Store", "no image")
    assert texts(pictures.read(folder / "mine.zip")) == ["AB", "B"]


def test_letters_that_macos_takes_apart_are_one_symbol(folder):
    picture().save(folder / "U\u0308B_3.png")
    assert "Ü" in pictures.read(folder).symbols


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_mode_becomes_three_channels(folder, mode):
    wide = np.tile(np.linspace(0, 60000, 40), (20, 1))
    image = (
        Image.fromarray(wide.astype({"I;16": "uint16", "I": "int32", "F": "float32"}[mode]))
        if mode[0] in "IF"
        else (Image.fromarray((wide / 60000 * 255).astype("uint8")).convert(mode))
    )
    image.save(folder / "C_1.tif")
    shown = pictures.read(folder, size=(20, 40)).images[2].astype(float)
    assert shown[:, -4:].mean() > 225 and shown[:, :4].mean() < 30
    assert np.ptp(shown, axis=-1).max() <= 2


def test_what_is_transparent_is_white(folder):
    image = picture(mode="RGBA", value=0)
    image.putalpha(0)
    image.save(folder / "C_1.png")
    assert pictures.read(folder).images[2].min() == 255


def test_a_photograph_stands_as_its_camera_held_it(folder):
    image = Image.new("RGB", (40, 20), "white")
    image.paste("black", (0, 0, 20, 20))
    exif = image.getexif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise: left becomes top
    for name in ("C_1.png", "D_1.png", "E_1.png", "F_1.png", "G_1.png"):
        image.save(folder / name, exif=exif)
    found = pictures.read(folder).images
    assert found.shape[1] > found.shape[2]  # most are upright
    assert found[2, :8].mean() < 60 and found[2, -8:].mean() > 200


def test_size_follows_the_median_proportions_and_holds_as_many_pixels_as_a_plate(folder):
    height, width = pictures.read(folder).images.shape[1:3]
    assert abs(width / height - 2) < 0.1 and abs(height * width - 48 * 188) < 500
    assert height % 4 == width % 4 == 0
    assert pictures.read(plates.write(folder / "plates", 3)).images.shape == (3, 48, 188, 3)


def test_proportions_are_kept_and_the_edge_goes_on(folder):
    image = Image.new("RGB", (20, 20), "red")
    image.paste("blue", (5, 5, 15, 15))
    image.save(folder / "C_1.png")
    shown = pictures.read(folder, size=(20, 60)).images[2]
    assert (shown[:, :18] == [255, 0, 0]).all() and (shown[:, 42:] == [255, 0, 0]).all()
    assert (shown[7:13, 27:33] == [0, 0, 255]).all()


def test_corners_go_where_the_pixels_go(folder):
    """The rectified picture is the quadrilateral's content, though the image was shrunk and filled up."""
    image = Image.new("RGB", (200, 100), "black")
    image.paste("white", (60, 20, 140, 80))
    for name in ("AB_1.png", "B_2.png"):
        image.save(folder / name)
    row = "60,20,140,20,140,80,60,80"
    (folder / "labels.csv").write_text(f"file,x1,y1,x2,y2,x3,y3,x4,y4\nAB_1.png,{row}\nB_2.png,{row}\n")
    found = pictures.read(folder, size=(64, 160))
    theta = fitting.from_corners(found.corners)
    inside = distortions.warp(found.images / 255, theta * [1.1, 1, 1, 1, 1.1, 1, 1, 1], (22, 22), "projective")[0]
    assert inside[2:-2, 2:-2].min() > 0.95 and inside[0].max() < 0.1 and inside[:, 0].max() < 0.1
    assert texts(found) == ["AB", "B"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", ", "])
def test_a_table_counts_before_names(folder, delimiter):
    lines = ("File", "label"), ("./B_2.png", "7 x"), ("AB_1.png", "9")
    (folder / "labels.csv").write_text("\n".join(map(delimiter.join, lines)), encoding="utf-8-sig")
    assert texts(pictures.read(folder)) == ["9", "7 x"]


def test_a_table_tells_files_of_one_name_apart_by_their_folders(folder):
    (folder / "other").mkdir()
    picture().save(folder / "other" / "B_2.png")
    lines = "file,label", "AB_1.png,1", "B_2.png,2", "other/B_2.png,3"
    (folder / "labels.csv").write_text("\n".join(lines))
    assert texts(pictures.read(folder)) == ["1", "2", "3"]


def test_a_table_in_a_subfolder_knows_nothing_of_images_elsewhere(folder):
    (folder / "other").mkdir()
    (folder / "other" / "labels.csv").write_text("file,label\nC_1.png,1")
    with pytest.raises(ValueError, match=r"labels.csv: expected a row for each image, got none for 'AB_1.png'"):
        pictures.read(folder)


def test_what_is_left_out_is_told_and_a_table_may_be_in_capitals(folder):
    (folder / "Labels.CSV").write_text("file,label\nAB_1.png,x, \nB_2.png,y")
    for name in ("IMG_1.heic", "IMG_2.heic", "read me"):
        (folder / name).write_bytes(b"")
    with pytest.warns(UserWarning, match=r"folder: left out files .*: 1 without a suffix, 2 \.heic"):
        found = pictures.read(folder)
    assert sorted(texts(found)) == ["x", "y"]


@pytest.mark.parametrize("shift", [1, 2, 3])
def test_few_rows_that_begin_at_another_corner_are_named(tmp_path, shift):
    plates.write(tmp_path, 20, seed=1, alphabet="0123456789")
    head, first, *rest = (tmp_path / "labels.csv").read_text().splitlines()
    name, *corners = first.split(",")
    moved = ",".join([name, *corners[2 * shift :], *corners[: 2 * shift]])
    (tmp_path / "labels.csv").write_text("\n".join([head, moved, *rest]))
    with pytest.warns(UserWarning, match=rf"labels.csv: used as it is, but another corner first, .*: {name}$"):
        pictures.read(tmp_path)


def test_corners_may_be_known_for_some_images_only(tmp_path):
    plates.write(tmp_path, 12, seed=1, alphabet="0123456789")
    head, *rows = (tmp_path / "labels.csv").read_text().splitlines()
    rows.sort()
    whole = pictures.read(tmp_path)
    some = [row if place < 3 else row.split(",")[0] + 8 * "," for place, row in enumerate(rows)]
    (tmp_path / "labels.csv").write_text("\n".join([head, *some]))
    found = pictures.read(tmp_path)
    assert found.marked.tolist() == [True] * 3 + [False] * 9 and whole.marked.all()
    np.testing.assert_array_equal(found.corners[:3], whole.corners[:3])
    assert found.take([1, 5]).marked.tolist() == [True, False]
    (tmp_path / "labels.csv").write_text("\n".join([head, *(row.split(",")[0] + 8 * "," for row in rows)]))
    assert pictures.read(tmp_path).corners is None


def test_rows_without_an_image_are_counted(folder):
    (folder / "labels.csv").write_text("file,label\nAB_1.png,x\nB_2.png,y\nC_3.png,z\nD_4.png,z")
    with pytest.warns(UserWarning, match=r"labels.csv: 2 rows name no image that is there"):
        assert len(pictures.read(folder)) == 2


def test_plates_come_back_as_they_were_drawn(tmp_path):
    made = plates.make(12, seed=4, alphabet="AB7", length=3)
    found = pictures.read(plates.write(tmp_path, 12, seed=4, alphabet="AB7", length=3))
    order = [texts(found).index(plates.text(label, "AB7")) for label in made.labels]
    assert sorted(texts(found)) == sorted(plates.text(label, "AB7") for label in made.labels)
    first = next(place for place, label in zip(order, made.labels, strict=True) if place == order[0])
    np.testing.assert_array_equal(found.images[first], np.round(255 * made.images[0]))
    np.testing.assert_allclose(found.corners[first], made.corners[0], atol=1e-3)


def test_a_split_has_every_picture_once(tmp_path):
    found = pictures.read(plates.write(tmp_path, 20))
    train, test = found.split(0.25, seed=1)
    assert (len(train), len(test)) == (15, 5) and train.corners.shape == (15, 4, 2)
    whole = sorted(texts(found))
    assert sorted(texts(train) + texts(test)) == whole
    assert np.array_equal(found.split(0.25, seed=1)[1].images, test.images)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"folder: expected images \(.png, .*\), got no files in"),
        ({"a.heic": b""}, r"folder: expected images \(.*\), got .heic in"),
        ({"a_1.png": None, "a_2.png": None}, "labels: expected at least two, .*, got 'a' for all 2"),
        (
            {"a_1.png": None, "b_1.png": b"no image"},
            "folder: expected whole images, got 'b_1.png', which cannot be read",
        ),
        ({"a_1.png": None, "b_1.png": None, "labels.csv": b""}, "labels.csv: expected the columns file and label"),
        (
            {"a_1.png": None, "b_1.png": None, "labels.csv": b"filename,plate\na_1.png,1"},
            "labels.csv: expected the columns file and label.*, got filename,plate",
        ),
        (
            {"a_1.png": None, "b_1.png": None, "labels.csv": b"file,label\na_1.png,1"},
            "a row for each image, got none for 'b",
        ),
        ({"a_1.png": None, "labels.csv": b"file,label\na_1.png,"}, "a label in each row, got none for 'a_1.png'"),
        (
            {"a_1.png": None, "labels.csv": b"file,x1,y1,x2,y2,x3,y3,x4,y4\na_1.png,0,0,9,0,9,9,0,"},
            "eight numbers, x1 to y4, got .* for 'a_1.png'",
        ),
        (
            {"a_1.png": None, "labels.csv": b"file,x1,y1,x2,y2,x3,y3,x4,y4\na_1.png,0,0,9,9,9,0,0,9"},
            "four corners, upper left first, clockwise, got another order or one twice for 'a_1.png'",
        ),
        (
            {"a_1.png": None, "labels.csv": b"file,x1,y1,x2,y2,x3,y3,x4,y4\na_1.png,0,0,nan,0,9,9,0,9"},
            "eight numbers, x1 to y4, got .*'nan'.* for 'a_1.png'",
        ),
        (
            {"a_1.png": None, "b_1.png": None, "labels.csv": b"file,label\na_1.png,A\nb_1.png,B,C"},
            "labels.csv: expected 2, as the first line has, got 3 values in the row of 'b_1.png'",
        ),
        ({"a_1.png": None, "labels.csv": b"file,label,x1,y1\na_1.png,1,2,3"}, "x1, y1 to x4, y4, got file,label,x1,y1"),
        ({"a_1.png": None, "labels.csv": b"file,label\na_1.png"}, "a label in each row, got none for 'a_1.png'"),
        ({"a_1.png": None, "labels.csv": "file,label\na_1.png,Ü".encode("latin-1")}, "a text file in UTF-8"),
        (
            {"a_1.png": None, "labels.csv": b"file,x1,y1,x2,y2,x3,y3,x4,y4\na_1.png,.1,.1,.9,.1,.9,.9,.1,.9"},
            "corners in pixels, not shares, got all within 0.8 for 'a_1.png'",
        ),
        (
            {"a_1.png": None, "b_1.png": None, "labels.csv": table("0,0,90,0,90,40,0,40")},
            "corners in pixels of the image, got some far outside 'a_1.png'",
        ),
        (
            {"a_1.png": None, "b_1.png": None, "labels.csv": table("0,0,0,9,30,9,30,0")},
            "upper left first, clockwise, got counter-clockwise ones for 'a_1.png'",
        ),
        (
            {"a_1.png": None, "b_1.png": None, "labels.csv": table("0,0,30,9,30,0,0,9")},
            "upper left first, clockwise, got another order or one twice for 'a_1.png'",
        ),
        (
            {"a_1.png": None, "b_1.png": None, "labels.csv": table("0,9,0,0,30,0,30,9")},
            "upper left first, clockwise, got another corner first in most rows",
        ),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_in_one_line(tmp_path, files, message):
    for name, content in files.items():
        picture().save(tmp_path / name) if content is None else (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        pictures.read(tmp_path)
    assert "\n" not in str(error.value)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"folder: expected a folder or a .zip that exists, got .*nowhere"):
        pictures.read(tmp_path / "nowhere")


def test_a_truncated_image_is_named_with_its_subfolder(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 80, 3)).astype("uint8")
    for part, name in (("test", "C_1.jpg"), ("train", "A_1.png")):
        (tmp_path / part).mkdir()
        Image.fromarray(noise).save(tmp_path / part / name)
    whole = (tmp_path / "test" / "C_1.jpg").read_bytes()
    (tmp_path / "test" / "C_1.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"got 'test/C_1.jpg', which cannot be read"):
        pictures.read(tmp_path)


def test_too_few_pictures_to_split(folder):
    with pytest.raises(ValueError, match="pictures: expected at least 10 to split, got 2"):
        pictures.read(folder).split()


def test_a_share_that_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="share: expected one that leaves something of 10 pictures"):
        pictures.read(plates.write(tmp_path, 10)).split(0.01)


def test_each_folder_may_have_its_own_table(tmp_path):
    for part, labels in (("train", ("AB", "CD")), ("test", ("EF", "GH"))):
        (tmp_path / part).mkdir()
        for place, _ in enumerate(labels):
            picture().save(tmp_path / part / f"{place}.png")
        rows = [f"{place}.png,{label}" for place, label in enumerate(labels)]
        (tmp_path / part / "labels.csv").write_text("\n".join(["file,label", *rows]))
    assert texts(pictures.read(tmp_path)) == ["EF", "GH", "AB", "CD"]
    (tmp_path / "test" / "labels.csv").unlink()
    (tmp_path / "train" / "labels.csv").rename(tmp_path / "labels.csv")
    with pytest.raises(
        ValueError, match=r"labels.csv: expected their paths, as in train/1.png, got '0.png' for 2 images"
    ):
        pictures.read(tmp_path)


def test_a_float_image_with_holes_is_scaled_by_what_is_a_number():
    depth = np.full((4, 4), 0.5, "float32")
    depth[0, 0], depth[0, 1] = np.nan, np.inf
    pixels, _, _ = pictures.fit(Image.fromarray(depth), (4, 4))
    assert pixels[0, 0].max() == 0 and pixels[3, 3].min() == 255


def test_a_damaged_archive_is_called_that(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        archive.write(folder / "AB_1.png", "AB_1.png")
    content = (tmp_path / "whole.zip").read_bytes()
    middle = content.index(b"PNG")
    for name, damaged in (("cut", content[:-40]), ("crc", content[:middle] + b"XXX" + content[middle + 3 :])):
        path = tmp_path / f"{name}.zip"
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"folder: expected a whole .zip, got .* which is damaged or incomplete"):
            pictures.read(path)
    for nothing in ("", None, 5):
        with pytest.raises(ValueError, match=r"folder: expected a folder or a .zip, got"):
            pictures.read(nothing)


def test_an_image_beside_the_classes_has_no_class(tmp_path):
    for name in ("stop/1.png", "go/1.png", "2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        picture().save(tmp_path / name)
    with pytest.raises(ValueError, match=r"folder: expected .* all images in subfolders, got '2\.png' beside"):
        pictures.read(tmp_path)


def test_two_rows_for_one_image_must_say_the_same(folder):
    lines = "file,label", "AB_1.png,x", "B_2.png,y", "AB_1.png,x"
    (folder / "labels.csv").write_text("\n".join(lines))
    assert texts(pictures.read(folder)) == ["x", "y"]
    (folder / "labels.csv").write_text("\n".join([*lines, "AB_1.png,z"]))
    with pytest.raises(ValueError, match=r"labels.csv: expected one row for each image, got two different ones"):
        pictures.read(folder)
