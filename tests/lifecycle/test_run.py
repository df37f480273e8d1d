"""``conda overlay run`` and ``env``: as activated, in no shell that was set up for it."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from tests import sources
from tests.bed import dists
from tests.bed.users import User
from tests.bench import PATIENCE, Bench, Done
from tests.lifecycle import patches
from tests.long import LONG

SEE = "import alpha, json, os, sys\n"
SEE += "print(json.dumps([alpha.__file__, sys.argv[1:], dict(os.environ)]))"


def run(
    bench: Bench, *words: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None
) -> Done:
    """As in a batch job: no shell functions, no wiring."""
    argv = [str(bench.conda.executable), "overlay", "run", *bench.where, *map(str, words)]
    return bench.user.run(argv, env={**bench.environ, **(env or {})}, cwd=cwd)


def test_a_command_runs_as_activated_with_the_overlay_and_its_arguments(own: Bench) -> None:
    scripts = own.host / "etc" / "conda" / "activate.d"
    scripts.mkdir(parents=True)
    (scripts / "a.sh").write_text('export FROM_SCRIPT="${PYTHONPATH-bare}"; set -- lost\n')
    own.given("install", "alpha==1.5")
    words = ["a b", "$HOME", "'\"", "", "--json", "-n"]
    file, argv, environ = json.loads(run(own, "--", "python", "-c", SEE, *words).stdout)
    assert (file, argv) == (str(own.site / "alpha/__init__.py"), words)
    assert environ["CONDA_PREFIX"] == str(own.host) and environ["FROM_SCRIPT"] == "bare"
    assert environ["PATH"].startswith(f"{own.overlay}/bin:{own.host}/bin:")
    assert json.loads(run(own, "python", "-c", SEE).stdout)[0] == file
    bare = run(own, "--no-overlay", "python", "-c", SEE)
    assert json.loads(bare.stdout)[0].startswith(f"{own.host}/lib")


def test_an_environment_without_python_is_activated_alone(quick: Bench) -> None:
    bare = replace(quick, name=str(quick.user.home / "bare"))
    quick.user.run(["mkdir", "-p", bare.host / "conda-meta", bare.host / "bin"])
    quick.user.run(["touch", bare.host / "conda-meta" / "history"])
    done = run(bare, "sh", "-c", "echo $CONDA_PREFIX; exit 3")
    assert (done.returncode, done.stdout) == (3, f"{bare.host}\n")
    assert f"There is no Python in {bare.host}" in run(bare, "--with", "new", "sh").stderr
    quick.given("install", "alpha==2.0")
    conda, code = str(quick.conda.executable), "import alpha; print(alpha.__version__)"
    inner = [conda, "overlay", "run", *quick.where, "python", "-c", code]
    assert run(bare, *inner).stdout == "2.0\n"
    assert run(bare, "--no-overlay", *inner).stdout == "1.0\n"


def test_the_python_is_the_environments_also_in_a_virtual_environment(quick: Bench) -> None:
    quick.given("install", "alpha==2.0")
    venv, code = quick.user.home / "venv", "import sys, alpha; print(sys.prefix, alpha.__version__)"
    quick.user.run([quick.host / "bin" / "python", "-m", "venv", "--without-pip", venv])
    conda = shlex.join(
        [str(quick.conda.executable), "overlay", "run", *quick.where, "python", "-c"]
    )
    script = f"""source {quick.conda.prefix}/etc/profile.d/conda.sh; conda activate science
source {venv}/bin/activate; {conda} {shlex.quote(code)}"""
    done = quick.user.run(["bash", "--norc", "-c", script], env=quick.environ_of())
    assert done.stdout == f"{quick.host} 2.0\n", done


def test_the_exit_code_stdin_and_signals_are_the_commands_own(quick: Bench) -> None:
    quick.given("install", "new")
    assert run(quick, "sh", "-c", "exit 7").returncode == 7
    argv = [str(quick.conda.executable), "overlay", "run", *quick.where, "--"]
    script = "import os, signal, sys\nsignal.signal(signal.SIGUSR1, lambda *_: sys.exit(9))\n"
    script += "print(os.getpid(), sys.stdin.readline(), flush=True)\nsignal.pause()"
    with subprocess.Popen(
        [*argv, "python", "-c", script],
        env=quick.environ_of(),
        user=quick.user.uid if os.geteuid() == 0 else None,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
    ) as process:
        assert process.stdin and process.stdout
        process.stdin.write("typed\n")
        process.stdin.flush()
        assert process.stdout.readline().split() == [str(process.pid), "typed"]  # no child between
        process.send_signal(signal.SIGUSR1)
        assert process.wait(PATIENCE) == 9


def test_a_command_that_cannot_be_run_is_a_sentence_and_a_hint(quick: Bench) -> None:
    plain = quick.user.home / "plain"
    astray = quick.user.home / "astray"
    for file, line in ((plain, "x"), (astray, "#!/nope\\r")):
        quick.user.run(["sh", "-c", 'printf "$1\\n" > "$2"', "sh", line, file])
    quick.user.run(["chmod", "+x", astray])
    lacks = f"{astray}: /nope\\r: No such file or directory."
    for word, code, told, hint in (
        ("nope", 127, f"nope: command not found in {quick.host}.", f"ls {quick.host}/bin"),
        ("no\x1bpe", 127, f"no\\x1bpe: command not found in {quick.host}.", f"ls {quick.host}/bin"),
        (str(plain), 126, f"{plain}: Permission denied.", f"ls -ld {plain}"),
        (str(astray), 126, lacks, f"head -1 {astray}"),
        (f"{plain}/x", 127, f"{plain}/x: Not a directory.", f"ls -ld {plain}/x"),
        (str(quick.user.home), 126, f"{quick.user.home}: Permission denied.", None),
    ):
        for more in ([], ["--with", "gamma"]):
            done = run(quick, *more, "--", word)
            assert done.returncode == code and done.stdout == "", done
            before, _, said = done.stderr.partition("\nOverlayError: ")
            assert said.startswith(f"{told}\nHint: {hint or ''}"), done
            assert before.count("\n") == (word == str(astray))  # a line of bash itself


def test_a_program_that_cannot_start_is_not_replaced_by_the_next_one_on_path(quick: Bench) -> None:
    """As after a home has moved: the environment's pip would change the overlay in its place."""
    quick.given("install", "alpha==2.0")
    program = quick.overlay / "bin" / "alpha"
    assert quick.user.run(["sed", "-i", "1s|.*|#!/nope|", program]).returncode == 0
    done = run(quick, "alpha")
    assert done.returncode == 126 and done.stdout == "", done
    assert f"{program}: /nope: No such file or directory." in done.stderr


def test_a_program_of_the_name_of_a_builtin_is_run(quick: Bench) -> None:
    assert run(quick, "printf", "%s", "-n").stdout == "-n"
    assert run(quick, "false").returncode == 1


def test_an_exported_function_named_exec_is_handed_on_and_not_called(quick: Bench) -> None:
    env = {"BASH_FUNC_exec%%": "() { echo mine; }"}
    done = run(quick, "env", env=env)
    assert "BASH_FUNC_exec%%=() {  echo mine\n}" in done.stdout, done
    assert "POSIXLY_CORRECT" not in done.stdout
    done = run(quick, "nope", env=env)
    assert done.returncode == 127 and "nope: command not found" in done.stderr, done


def test_the_command_ignores_no_signal_that_python_ignores(quick: Bench) -> None:
    ignored = run(quick, "sh", "-c", "grep SigIgn /proc/self/status").stdout
    assert int(ignored.split()[1], 16) & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1) == 0


def test_the_terminal_is_the_commands_own(quick: Bench) -> None:
    argv = [str(quick.conda.executable), "overlay", "run", *quick.where, "tty"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(argv[0], argv, quick.environ_of())
    said = b""
    while b"\n" not in said:
        said += os.read(terminal, 1000)
    os.waitpid(pid, 0)
    assert said.startswith(b"/dev/pts/")


def test_with_adds_a_layer_that_is_kept_apart_and_made_once(quick: Bench, links: Path) -> None:
    quick.given("install", "alpha==1.5")
    dists.wheel(links, "cowsay", "6.1", scripts={"cowsay": "cowsay:main"})
    env = {"PIP_FIND_LINKS": str(links)}
    code = "import cowsay, alpha; print(cowsay.__version__, alpha.__version__, cowsay.__file__)"
    before = quick.content()
    first = run(quick, "--with", "cowsay>=6", "--", "python", "-c", code, env=env)
    assert first.stdout.split()[:2] == ["6.1", "1.5"], first
    made = Path(first.stdout.split()[2]).stat()
    again = run(quick, "--with", "cowsay>=6", "python", "-c", code, env=env)
    assert again.stdout == first.stdout
    assert Path(again.stdout.split()[2]).stat()[:9] == made[:9]
    [layer] = (quick.user.home / ".cache" / "conda-overlay" / "run").iterdir()
    assert str(layer) in again.stdout and layer.parent.stat().st_mode & 0o777 == 0o700
    which = run(quick, "--with", "cowsay>=6", "sh", "-c", "command -v cowsay", env=env)
    assert which.stdout.startswith(str(layer))
    assert (quick.content(), quick.revision) == (before, 1)
    assert run(quick, "python", "-c", "import cowsay").returncode == 1
    old = time.time() - 31 * 24 * 3600
    os.utime(layer, (old, old))
    refused = run(quick, "--with", "nosuch-thing", "true")
    assert refused.returncode == 1 and "nosuch-thing" in refused.stderr
    assert [*layer.parent.iterdir()] == []  # neither the old layer nor what became of the new
    assert run(quick, "--with", "gamma", "true").returncode == 0  # which the host has


def test_with_a_package_that_replaces_an_edited_or_requested_one_says_so_each_time(
    quick: Bench, links: Path
) -> None:
    dists.wheel(links, "needs", "1.0", requires=["alpha>=1.6"])
    dists.wheel(links, "alpha", "1.6")
    env = {"PIP_FIND_LINKS": str(links)}
    quick.given("install", "alpha==1.5")
    for edited in ("", "edited "):
        line = f"alpha 1.6 is in effect for this run, not the {edited}alpha 1.5 of {quick.overlay}"
        for _ in range(2):
            done = run(quick, "--with", "needs", "--", "true", env=env)
            assert done.stderr.endswith(f"conda-overlay: {line}\n"), done
        done = run(quick, "--with", "alpha==1.6", "--", "true", env=env)
        assert "in effect" not in done.stderr  # as requested
        file = quick.site / "alpha" / "__init__.py"
        quick.edit(file, f"{file.read_text()}EDITED = 1\n")
        quick.given("record")


def test_credentials_of_with_are_not_kept(quick: Bench, links: Path) -> None:
    wheel = dists.wheel(links, "cowsay", "1.0")
    with sources.served(links) as address:
        url = f"http://me:s3cret@{address}/{wheel.name}"
        assert run(quick, "--with", f"cowsay @ {url}", "--", "true").returncode == 0
    files = [path for path in (quick.user.home / ".cache").rglob("*") if path.is_file()]
    kept = [path for path in files if b"s3cret" in path.read_bytes()]
    assert kept == [] and any(path.name == "record.json" for path in files)


def test_with_a_package_that_hides_modules_or_is_hidden_says_so_each_time(
    quick: Bench, links: Path
) -> None:
    """In the layer that it adds; of the overlay, or of the environment."""
    for name, files in (
        ("plug", {"sp/__init__.py": "", "sp/plug.py": ""}),
        ("whole", {"sp/__init__.py": "", "sp/whole.py": ""}),
        ("part", {"sp/part.py": ""}),
        ("apart", {"ns/apart.py": ""}),
    ):
        dists.wheel(links, name, "1.0", top_level="", files={**files})
    env = {"PIP_FIND_LINKS": str(links)}
    quick.install("plug", env=env)
    for name, line in (
        (
            "whole",
            "conda-overlay: whole 1.0 hides the module sp.plug of plug 1.0 (a layer below)\n",
        ),
        ("part", "conda-overlay: plug 1.0 (a layer below) hides the module sp.part of part 1.0\n"),
        ("apart", ""),
    ):
        for _ in range(2):
            done = run(quick, "--with", name, "--", "true", env=env)
            assert done.stderr.endswith(line) and done.stderr.count("hides") == bool(line), done
    code = "import sp.plug"
    assert run(quick, "--with", "whole", "python", "-c", code, env=env).returncode == 1


def test_status_and_why_know_the_layer_that_they_run_in(quick: Bench, links: Path) -> None:
    """The overlay lies below it, and changes of that are in effect at once."""
    quick.given("install", "alpha==1.5")
    for name in ("cowsay", "other"):
        dists.wheel(links, name, "1.0")
    env, conda = {"PIP_FIND_LINKS": str(links)}, str(quick.conda.executable)

    def within(*words: str) -> str:
        done = run(quick, "--with", "cowsay", "--", conda, "overlay", *words, env=env)
        assert done.returncode == 0, done
        return done.stdout

    assert "active here:  yes, with a layer for this run\n" in within("status")
    found = json.loads(within("why", "--json", "cowsay"))
    assert found["file"].startswith(str(quick.user.home / ".cache"))
    explained = within("why", "alpha")
    assert "alpha 1.5" in explained and "this shell" not in explained
    assert "conda activate" not in within("install", "--yes", "other")
    alone = run(quick, "--", conda, "overlay", "status")
    assert "active here:  yes\n" in alone.stdout


def test_with_is_refused_where_the_user_has_switched_the_wiring_off(quick: Bench) -> None:
    done = run(quick, "--with", "new", "python", env={"CONDA_OVERLAY_DISABLE": "1"})
    assert done.returncode == 2 and "CONDA_OVERLAY_DISABLE is set" in done.stderr
    again = shlex.split(done.stderr.partition("Hint: ")[2])
    assert again[:5] == ["env", "-u", "CONDA_OVERLAY_DISABLE", "conda", "overlay"]
    inner = [str(quick.conda.executable), *again[4:], "-c", "import new; print(new.__file__)"]
    done = run(quick, "--no-overlay", *again[:3], *inner)
    assert "conda-overlay/run/" in done.stdout, done


def test_with_is_refused_where_the_environment_switches_the_wiring_off(own: Bench) -> None:
    own.given("install", "alpha==1.5")
    variables = {"env_vars": {"CONDA_OVERLAY_DISABLE": "1"}}
    (own.host / "conda-meta" / "state").write_text(json.dumps(variables))
    done = run(own, "--with", "new", "python", "-c", "import new")
    assert done.returncode == 2
    assert f"CONDA_OVERLAY_DISABLE is set for {own.host}." in done.stderr
    assert f"conda env config vars list -p {own.host}" in done.stderr
    said = own.change("install", "new")
    assert f"It is not in effect: CONDA_OVERLAY_DISABLE is set for {own.host}." in said
    status = own.run("status", *own.where).stdout
    assert f"active here:  no; CONDA_OVERLAY_DISABLE is set for {own.host}\n" in status
    found = json.loads(own.run("env", *own.where, "--json").stdout)
    assert found["extra_paths"] == [] and "PYTHONPATH" not in found["variables"]


def test_with_needs_a_requirement(quick: Bench) -> None:
    for nothing in ("", " "):
        done = run(quick, "--with", nothing, "true")
        assert (done.returncode, "--with needs a requirement" in done.stderr) == (2, True)


def test_with_a_layer_removes_nothing_but_old_layers_of_the_users_own(
    quick: Bench, mallory: User, scratch: Path
) -> None:
    """The directory may be a link, another user's, or have what is not ours in it."""
    data = quick.user.home / "data"
    cache = quick.user.home / "cache"
    put = 'mkdir -p "$1/old" "$2/conda-overlay" && ln -s "$1" "$2/conda-overlay/run"'
    assert quick.user.run(["sh", "-c", put, "sh", data, cache]).returncode == 0
    old = time.time() - 31 * 24 * 3600
    os.utime(data / "old", (old, old))
    assert run(quick, "--with", "gamma", "true", env={"XDG_CACHE_HOME": str(cache)}).returncode == 0
    assert (data / "old").is_dir()
    theirs = scratch / "theirs"
    theirs.mkdir()
    os.chown(theirs, mallory.uid, mallory.gid)
    done = run(quick, "--with", "gamma", "true", env={"XDG_CACHE_HOME": str(theirs)})
    assert done.returncode == 1 and "belongs to overlay-mallory" in done.stderr, done.stderr
    assert [*theirs.iterdir()] == []


def test_with_a_layer_in_a_directory_whose_name_has_a_variable(quick: Bench) -> None:
    cache = quick.user.home / "a$USER"
    words = ("python", "-c", "import new; print(new.__file__)")
    done = run(quick, "--with", "new", *words, env={"XDG_CACHE_HOME": str(cache)})
    assert done.stdout.startswith(f"{cache}/conda-overlay/run/"), done


@LONG
def test_with_a_local_source_runs_what_it_has_now(quick: Bench) -> None:
    """And not what the directory had at an earlier run, nor what is in another one of that name."""
    tree = patches.source(quick.user, "mine", "1.0", "A")
    other = patches.source(quick.user, "mine", "1.0", "B", where="other")

    def mark(requirement: str | Path, cwd: Path) -> str:
        code = "import sys; sys.path.remove(''); import mine; print(mine.MARK)"
        argv = [quick.conda.executable, "overlay", "run", *quick.where, "--with", requirement]
        done = quick.user.run([*argv, "--", "python", "-c", code], env=quick.environ, cwd=cwd)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert (mark(".", tree), mark(".", other)) == ("A", "B")
    patches.source(quick.user, "mine", "1.0", "C")
    assert [mark(".", tree), mark(tree, other), mark(f"mine @ {tree.as_uri()}", other)] == ["C"] * 3
    for layer in (quick.user.home / ".cache" / "conda-overlay" / "run").iterdir():
        assert len([*layer.glob(".science/revisions/*/tree")]) == 1


@LONG
def test_with_a_url_runs_what_it_has_now_unless_it_says_which_commit(quick: Bench) -> None:
    def mark(requirement: str) -> str:
        code = "import mine; print(mine.MARK)"
        return run(quick, "--with", requirement, "--", "python", "-c", code).stdout.strip()

    for text in ("A", "B"):
        tree = patches.source(quick.user, "mine", "1.0", text)
        patches.commit(quick.user, tree)
        assert mark(f"git+{tree.as_uri()}") == text
    fixed = f"mine @ git+{tree.as_uri()}@{patches.commit_of(quick.user, tree)}"
    assert mark(fixed) == "B"
    tree.rename(tree.with_name("away"))
    assert mark(fixed) == "B"


def test_with_another_configuration_of_pip_is_another_layer(quick: Bench, links: Path) -> None:
    dists.wheel(links, "cowsay", "6.1")
    dists.wheel(links, "cowsay", "7.0a1")
    file = quick.user.home / "pip.conf"
    file.write_text("")
    env = {"PIP_FIND_LINKS": str(links), "PIP_CONFIG_FILE": str(file)}
    words = ["--with", "cowsay", "python", "-c", "import cowsay; print(cowsay.__version__)"]
    assert run(quick, *words, env=env).stdout == "6.1\n"
    assert run(quick, *words, env={**env, "PIP_PRE": "1"}).stdout == "7.0a1\n"
    file.write_text("[install]\npre = true\n")
    assert run(quick, *words, env=env).stdout == "7.0a1\n"


def test_a_command_line_without_a_command_is_refused(quick: Bench) -> None:
    for words in ([], ["--"], ["--with", "x", "--no-overlay", "true"]):
        done = run(quick, *words)
        assert done.returncode == 2 and "Traceback" not in done.stderr


# -- env


def test_env_prints_what_makes_any_shell_see_the_overlay(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    code = quick.ask("env", "bash")
    script = f"set -eu; {code}\npython -c 'import alpha; print(alpha.__version__)'"
    done = quick.user.run(["env", "-i", "PATH=/usr/bin:/bin", "bash", "-c", script])
    assert done.stdout == "1.5\n", done
    assert "set -gx PYTHONPATH" in quick.ask("env", "fish").replace("builtin ", "")
    done = quick.run("env", *quick.where, "nosuch")
    assert done.returncode == 2 and "not a supported shell" in done.stderr


def test_env_reads_what_scripts_print_and_any_variable(own: Bench) -> None:
    scripts = own.host / "etc" / "conda" / "activate.d"
    scripts.mkdir(parents=True)
    (scripts / "a.sh").write_text('echo \'{"of": "a script"}\'; export BRACES=\'{"a": {}}\'\n')
    own.given("install", "new")
    assert own.json("env")["variables"]["BRACES"] == '{"a": {}}'
    (scripts / "a.sh").write_text("exit 3\n")
    assert "could not be activated" in own.run("env", *own.where).stderr


def test_env_as_json_and_dotenv_hold_the_same(quick: Bench) -> None:
    quick.given("install", "alpha==1.5")
    found = quick.json("env")
    assert found.keys() == {"variables", "unset", "extra_paths"}
    assert found["extra_paths"] == [str(quick.site)]
    assert found["variables"]["PYTHONPATH"] == str(quick.site)
    lines = quick.ask("env", "--dotenv").splitlines()
    read = dict(shlex.split(line)[0].split("=", 1) for line in lines)
    assert read == found["variables"]
    script = "set -a; . ./env; set +a; python -c 'import alpha; print(alpha.__version__)'"
    (quick.user.home / "env").write_text("\n".join(lines))
    assert quick.user.run(["env", "-i", "sh", "-c", script]).stdout == "1.5\n"
