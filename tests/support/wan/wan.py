"""The router from Python: starts it, enters its namespaces, opens sockets in them."""
import contextlib
import ctypes
import os
import subprocess
import tempfile
import threading

SKIP = 77
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """There are no namespaces or TUN devices here."""


class Wan:
    """nodes: (address, city, up bit/s, down bit/s, access ns) each."""

    def __init__(self, program, tables, nodes, *options):
        with tempfile.NamedTemporaryFile("w", prefix="orrery-wan-", suffix=".tsv") as table:
            table.write("# address\tcity\tup\tdown\taccess ns\n")
            for node in nodes:
                table.write("\t".join(map(str, node)) + "\n")
            table.flush()
            self.process = subprocess.Popen([program, "--tables", tables, *options, table.name], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.spaces, self.addresses = [], []
            for line in self.process.stdout:
                if line.strip() == "ready":
                    break
                _, _, address, space = line.split()
                self.addresses.append(address)
                self.spaces.append(space)
            else:
                said = self.process.stderr.read().strip()
                if self.process.wait() == SKIP:
                    raise Unavailable(said)
                raise RuntimeError(said)
        self.said = []  # what it says while it runs must not fill the pipe
        self.reader = threading.Thread(target=lambda: self.said.extend(self.process.stderr), daemon=True)
        self.reader.start()

    def inside(self, node):
        """Words to put before a command that is to run at a node."""
        return ["nsenter", "--net=" + self.spaces[node]]

    @contextlib.contextmanager
    def at(self, node):
        """This thread is at the node meanwhile; sockets stay where they were made."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(self.spaces[node], os.O_RDONLY)
        try:
            enter(there)
            yield
        finally:
            enter(home)
            os.close(there)
            os.close(home)

    def stop(self):
        """Ends it; its statistics by name."""
        self.process.stdin.close()
        status = self.process.wait(timeout=10)
        self.reader.join(timeout=5)
        self.process.stdout.close()
        self.process.stderr.close()
        facts = {}
        for line in self.said:
            for word in line.split():
                name, mark, value = word.replace("<", "=").partition("=")
                if mark:
                    facts[name] = int(value)
        if status != 0:
            raise RuntimeError(f"wan ended with {status}: {''.join(self.said)}")
        return facts


def enter(space):
    if libc.setns(space, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
