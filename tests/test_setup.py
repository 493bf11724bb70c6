"""Set-up, packaging and publishing: pins, messages, the wheel, the README, the workflows."""

import ast
import itertools
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import chapter_rules
import check_publish
import colab_check
import execution
import nbformat
import notebooks
import numpy as np
import pytest
import run_notebooks
import setup_env
import yaml
from packaging.requirements import Requirement

pytestmark = pytest.mark.repository

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"requirements.txt": "test", "requirements-backends.txt": "backends", "requirements-export.txt": "export"}
HASHED = ["requirements.txt", "requirements-export.txt"]
PIN = re.compile(r"[a-z0-9][a-z0-9-]*==[\w.]+( ; [\w.<>=!' ()]+)?( \\)?")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = ("3.11", "3.12", "3.13")


def unwanted_lines(lock):
    """The lines of a lock that are neither a plain pin nor a comment on one."""
    lines = [line for line in lock.splitlines() if line.strip()]
    return [
        line
        for line in lines
        if not (PIN.fullmatch(line) or HASH.fullmatch(line) or re.fullmatch(r"#.*|    # (via.*|  .*)", line))
        or re.search(r"https?:|file:|/", line)
    ]


def pins(name):
    """The pinned requirements of a lock."""
    lines = (ROOT / name).read_text().splitlines()
    return [Requirement(line.removesuffix(" \\")) for line in lines if PIN.fullmatch(line)]


def wanted(extra):
    """What pyproject.toml asks for with an extra, those that it is made of among them."""
    found = [*PROJECT["dependencies"]]
    for line in PROJECT["optional-dependencies"][extra]:
        requirement = Requirement(line)
        parts = sorted(requirement.extras) if requirement.name == "stnlib" else []
        found += [part_line for part in parts for part_line in wanted(part)] if parts else [line]
    return found


def version_for(lock, name, python):
    """The version of a package that a lock gives to a Python on Linux."""
    system = {"python_version": python, "python_full_version": f"{python}.7", "sys_platform": "linux"}
    system |= {"platform_machine": "x86_64", "implementation_name": "cpython", "platform_system": "Linux"}
    found = [pin for pin in lock if pin.name == name and (not pin.marker or pin.marker.evaluate(system))]
    return next(iter(found[0].specifier)).version if len(found) == 1 else None


class TestLocks:
    @pytest.mark.parametrize("name", LOCKS)
    def test_holds_plain_pins_only(self, name):
        assert unwanted_lines((ROOT / name).read_text()) == []

    @pytest.mark.parametrize(
        "line",
        [
            "--index-url https://example.org/simple",
            "--find-links wheels",
            "-e .",
            "numpy>=2",
            "stnlib @ file:///here",
            "./wheels/a.whl",
            "a==1 # https://example.org",
            "    # via -r /home/me/in.txt",
        ],
    )
    def test_anything_else_is_noticed(self, line):
        assert unwanted_lines(f"numpy==2.1.0\n    # via keras\n{line}\n") == [line]

    @pytest.mark.parametrize("python", PYTHONS)
    @pytest.mark.parametrize("name", LOCKS)
    def test_pins_every_direct_dependency_within_its_range(self, name, python):
        lock = pins(name)
        for requirement in map(Requirement, wanted(LOCKS[name])):
            version = version_for(lock, requirement.name, python)
            assert version, f"{requirement.name} has no single pin for Python {python}"
            assert requirement.specifier.contains(version), requirement

    def test_the_book_needs_no_other_backend(self):
        assert not {pin.name for pin in pins("requirements.txt")} & {"torch", "jax", "opencv-python-headless"}

    @pytest.mark.parametrize("name", HASHED)
    def test_each_pin_has_its_hashes(self, name):
        lines = (ROOT / name).read_text().splitlines()
        followed = [HASH.fullmatch(after) for line, after in itertools.pairwise(lines) if PIN.fullmatch(line)]
        assert len(followed) > 50 and all(followed)

    @pytest.mark.parametrize("name", ["requirements-backends.txt", "requirements-export.txt"])
    def test_what_environments_share_has_one_version(self, name):
        """They stand on the book's environment, and install only what it lacks."""
        main, other = ({(pin.name, str(pin.specifier)) for pin in pins(lock)} for lock in ("requirements.txt", name))
        names = {package for package, _ in main}
        assert {"keras", "tensorflow", "pytest"} <= names
        assert {pin for pin in other - main if pin[0] in names} == set()

    def test_the_layer_needs_keras_and_numpy_only(self):
        assert {Requirement(line).name for line in PROJECT["dependencies"]} == {"keras", "numpy"}

    def test_the_ranges_admit_a_colab_runtime(self):
        lines = colab_check.RUNTIME.read_text().splitlines()
        runtime = dict(line.split("==") for line in lines if "==" in line)
        needed = [line for extra in ("tensorflow", "widgets", "experiments") for line in wanted(extra)]
        for requirement in map(Requirement, needed):
            assert requirement.specifier.contains(runtime[requirement.name]), requirement


class TestEnvironment:
    @pytest.mark.parametrize(("version", "word"), [((3, 8), "old"), ((3, 10), "old"), ((3, 14), "new")])
    def test_an_unfit_python_is_told_so_in_one_line(self, version, word):
        problem = setup_env.python_problem(version)
        assert f"Python {version[0]}.{version[1]} is too {word}" in problem
        assert "3.11, 3.12 or 3.13" in problem
        assert "\n" not in problem

    @pytest.mark.parametrize("version", [(3, 11), (3, 12, 1), (3, 13)])
    def test_a_fit_python_passes(self, version):
        assert setup_env.python_problem(version) is None

    def test_the_range_is_the_packages(self):
        assert PROJECT["requires-python"] == ">={}.{},<{}.{}".format(
            *setup_env.OLDEST, setup_env.NEWEST[0], setup_env.NEWEST[1] + 1
        )

    def test_the_script_is_readable_to_an_old_python(self):
        ast.parse(Path(setup_env.__file__).read_text(), feature_version=(3, 4))

    def test_main_stops_before_touching_anything(self, monkeypatch, tmp_path):
        monkeypatch.setattr(sys, "version_info", (3, 9, 1))
        monkeypatch.setattr(sys, "argv", ["setup_env.py", str(tmp_path / "new"), "requirements.txt"])
        with pytest.raises(SystemExit, match="too old"):
            setup_env.main()
        assert not (tmp_path / "new").exists()

    @pytest.mark.parametrize(
        ("output", "cause"),
        [
            ("WARNING: Retrying ... NewConnectionError('...: Failed to establish')", "network"),
            ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk"),
            ("ERROR: No matching distribution found for numpy==9", "numpy==9"),
        ],
    )
    def test_a_failed_installation_is_explained_in_one_line(self, output, cause):
        problem = setup_env.pip_problem(output)
        assert cause in problem
        assert "\n" not in problem

    def test_an_unreachable_index_stops_with_that_line(self, tmp_path):
        offline = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1", "PIP_CONFIG_FILE": os.devnull}
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
        script = (
            "import setup_env, sys; "
            "setup_env.pip_install(sys.executable, '--ignore-installed', '--target', sys.argv[1], 'six==1.16.0')"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, tmp_path],
            env=clean | offline,
            cwd=ROOT / "tools",
            capture_output=True,
            text=True,
        )
        assert done.returncode != 0
        assert done.stderr.strip().splitlines()[-1].startswith("The installation stopped: the package index cannot")

    def test_uv_installs_what_pins_it_and_says_where_it_could_not(self, monkeypatch, tmp_path):
        wanted = tmp_path / "wanted.txt"
        wanted.write_text(setup_env.pin_of("uv", ROOT / "requirements.txt") + "six==1.16.0\n")
        assert "--hash=sha256:" in wanted.read_text()
        asked = []
        monkeypatch.setattr(setup_env, "pip_install", lambda *arguments: asked.append(Path(arguments[-1]).read_text()))
        monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
        assert not setup_env.uv_install(sys.executable, wanted)
        assert asked == [setup_env.pin_of("uv", wanted)]
        wanted.write_text("six==1.16.0\n")
        assert not setup_env.uv_install(sys.executable, wanted)
        assert len(asked) == 1

    def test_what_was_installed_is_compiled_templates_that_are_no_python_aside(self, tmp_path):
        packages = tmp_path / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        packages.mkdir(parents=True)
        (packages / "module.py").write_text("x = 1\n")
        (packages / "template.py").write_text("x = {{ cookiecutter }}\nclass {{")
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "python").symlink_to(sys.executable)
        setup_env.compile_all(str(tmp_path))
        assert [path.name.partition(".")[0] for path in packages.rglob("*.pyc")] == ["module"]

    def test_what_a_chapter_installs_in_colab_beside_stnlib_is_noticed(self, tmp_path):
        for name in ("stnlib-0.1.0.dist-info", "numpy-2.3.0.dist-info", "numpy"):
            (tmp_path / "lib" / "python3.12" / "site-packages" / name).mkdir(parents=True)
        assert colab_check.added(tmp_path) == ["numpy", "stnlib"]


class TestBook:
    # The real thing, at its smallest: notebooks that the generator made, run as the chapters are.

    def test_one_run_of_three(self, tmp_path, capfd):
        """A failing cell fails its chapter; a failing claim stops nothing and is found; kernels share no ports."""
        # Two chapters of one run once asked for the same free port, and one kernel died.
        transport = "import ipykernel, json\nassert json.loads(ipykernel.get_connection_info())['transport'] == 'ipc'"
        sources = {
            "01_fails": "1 / 0",
            "02_claims": '1\n\n# %% tags=["claim"]\nassert 1 > 2\n\n# %%\nprint("the end")',
            "03_listens": transport,
        }
        copies = [generated(tmp_path / f"{name}.py", source) for name, source in sources.items()]
        assert not execution.run(copies, "uci")
        told = capfd.readouterr().out
        assert "ZeroDivisionError" in told
        assert "1 failed, 2 passed" in told
        (problem,) = run_notebooks.failed_claims(execution.read(copies[1]))
        assert "assert 1 > 2" in problem
        assert "the end" in copies[1].read_text()
        assert [execution.finished(copy) for copy in copies] == [False, False, True]


def generated(script, cell):
    """A notebook of one cell (or several, as a percent source), to be run with its claims."""
    script.write_text(f"# %%\n{cell}\n")
    nbformat.write(run_notebooks.with_claims(script), script.with_suffix(".ipynb"))
    return script.with_suffix(".ipynb")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The files of the wheel, built without network from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    script = f"from hatchling.build import build_wheel; print(build_wheel({str(folder)!r}))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    with zipfile.ZipFile(folder / done.stdout.split()[-1]) as archive:
        return set(archive.namelist())


class TestPackage:
    def test_the_wheel_holds_every_module_and_asset(self, wheel):
        files = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / "stnlib").rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert {".py", ".js", ".css"} <= {Path(file).suffix for file in files}
        assert files <= wheel

    def test_the_wheel_holds_nothing_else(self, wheel):
        strays = {file for file in wheel if not file.startswith(("stnlib/", "stnlib-"))}
        assert strays == set()


class TestReadme:
    text = (ROOT / "README.md").read_text()

    @pytest.mark.tensorflow
    def test_the_layer_in_ten_lines_runs(self):
        (example,) = re.findall(r"```python\n(.*?)```", self.text, re.S)
        assert len([line for line in example.splitlines() if line]) <= 10
        namespace = {}
        exec(example, namespace)
        images = np.random.default_rng(0).random((2, 28, 28, 1), dtype="float32")
        assert namespace["model"](images).shape == (2, 10)
        theta = namespace["model"].layers[0].theta(images)
        np.testing.assert_array_equal(theta, [[1, 0, 0, 0, 1, 0]] * 2)

    def test_its_picture_and_folders_exist(self):
        for path in re.findall(r"\]\(([^)]+)\)", self.text) + re.findall(r"`(\w+)/`", self.text):
            assert (ROOT / path).exists(), path

    def test_its_targets_and_the_guides_exist(self):
        makefile = (ROOT / "Makefile").read_text()
        guide = (ROOT / "CONTRIBUTING.md").read_text()
        for target in set(re.findall(r"(?:`|^)make ([a-z-]+)\b", self.text + guide, re.M)):
            assert re.search(rf"^{target}:", makefile, re.M), target


CONFIG = "title: A\nrepository:\n  # where\n  url: https://github.com/a/b\n  branch: main\nhtml:\n  url: https://c.d\n"


class TestPublishing:
    def test_another_address_is_refused(self):
        assert check_publish.address_problem(CONFIG, "https://github.com/a/b") is None
        assert "github.com/a/b" in check_publish.address_problem(CONFIG, "https://github.com/me/fork")
        assert check_publish.address_problem("title: A\n", "https://github.com/a/b")

    def test_reads_the_address_as_the_generator_does(self):
        text = (ROOT / "_config.yml").read_text()
        assert check_publish.address_problem(text, notebooks.repository_url()) is None

    def test_the_fallback_digits_are_refused(self):
        assert check_publish.dataset_problem('{"dataset": "mnist"}') is None
        assert "uci" in check_publish.dataset_problem('{"dataset": "uci"}')

    def test_the_script_fails_with_the_problem(self, tmp_path):
        (tmp_path / "book.json").write_text('{"dataset": "uci"}')
        command = [sys.executable, check_publish.__file__, "dataset", tmp_path / "book.json"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.startswith("Not published:")


def schema_errors(path, schema="github-workflows"):
    """What GitHub's schema for such a file says of it; empty if it is valid."""
    command = [Path(sys.executable).with_name("check-jsonschema")]
    command += ["--builtin-schema", f"vendor.{schema}", path]
    done = subprocess.run(command, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


class TestWorkflows:
    workflow = ROOT / ".github" / "workflows" / "ci.yml"
    jobs = yaml.safe_load(workflow.read_text())["jobs"]

    def test_follow_githubs_schema(self):
        for path in self.workflow.parent.iterdir():
            assert schema_errors(path) == ""
        assert schema_errors(ROOT / ".github" / "dependabot.yml", "dependabot") == ""

    def test_a_broken_workflow_is_noticed(self, tmp_path):
        broken = tmp_path / "ci.yml"
        broken.write_text(self.workflow.read_text().replace("runs-on", "runs_on"))
        assert "runs_on" in schema_errors(broken)

    def test_publishing_waits_for_the_tests_and_the_checks(self):
        commands = [step.get("run", step.get("uses")) for step in self.jobs["build"]["steps"]]
        assert (self.jobs["build"]["needs"], self.jobs["publish"]["needs"]) == ("test", "build")
        assert self.jobs["build"]["env"]["STNLIB_DATASET"] == "mnist"
        assert "bash .ci/run" in [step.get("run") for step in self.jobs["test"]["steps"]]
        order = ["check_publish.py address", "make book", "check_publish.py dataset", "upload-pages-artifact"]
        found = [next(i for i, text in enumerate(commands) if part in text) for part in order]
        assert found == sorted(found)

    def test_only_the_job_that_runs_nothing_of_ours_may_write(self):
        assert yaml.safe_load(self.workflow.read_text())["permissions"] == {"contents": "read"}
        writers = [name for name, job in self.jobs.items() if "write" in job.get("permissions", {}).values()]
        assert writers == ["publish"]
        assert [next(iter(step)) for step in self.jobs["publish"]["steps"]] == ["uses"]

    def test_what_others_wrote_is_named_by_its_content(self):
        steps = [step for job in self.jobs.values() for step in job["steps"] if "uses" in step]
        assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]) for step in steps)
        images = [*self.jobs["test"]["strategy"]["matrix"]["python"], self.jobs["build"]["container"]]
        assert all(re.search(r"-bookworm@sha256:[0-9a-f]{64}$", image) for image in images)

    def test_tests_every_supported_python(self):
        images = self.jobs["test"]["strategy"]["matrix"]["python"]
        assert tuple(".".join(image.split(".")[:2]) for image in images) == PYTHONS


def test_the_colab_cell_is_no_listing():
    assert not chapter_rules.LISTING.search(notebooks.COLAB_CELL)
