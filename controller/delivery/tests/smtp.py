"""A mail server that prints each message it takes as one line of JSON, and appends it to the file named in MAILBOX. `refuse@…` is refused for good, `later@…` for now.

With two arguments, certificate and key, it demands TLS by STARTTLS; a third argument names the password it wants.
"""
import asyncio
import json
import os
import ssl
import sys
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address.startswith("refuse@"):
            return "550 there is nobody of that name"
        if address.startswith("later@"):
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = message_from_bytes(envelope.content, policy=policy.default)
        parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
        line = json.dumps({
            "to": envelope.rcpt_tos, "from": envelope.mail_from, "subject": message["subject"],
            "id": message["message-id"], "parts": parts, "tls": session.ssl is not None,
        })
        if "MAILBOX" in os.environ:
            with open(os.environ["MAILBOX"], "a") as mailbox:
                mailbox.write(line + "\n")
        print(line, flush=True)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=data.password == sys.argv[3].encode())


options = {}
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    options = {"tls_context": context, "require_starttls": True}
if len(sys.argv) > 3:
    options |= {"authenticator": authenticate, "auth_required": True}


async def serve():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), hostname="localhost", **options), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Ends with whoever started it.
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(serve())
