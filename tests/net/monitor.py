# SPDX-License-Identifier: GPL-2.0-only
"""`weft monitor`, running, for tests that wait for what it tells."""

import json
import queue
import threading

from daemon import BUILD
from lab import DEADLINE, wait_until


class Monitor:
    """A running `weft monitor`; its events come as dicts."""

    def __init__(self, weft, words):
        self.process = weft.host.start(BUILD / "weft", "--rundir", weft.rundir, "-j",
                                       *words.split(), stdout=-1, stderr=-1, text=True)
        self._events = queue.Queue()
        self.seen = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._events.put(json.loads(line))

    def expect(self, timeout=DEADLINE, **wanted):
        """The next event that has these members; those before it are in `seen`."""
        while True:
            try:
                event = self._events.get(timeout=timeout)
            except queue.Empty:
                raise AssertionError(f"no event {wanted}; saw {self.seen}") from None
            if all(event.get(key) == value for key, value in wanted.items()):
                return event
            self.seen.append(event)

    def empty(self):
        """Whether nothing has come that expect() has not looked at."""
        return self._events.empty()

    def find(self, **wanted):
        """As expect(), but only among what has come so far; None if it is not there."""
        while not self.empty():
            event = self._events.get()
            if all(event.get(key) == value for key, value in wanted.items()):
                return event
            self.seen.append(event)
        return None

    def ready(self, weft):
        """Changes something until the stream tells of it: what comes after this is seen."""
        def told():
            weft("bridge add ready")
            weft("bridge del ready")
            return not self.empty()
        wait_until(told, "monitor to be subscribed", interval=0.1)
        return self
