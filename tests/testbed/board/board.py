"""The board's end of a terminal: a shell like RIOT's with one of several personalities."""

import json
import os
import signal
import sys
import time
from pathlib import Path

RESULT = {
    "msf": "result",
    "model": "tiny",
    "match": True,
    "cases": 2,
    "first_mismatch": None,
    "error": None,
    "microseconds": 1234,
    "arena_bytes": 32,
    "stack_bytes": 100,
    "clock_hz": 64000000,
}


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def serve(commands, echo=True) -> None:
    say("> ")
    for line in sys.stdin:
        words = line.split()
        if echo:
            say(line.strip() + "\r\n")
        if words and words[0] in commands:
            commands[words[0]]()
        elif words:
            say(f"shell: command not found: {words[0]}\r\n")
        say("> ")


def result(**changes):
    return lambda: say(json.dumps({**RESULT, **changes}) + "\r\n")


def numbered():
    numbered.count += 1
    say(json.dumps({"msf": "number", "number": numbered.count}) + "\r\n")


numbered.count = 0


def without(key):
    return lambda: say(json.dumps({name: value for name, value in RESULT.items() if name != key}) + "\r\n")


def well() -> None:
    say('main(): This is RIOT! {"msf":"boot"\r\n> > \r\n')
    serve({"selftest": result(), "number": numbered})


def mute() -> None:
    time.sleep(1000)


def shellless() -> None:
    for line in sys.stdin:
        say(line)


def late() -> None:
    time.sleep(2.5)
    serve({"selftest": result()})


def asleep() -> None:
    while not Path(os.environ["RESETS"]).exists():
        time.sleep(0.05)
    serve({"selftest": result()})


def stranger() -> None:
    serve({})


def dying() -> None:
    def die():
        say('{"msf":"case","case":0}\r\n*** RIOT kernel panic: HARD FAULT\r\n')
        sys.exit(1)

    serve({"selftest": die})


def dead() -> None:
    say("cannot open /dev/ttyACM0\r\n")
    sys.exit(1)


def falling_silent() -> None:
    def stop():
        say('{"msf":"case","case":0}\r\n')
        time.sleep(1000)

    serve({"selftest": stop})


def talkative() -> None:
    def talk():
        while True:
            say("still at it\r\n")
            time.sleep(0.02)

    serve({"selftest": talk})


def flooding() -> None:
    def flood():
        while True:
            say("U" * 1000)

    serve({"selftest": flood})


def garbling() -> None:
    serve({"selftest": lambda: say('{"msf":"result","mat\x00\xfft":true,"ca\r\n')})


def noisy() -> None:
    def speak():
        say(
            "[dbg] \x1b[1m{weird {braces} 2026-01-01 # "
            + json.dumps({"msf": "case", "case": 0})
            + "\x1b[0m trailing\r\n"
        )
        say('{"other": "object"}\r\n')
        say("> " + json.dumps(RESULT) + "\r\n")

    serve({"selftest": speak}, echo=False)


def stubborn() -> None:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if os.fork() == 0:
        time.sleep(1000)
    serve({"selftest": result()})


PERSONALITIES = {
    "well": well,
    "mute": mute,
    "shellless": shellless,
    "late": late,
    "asleep": asleep,
    "stranger": stranger,
    "dying": dying,
    "dead": dead,
    "falling-silent": falling_silent,
    "talkative": talkative,
    "flooding": flooding,
    "garbling": garbling,
    "noisy": noisy,
    "stubborn": stubborn,
}
PERSONALITIES["incomplete"] = lambda: serve({"selftest": without("arena_bytes")})
PERSONALITIES["wrongly-typed"] = lambda: serve({"selftest": result(cases="two")})
PERSONALITIES["overrunning"] = lambda: serve({"selftest": result(match=False, error="write outside the arena")})
PERSONALITIES["mistaken"] = lambda: serve(
    {"selftest": result(match=False, first_mismatch={"case": 1, "index": 5, "expected": -3, "got": 4})}
)

if __name__ == "__main__":
    PERSONALITIES[sys.argv[1]]()
