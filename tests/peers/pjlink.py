"""A PJLink class 1 display with a password, as an independent peer: `pjlink.py PORT PASSWORD [FOLDER]`. With a folder of
`server.pem` and `server.key` it speaks TLS.

Prints `ready`, and each command that changes it. Ends when its standard input does.
"""

import asyncio
import hashlib
import ssl
import sys

STATE = {"POWR": "0", "INPT": "31", "AVMT": "30"}
FACTS = {"ERST": "000100", "LAMP": "1840 0", "INST": "11 31 32", "NAME": "Peer", "INF1": "Maker", "INF2": "P-55", "INFO": "", "CLSS": "1"}
NONCE = "498e4a67"


def answer(body):
    what, value = body[2:6], body[7:]
    if value == "?":
        if what in ("INPT", "AVMT") and STATE["POWR"] != "1":
            return f"%1{what}=ERR3"
        known = STATE.get(what, FACTS.get(what))
        return f"%1{what}=" + ("ERR1" if known is None else known)
    if what not in STATE:
        return f"%1{what}=ERR1"
    STATE[what] = value
    print(what, value, flush=True)
    return f"%1{what}=OK"


async def talk(reader, writer, password):
    writer.write(f"PJLINK 1 {NONCE}\r".encode())
    digest = hashlib.md5((NONCE + password).encode()).hexdigest()
    proved = False
    try:
        while True:
            said = (await reader.readuntil(b"\r")).decode().rstrip("\r")
            if not proved:
                proved = said.startswith(digest)
                if not proved:
                    writer.write(b"PJLINK ERRA\r")
                    break
                said = said[len(digest) :]
            elif said.startswith(digest):
                said = said[len(digest) :]
            writer.write((answer(said) + "\r").encode())
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def main():
    port, password, *folder = sys.argv[1:]
    tls = None
    if folder:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(f"{folder[0]}/server.pem", f"{folder[0]}/server.key")
    await asyncio.start_server(lambda reader, writer: talk(reader, writer, password), "127.0.0.1", int(port), ssl=tls)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
