"""An AV switcher that takes datagrams, a line each, as an independent peer: `switcher.py PORT`.

Prints `ready`, and each output that is switched as `output input`. Ends when its standard input does.
"""

import socket
import sys
import threading

OUTPUTS = {"1": "1", "2": "0"}


def answer(said):
    match said.split():
        case ["INFO?"]:
            return "INFO 8 2 1.04"
        case ["ROUTE?", output] if output in OUTPUTS:
            return f"ROUTE {output} {OUTPUTS[output]}"
        case ["MUTE?", output] if output in OUTPUTS:
            return f"MUTE {output} 0"
        case ["ROUTE", output, source] if output in OUTPUTS:
            OUTPUTS[output] = source
            print(output, source, flush=True)
            return f"ROUTE {output} {source}"
    return "ERR 1"


def talk(panel):
    while True:
        said, whom = panel.recvfrom(1500)
        for line in said.decode().splitlines():
            panel.sendto((answer(line) + "\r\n").encode(), whom)


panel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
panel.bind(("127.0.0.1", int(sys.argv[1])))
threading.Thread(target=talk, args=[panel], daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
