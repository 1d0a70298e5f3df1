# SPDX-License-Identifier: GPL-2.0-only
"""A command on a terminal that the test holds, and what the terminal shows."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios

import pyte

from lab import DEADLINE, wait_until

ALTERNATE, MAIN, SHOW_CURSOR = b"\033[?1049h", b"\033[?1049l", b"\033[?25h"


class Terminal:
    """`argv` in the namespace of `host`, on a terminal of that size; `stderr` may be elsewhere."""

    def __init__(self, host, argv, columns=80, rows=24, stderr=None, **environment):
        self.master, self.slave = pty.openpty()
        self.resize(columns, rows, tell=False)
        self.before = termios.tcgetattr(self.slave)
        self.raw = b""
        self.process = host.start(*argv, stdin=self.slave, stdout=self.slave, stderr=stderr or self.slave,
                                  start_new_session=True, env={**os.environ, "TERM": "xterm", **environment})

    def resize(self, columns, rows, tell=True):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        if tell:
            self.process.send_signal(signal.SIGWINCH)

    def read(self):
        """Takes what has been written so far."""
        while select.select([self.master], [], [], 0)[0]:
            data = os.read(self.master, 1 << 16)
            self.raw += data
            self.stream.feed(data)

    def lines(self):
        self.read()
        return [line.rstrip() for line in self.screen.display]

    def expect(self, condition, what="picture"):
        """The lines of the screen, once condition(lines) is true."""
        def met():
            lines = self.lines()
            return lines if condition(lines) else None
        try:
            return wait_until(met, what)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.lines()}") from None

    def key(self, text):
        os.write(self.master, text.encode())

    def end(self):
        """The exit status (negative: the signal) of the command, and that the terminal is as it was."""
        status = self.process.wait(DEADLINE)
        self.read()
        assert termios.tcgetattr(self.slave) == self.before
        if ALTERNATE in self.raw:
            assert self.raw.rindex(MAIN) > self.raw.rindex(ALTERNATE)
            assert self.raw.rindex(SHOW_CURSOR) > self.raw.rindex(ALTERNATE)
        return status

    def close(self):
        os.close(self.master)
        os.close(self.slave)
