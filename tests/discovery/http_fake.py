# SPDX-License-Identifier: Apache-2.0
"""A small HTTP or HTTPS server on loopback for tests that play somebody's API."""

import http.server
import json
import socket
import ssl
import threading
import urllib.parse


class Request:
    """What a client asked, and how to answer it."""

    def __init__(self, handler, body):
        parts = urllib.parse.urlsplit(handler.path)
        self.handler = handler
        self.method = handler.command
        self.path = parts.path
        self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        self.headers = handler.headers
        self.body = body
        self.streaming = False

    def answer(self, status, value, headers=()):
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", "application/json")
        self.handler.send_header("Content-Length", str(len(content)))
        for name, text in headers:
            self.handler.send_header(name, text)
        self.handler.end_headers()
        self.handler.wfile.write(content)

    def begin_stream(self):
        self.handler.send_response(200)
        self.handler.send_header("Content-Type", "application/json")
        self.handler.send_header("Transfer-Encoding", "chunked")
        self.handler.end_headers()
        self.streaming = True

    def send(self, value):
        content = value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"
        self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))

    def end_stream(self):
        self.handler.wfile.write(b"0\r\n\r\n")


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        """Clients that leave are no error here."""


class Fake:
    """Derive from it, write `on_request(self, request)`, which runs on a thread per connection, and
    call start() when it may be called."""

    def __init__(self, certificate=None, key=None, port=0):
        self.requests = []
        self.open_sockets = set()
        self.lock = threading.Condition()
        self.closing = False
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                with fake.lock:
                    fake.open_sockets.add(self.connection)

            def finish(self):
                with fake.lock:
                    fake.open_sockets.discard(self.connection)
                super().finish()

            def respond(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self, body)
                with fake.lock:
                    fake.requests.append(request)
                fake.on_request(request)

            do_GET = respond
            do_POST = respond

            def log_message(self, *arguments):
                pass

        self.server = _Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            # The handshake on the connection's own thread: a client that refuses stops nobody.
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        self.url = "%s://127.0.0.1:%d" % ("https" if certificate else "http", self.port)

    def start(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def on_request(self, request):
        raise NotImplementedError

    def cut(self):
        """Breaks all connections, as a network does."""
        with self.lock:
            sockets = list(self.open_sockets)
            self.lock.notify_all()
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        with self.lock:
            if self.closing:
                return
            self.closing = True
        self.server.shutdown()
        self.server.server_close()
        self.cut()
