"""A board of the lab that is played: it keeps what was flashed, runs it, and has the fault that a file names.

`flash` copies the ELF to the board's memory; `term` is its serial line. The file FAULTS holds one word a line; each
terminal or flash takes the first one off, so that a fault can come once; the word after `always` stays.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

BOARD = Path(os.environ["PLAYED"])
MEMORY = BOARD / "memory.elf"


def fault(kind: str) -> str:
    """The next fault that concerns `kind` (flash or term)."""
    with (BOARD / "faults").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        words = file.read().split()
        if words[:1] == ["always"]:
            return words[1] if (words[1] == "unflashable") == (kind == "flash") else ""
        for index, word in enumerate(words):
            if (word == "unflashable") == (kind == "flash"):
                file.truncate(0)
                file.write("\n".join(words[:index] + words[index + 1 :]))
                return word
    return ""


def flash() -> int:
    """PROGRAMMER_FLASH."""
    with (BOARD / "flashed").open("a") as log:
        log.write("flash\n")
    if fault("flash") == "unflashable":
        print("verify failed at 0x08000000")
        return 1
    shutil.copy(os.environ["ELFFILE"], BOARD / "new.elf")
    (BOARD / "new.elf").replace(MEMORY)
    return 0


def term() -> int:
    """TERMPROG."""
    what = fault("term")
    if what == "unplugged" or not MEMORY.exists():
        print("cannot open /dev/ttyACM0")
        return 1
    program = subprocess.Popen([str(MEMORY)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert program.stdin is not None and program.stdout is not None
    threading.Thread(target=forward, args=(program.stdin,), daemon=True).start()
    text = b""
    for more in iter(lambda: os.read(program.stdout.fileno(), 65536), b""):
        text += more
        if not text.endswith((b"\n", b"> ")):
            continue
        if b'"msf":"result"' in text or b'"msf": "result"' in text:
            match what:
                case "hung":
                    time.sleep(1000)
                case "garbage":
                    text = b'{"msf":"result","mat\x00\xff<script>\r\n'
                case "half":
                    text = text[: text.index(b'"msf"') + 20]
                case "other-model":
                    text = text.replace(b'"model":"', b'"model":"other_')
                case "pulled":
                    program.kill()
                    return 1
                case "mistaken":
                    text = text.replace(b'"match":true', b'"match":false')
        if what == "swapped":
            text = text.replace(b'"build":"', b'"build":"00')
        os.write(1, text)
        text = b""
    return 0


def forward(to) -> None:
    while data := os.read(0, 4096):
        to.write(data)
        to.flush()


if __name__ == "__main__":
    sys.exit({"flash": flash, "term": term, "reset": lambda: 0}[sys.argv[1]]())
