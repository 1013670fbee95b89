"""A server of embeddings as OpenAI has them, which counts what it is asked and fails as it is told to."""

import contextlib
import http.server
import json
import pathlib
import socket
import ssl
import threading

TLS = pathlib.Path(__file__).parent.parent / "fixtures" / "tls"


def vector(text, dimensions=3):
    """The embedding of a text here."""
    return [len(text) + 1.0, sum(map(ord, text)) % 97 - 48.5, 0.25, *range(1, dimensions - 2)][:dimensions]


class Server:
    """`url` is its address, `requests` are the bodies it got; `answers` are used up before the right ones are given."""

    def __init__(self, tls=False):
        self.requests = []
        self.headers = []
        # Each takes the handler and the body, and answers; None stands for the right answer.
        self.answers = []
        self.forever = None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.requests.append(body)
                outer.headers.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                answer = outer.answers.pop(0) if outer.answers else outer.forever
                (answer or right)(self, body)

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(TLS / "localhost.pem")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        # A client that goes away, as some tests have it, is not worth a word.
        self.server.handle_error = lambda *_: None
        self.url = f"{'https' if tls else 'http'}://localhost:{self.server.server_port}/v1/embeddings"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def send(handler, status, body, headers=()):
    """An answer with this status and body, which is text or what becomes JSON."""
    data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    handler.send_response(status)
    for name, value in headers:
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def right(handler, body):
    """The right answer, its vectors in an order of its own."""
    entries = [
        {"object": "embedding", "index": i, "embedding": vector(text, body.get("dimensions", 3))}
        for i, text in enumerate(body["input"])
    ]
    send(handler, 200, {"object": "list", "data": entries[1::2] + entries[::2], "model": body["model"]})


def status(code, body="no", **headers):
    return lambda handler, _: send(handler, code, body, [(k.replace("_", "-"), v) for k, v in headers.items()])


def embeddings(*vectors, **more):
    """These vectors, whatever was asked."""
    return lambda handler, _: send(handler, 200, {"data": [{"index": i, "embedding": v, **more} for i, v in enumerate(vectors)]})


def cut(handler, _):
    """The connection ends in the middle of the body."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"data": [')
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def hang_up(handler, _):
    """The connection ends without an answer."""
    with contextlib.suppress(OSError):
        handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True
