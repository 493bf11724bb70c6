"""Create a virtual environment and install into it, with one clear line when that cannot work.

usage: python tools/setup_env.py FOLDER REQUIREMENTS.txt [BASE]

The requirements are installed, then stnlib itself, editable: by uv, in a third of pip's time, where they pin that, and
by pip where uv cannot. With BASE, another environment's folder, what that has is used, and only the rest is installed.

Runs on any Python 3, so that one that is too old can be told so: no newer syntax here.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

OLDEST, NEWEST = (3, 11), (3, 13)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# What pip prints, and what to say instead of a page of it.
CAUSES = [
    (("No space left on device", "Disk quota exceeded"), "the disk is full: free some 4 GB"),
    (
        (
            "NewConnectionError",
            "ConnectTimeoutError",
            "ReadTimeoutError",
            "NameResolutionError",
            "Temporary failure in name resolution",
            "ProxyError",
            "SSLError",
            "Connection refused",
            "Network is unreachable",
            "(from versions: none)",
        ),
        "the package index cannot be reached: check the network, then run the same command again",
    ),
    (("Permission denied",), "no permission to write there"),
]


def python_problem(version):
    """Why this Python cannot be used, or None. `version` is (major, minor, ...)."""
    found = "%d.%d" % tuple(version[:2])
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return None
    age = "old" if tuple(version[:2]) < OLDEST else "new"
    return (
        "Python %s is too %s: this book needs Python 3.11, 3.12 or 3.13. "
        "Name one, for example: make PYTHON=python3.12 book" % (found, age)
    )


def pip_problem(output):
    """One line that says why pip failed, from what it printed."""
    for signs, cause in CAUSES:
        if any(sign in output for sign in signs):
            return cause
    errors = [line for line in output.splitlines() if line.startswith("ERROR")]
    return errors[-1] if errors else "pip failed"


def create(folder):
    """Make the environment, or keep it where it runs a Python that fits."""
    python = os.path.join(folder, "bin", "python")
    check = "import pip, sys; sys.exit(sys.version_info[:2] != %r)" % (sys.version_info[:2],)
    if os.path.exists(python) and subprocess.call([python, "-c", check]) == 0:
        return python
    import venv

    name = os.path.basename(folder)
    print("Creating %s with Python %d.%d" % (name, sys.version_info[0], sys.version_info[1]))
    venv.create(folder, clear=True, with_pip=True)
    return python


def put_on(folder, base):
    """Let an environment find the packages of another one."""
    here, there = (glob.glob(os.path.join(one, "lib", "python3*", "site-packages"))[0] for one in (folder, base))
    with open(os.path.join(here, "base.pth"), "w") as file:
        file.write("import site; site.addsitedir(%r)\n" % os.path.abspath(there))


def pip_install(python, *arguments):
    """Run pip, show what it downloads, stop with one line if it fails."""
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
    process = subprocess.Popen(
        command + list(arguments),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(("Collecting", "Installing collected")):
            print("  " + line.strip()[:96])
            sys.stdout.flush()
    if process.wait() != 0:
        sys.stderr.write("".join(lines[-15:]))
        sys.exit("\nThe installation stopped: %s." % pip_problem("".join(lines)))


def pin_of(package, requirements):
    """The lines of a requirements file that pin a package, with their hashes; empty if it does not."""
    with open(requirements) as file:
        found = re.search(r"^%s==(.*\\\n)*.*\n" % re.escape(package), file.read(), re.M)
    return found.group() if found else ""


def uv(runner, python, *arguments):
    """Let the uv of one Python install into the environment of another, or into its own; whether it could."""
    settings = dict(os.environ)
    settings.setdefault("UV_HTTP_TIMEOUT", "180")
    settings.setdefault("UV_SYSTEM_CERTS", "1")  # as pip does
    if "PIP_NO_CACHE_DIR" in settings:
        settings.setdefault("UV_NO_CACHE", "1")
    quiet = [] if sys.stderr.isatty() else ["--quiet"]  # on a terminal it shows its progress
    command = [runner, "-m", "uv", "pip", "install", "--python", python]
    return subprocess.call(command + quiet + list(arguments), cwd=ROOT, env=settings) == 0


def uv_install(python, requirements):
    """Install a requirements file with the uv that it pins; whether there was one and it could."""
    pin = pin_of("uv", requirements)
    if not pin:
        return False
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(pin)
        file.flush()
        pip_install(python, "--requirement", file.name)
    print("  Installing %s with uv" % os.path.basename(requirements))
    sys.stdout.flush()
    return uv(python, python, "--requirement", requirements)


def compile_all(folder):
    """Compile what was installed, as pip would, but on all processors at once."""
    packages = glob.glob(os.path.join(folder, "lib", "python3*", "site-packages"))
    command = [os.path.join(folder, "bin", "python"), "-m", "compileall", "-qq", "-j", "0"]
    subprocess.call(command + packages)  # some packages hold templates that are no Python: those are passed over


def main():
    """Check Python, make the environment, install, leave a stamp for make."""
    problem = python_problem(sys.version_info)
    if problem:
        sys.exit(problem)
    folder, wanted, bases = os.path.join(ROOT, sys.argv[1]), sys.argv[2], sys.argv[3:]
    stamp = os.path.join(folder, "stamp")
    try:
        python = create(folder)
        for base in bases:
            put_on(folder, os.path.join(ROOT, base))
        if not uv_install(python, os.path.join(ROOT, wanted)):
            pip_install(python, "--requirement", wanted)
        pip_install(python, "--no-deps", "--editable", ".")
        compile_all(folder)
        with open(stamp, "w") as file:
            file.write("")
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit("The environment could not be made: %s." % pip_problem(str(error)))


if __name__ == "__main__":
    main()
