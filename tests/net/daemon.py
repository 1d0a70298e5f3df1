# SPDX-License-Identifier: GPL-2.0-only
"""weftd on a host of the lab, and the command `weft` that talks to it."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import yaml

from lab import CommandFailed, wait_until

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WEFT_BUILD", TOP / "build"))
if not BUILD.is_absolute():
    BUILD = TOP / BUILD


class Refused(CommandFailed):
    """`weft` said no: `status` is its exit status, `line` what it printed on stderr."""

    def __init__(self, argv, status, stderr):
        super().__init__(f"{' '.join(argv)}: exit {status}: {stderr}")
        self.status = status
        self.line = stderr.strip()


class Weftd:
    """One weftd with a rundir of its own. Calling it runs the command:

        host.weft = Weftd(host)
        host.weft("bridge add br0")           -> parsed JSON, or Refused
    """

    def __init__(self, host, binary=None, options=()):
        self.host = host
        self.binary = binary or BUILD / "weftd"
        self.options = options
        self.rundir = host.lab.tmp_path / f"run-{host.name}"
        self.logs = []
        self.process = None
        self._sanitizer = host.lab.tmp_path / f"sanitizer-{host.name}"
        host.lab.daemons.append(self)
        self.start()

    def start(self, binary=None):
        """Starts weftd and waits until it says that it is ready."""
        assert self.process is None, "weftd is running"
        log = self.host.lab.tmp_path / f"weftd-{self.host.name}-{len(self.logs)}.log"
        self.logs.append(log)
        options = f"log_path={self._sanitizer}:abort_on_error=0:exitcode=99"
        environment = dict(os.environ, ASAN_OPTIONS=options,
                           UBSAN_OPTIONS=options + ":print_stacktrace=1")
        environment.pop("NOTIFY_SOCKET", None)
        with open(log, "wb") as stderr:
            self.process = self.host.start(binary or self.binary, "--rundir", self.rundir, *self.options,
                                           stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                                           env=environment)

        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"weftd ended with {self.process.returncode}: {self.log()}")
            return "weftd: ready" in self.log()
        wait_until(ready, "weftd: ready")
        return self

    def log(self):
        return self.logs[-1].read_text(errors="replace")

    def stop(self):
        """As systemd stops it; it has to end by itself, and well."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        self.process = None
        assert status == 0, f"weftd ended with {status}: {self.log()}"

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def run(self, *words, data=None, json_output=True):
        """Runs `weft`; gives its CompletedProcess whatever its exit status."""
        argv = [str(BUILD / "weft"), "--rundir", str(self.rundir)]
        argv += ["-j"] if json_output else []
        for word in words:
            argv += word.split() if isinstance(word, str) else [str(word)]
        return self.host.run(*argv, check=False, input=data)

    def argv(self, *words):
        """The command line of `weft`, words as they are."""
        return [str(BUILD / "weft"), "--rundir", str(self.rundir), "-j", *words]

    @staticmethod
    def parsed(done):
        return json.loads(done.stdout)

    def __call__(self, *words, data=None):
        done = self.run(*words, data=data)
        if done.returncode:
            raise Refused(done.args, done.returncode, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    # what tests ask for again and again ------------------------------------------------

    def apply(self, config, command="apply"):
        """`weft apply` of a config (a dict, or YAML as text); gives the changes."""
        text = config if isinstance(config, str) else yaml.safe_dump(config)
        path = self.host.lab.tmp_path / f"config-{self.host.name}.yaml"
        path.write_text(text)
        result = self(command, path)
        return result["changes"] if isinstance(result, dict) else result

    def diff(self, config):
        return self.apply(config, "diff")

    def save(self):
        """The configuration, through the YAML that a user sees."""
        done = self.run("save", json_output=False)
        assert done.returncode == 0, done.stderr
        return yaml.safe_load(done.stdout) or {}

    def show(self, noun, name):
        result = self(f"{noun} show {name}")
        return result[0] if isinstance(result, list) else result

    def fdb(self, selection=""):
        """FDB entries as the API gives them."""
        result = self(f"fdb show {selection}")
        return result["entries"] if isinstance(result, dict) else result

    def drops(self):
        """reason -> packets, over all ports and tunnels."""
        total = {}
        for line in self("drops"):
            total[line["reason"]] = total.get(line["reason"], 0) + line["packets"]
        return {reason: count for reason, count in total.items() if count}

    def stats(self):
        return self("stats")

    def close(self):
        """Ends it; gives what went wrong that the test itself may not have seen."""
        complaints = []
        if self.process is not None:
            status = self.process.poll()
            if status is None:
                self.process.terminate()
                try:
                    status = self.process.wait(20)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    status = self.process.wait()
            if status:
                complaints.append(f"weftd on {self.host.name} ended with {status}: {self.log()}")
        for path in self._sanitizer.parent.glob(self._sanitizer.name + ".*"):
            complaints.append(path.read_text(errors="replace"))
        for log in self.logs:
            if re.search(r"AddressSanitizer|runtime error:", log.read_text(errors="replace")):
                complaints.append(log.read_text(errors="replace"))
        return complaints

    def copy_binary(self, name):
        """Another build, as far as the kernel and the file system can tell."""
        path = self.host.lab.tmp_path / name
        shutil.copy2(self.binary, path)
        return path


@contextlib.contextmanager
def refused(field=None, *reasons):
    """The command inside must fail with status 1 and one line that has `field` and the reasons."""
    try:
        yield
    except Refused as refusal:
        assert refusal.status == 1, refusal
        assert "\n" not in refusal.line, f"more than one line: {refusal.line!r}"
        for text in (field, *reasons):
            assert text is None or text in refusal.line, f"{text!r} is not in {refusal.line!r}"
    else:
        raise AssertionError("was accepted")
