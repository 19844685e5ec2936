"""What a command prints for another program arrives whole."""

import os
import subprocess
import sys
import time

_TELLS = """
import signal
from entrepot.cli.printing import raw
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
raw(b"x" * 400_000)
signal.setitimer(signal.ITIMER_REAL, 0)
"""


def test_a_write_that_signals_interrupt_is_written_to_its_end():
    """Unbuffered, and more than the pipe holds: each signal ends the write that waits for the reader."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen([sys.executable, "-c", _TELLS], env=environment, stdout=subprocess.PIPE) as process:
        read = b""
        while part := os.read(process.stdout.fileno(), 20_000):
            read += part
            time.sleep(0.02)
    assert (process.returncode, read) == (0, b"x" * 400_000 + b"\n")
