"""Drives the shell on a terminal as a person would: types, reads the screen, presses keys. Argument: the binary.

Each step waits for a text to appear, however long that takes, up to a limit; nothing is slept for.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import tempfile
import termios
import time

LIMIT_SECONDS = 60
PROMPT, CONTINUATION = "cbulk=> ", "cbulk-> "
CTRL_C, CTRL_D, UP = "\x03", "\x04", "\x1b[A"
# Would run for years.
ENDLESS = "SELECT count(*) FROM generate_series(1,1000000) a, generate_series(1,1000000) b WHERE a.value + b.value < 0;\r"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A shell on a pseudo-terminal of its own."""

    def __init__(self, binary, folder):
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "XDG_STATE_HOME": folder}
            os.execve(binary, [binary], environment)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
        self.unread = ""

    def type(self, keys):
        os.write(self.terminal, keys.encode())

    def read(self):
        ready, _, _ = select.select([self.terminal], [], [], LIMIT_SECONDS)
        if not ready:
            raise AssertionError(f"the shell is silent; it printed {self.unread!r}")
        try:
            data = os.read(self.terminal, 65536)
        except OSError:  # what Linux says at the end
            data = b""
        if not data:
            raise EOFError(f"the shell has ended; it printed {self.unread!r}")
        self.unread += ESCAPES.sub("", data.decode(errors="replace"))

    def expect(self, text):
        """Waits for the text, and returns what was printed before it."""
        until = time.monotonic() + LIMIT_SECONDS
        while text not in self.unread:
            if time.monotonic() > until:
                raise AssertionError(f"no {text!r} in {self.unread!r}")
            self.read()
        before, _, self.unread = self.unread.partition(text)
        return before

    def ended(self):
        """Waits for the end, and returns the exit code."""
        try:
            while True:
                self.read()
        except EOFError:
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


def drive(shell):
    shell.expect(PROMPT)
    shell.type("SELECT 'a;\r")
    shell.expect(CONTINUATION)
    shell.type("b' AS x; SELECT 2\r")
    shell.expect("(1 row)")
    shell.expect(CONTINUATION)
    shell.type("AS y;\r")
    shell.expect(" y")
    shell.expect("(1 row)")
    shell.expect(PROMPT)

    # An error leaves the shell alive, and drops what was typed behind it.
    shell.type("SELEC 1; SELECT 'dropped' || '!';\r")
    shell.expect("error: expected an SQL statement, found SELEC")
    assert "dropped!" not in shell.expect(PROMPT)

    # Definitions are answered.
    shell.type("SET datafusion.execution.batch_size = 100;\r")
    shell.expect("ok")
    shell.expect(PROMPT)

    # Ctrl-C drops what is being typed.
    shell.type("SELECT 'half\r")
    shell.expect(CONTINUATION)
    shell.type(CTRL_C)
    shell.expect(PROMPT)

    # Ctrl-C cancels a statement, again and again; the progress is shown until then.
    for _ in range(2):
        shell.type(ENDLESS)
        shell.expect("rows/s")
        shell.type(CTRL_C)
        shell.expect("cancelled")
        shell.expect(PROMPT)

    shell.type("SELECT 40 + 2 AS alive;\r")
    shell.expect("42")
    shell.expect(PROMPT)

    # The history has it.
    run_last_again(shell)


def run_last_again(shell):
    shell.type(UP)
    shell.expect("SELECT 40 + 2 AS alive;")
    shell.type("\r")
    shell.expect("42")
    shell.expect(PROMPT)


def main():
    binary = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        shell = Terminal(binary, folder)
        try:
            drive(shell)
            shell.type(CTRL_D)
            assert shell.ended() == 0

            # The history lasts, and is not for others to read.
            history = os.path.join(folder, "cbulk", "history")
            assert os.stat(history).st_mode & 0o077 == 0
            shell = Terminal(binary, folder)
            shell.expect(PROMPT)
            run_last_again(shell)
            shell.type("\\q\r")
            assert shell.ended() == 0
        finally:
            try:
                os.kill(shell.process, signal.SIGKILL)
            except ProcessLookupError:
                pass


main()
