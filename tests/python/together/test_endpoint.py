"""Vectors from a server that speaks OpenAI's `/v1/embeddings`, in both engines, against a real one on this machine."""

import contextlib
import json
import os
import socket
import subprocess
import threading
import unittest

import numpy

import host
from both import Both
from embeddings_server import TLS, Server, cut, embeddings, hang_up, right, send, status, vector

KEY = "sk-kept-to-itself"


def unit(values):
    return (numpy.array(values) / numpy.linalg.norm(values)).astype("<f4")


class Endpoint(Both):
    def setUp(self):
        super().setUp()
        self.server = Server()
        self.addCleanup(self.server.close)
        # Set at the end, for answers that never come.
        self.over = threading.Event()
        self.addCleanup(self.over.set)

    def add(self, url=None, name="m", **options):
        options = {"model": "small", "key": KEY, "timeout": 5, **options}
        return json.loads(self.both("SELECT lumos_model_add(?, ?, ?)", name, url or self.server.url, json.dumps(options)))

    def again(self, **options):
        self.both("SELECT lumos_model_remove('m')")
        self.add(**options)

    def fails(self, words, answer, text="a"):
        """Each engine's request is answered by this, and fails with these words; the key stays secret."""
        self.server.forever = answer
        with self.subTest(words):
            self.refused(words, "SELECT lumos_embed(?, 'm')", text)
        self.server.forever = None

    def refused(self, words, sql, *values):
        for db in (self.sqlite.connection, self.duckdb):
            with self.assertRaises(Exception) as caught:
                db.execute(sql, values).fetchall()
            self.assertIn(words, str(caught.exception))
            self.assertNotIn(KEY, str(caught.exception))

    def test_vectors(self):
        added = self.add(dimensions=5)
        self.assertEqual(added, {"model": "m", "kind": "endpoint", "dimensions": 5, "path": self.server.url})
        self.assertIn(added, self.models())
        self.assertEqual(self.server.requests, [])
        for text in ("", "Hello world", "如何做米饭？", 'quo"tes\n'):
            numpy.testing.assert_allclose(self.vector(text, "m"), unit(vector(text, 5)), rtol=1e-6)
        self.assertEqual(self.server.requests[2], {"model": "small", "input": ["Hello world"], "dimensions": 5})
        path, headers = self.server.headers[2]
        self.assertEqual(path, "/v1/embeddings")
        self.assertEqual(headers["authorization"], "Bearer " + KEY)
        self.assertEqual(headers["content-type"], "application/json")
        self.assertNotIn("accept-encoding", headers)
        # Without an option, the first answer tells the dimensions, and nothing is said of a key.
        self.again(key=None, dimensions=None)
        self.assertIsNone(self.models()[1]["dimensions"])
        self.vector("a", "m")
        self.assertEqual(self.models()[1]["dimensions"], 3)
        self.assertNotIn("dimensions", self.server.requests[-1])
        self.assertNotIn("authorization", self.server.headers[-1][1])

    def test_names(self):
        added = self.add()
        self.assertEqual(added, self.add())
        sql = "SELECT lumos_model_add('m', ?, ?)"
        self.refused('there is a model "m" already, from http://localhost', sql, self.server.url, '{"model": "large"}')
        self.refused("options are for the URL of a server", "SELECT lumos_model_add('n', '.', '{}')")
        self.refused('the option "model" is missing', "SELECT lumos_model_add('n', 'http://localhost:1')")
        self.refused("the options are not a JSON object", "SELECT lumos_model_add('n', 'http://localhost:1', ?)", KEY)
        self.assertNotIn(KEY, json.dumps([self.models(), self.sqlite.value("SELECT lumos_debug()")]))
        self.assertEqual(self.server.requests, [])

    def test_a_text_once(self):
        """SQLite calls the function for each row, DuckDB for a chunk."""
        self.add(batch=4)
        texts = ["t%d" % (i * i % 10) for i in range(300)]
        values = json.dumps(texts[:100] + [None] + texts[100:])
        expected = [unit(vector(t)) if t else None for t in json.loads(values)]

        def same(rows):
            for found, wanted in zip(rows, expected, strict=True):
                if wanted is None:
                    self.assertIsNone(found[0])
                else:
                    numpy.testing.assert_allclose(numpy.frombuffer(found[0], "<f4"), wanted, rtol=1e-6)

        same(self.sqlite.rows("SELECT lumos_embed(value, 'm') FROM json_each(?)", values))
        self.assertEqual(len(self.server.requests), len(set(texts)))
        self.assertEqual({len(r["input"]) for r in self.server.requests}, {1})
        self.server.requests.clear()
        sql = "SELECT lumos_vec(lumos_embed(t, 'm')) FROM (SELECT unnest(from_json(?, '[\"VARCHAR\"]')) AS t)"
        same(self.duckdb.execute(sql, [values]).fetchall())
        self.assertEqual([len(r["input"]) for r in self.server.requests], [4, 2])
        sent = [text for r in self.server.requests for text in r["input"]]
        self.assertEqual(sorted(sent), sorted(set(texts)))
        # Texts of before are remembered, but not many.
        self.server.requests.clear()
        self.sqlite.rows("SELECT lumos_embed(value, 'm') FROM json_each(?)", values)
        self.assertEqual(self.server.requests, [])
        self.sqlite.rows("SELECT lumos_embed('n' || value, 'm') FROM json_each(?)", json.dumps([*range(64)]))
        self.sqlite.rows("SELECT lumos_embed('t1', 'm')")
        self.assertEqual(len(self.server.requests), 65)

    def test_many_rows_on_several_threads(self):
        self.add(batch=512)
        self.duckdb.execute("CREATE TABLE t AS SELECT range AS i, 'text ' || range AS t FROM range(300_000)")
        # A row in a hundred, so that chunks are of all sizes.
        sql = "SELECT t, lumos_embed(t, 'm') FROM t WHERE i % 100 = 7"
        for text, found in self.duckdb.execute(sql).fetchall():
            numpy.testing.assert_allclose(found, unit(vector(text)), rtol=1e-6)
        self.assertEqual(sum(len(r["input"]) for r in self.server.requests), 3000)
        # Rows of two models.
        mixed = "lumos_embed(t, CASE WHEN i % 2 = 0 THEN 'm' ELSE 'hash' END)"
        for i, text, found, hashed in self.duckdb.execute(f"SELECT i, t, {mixed}, lumos_embed(t) FROM t WHERE i < 100").fetchall():
            self.assertEqual(found, hashed if i % 2 else unit(vector(text)).tolist())

    def test_in_the_duckdb_inside(self):
        self.add()
        inside = "SELECT c0 FROM lumos_query('SELECT lumos_vec(lumos_embed(''cat'', ''m''))')"
        self.assertEqual(self.sqlite.value(inside), unit(vector("cat")).tobytes())
        with self.assertRaisesRegex(host.ERROR, "call it in SQLite"):
            self.sqlite.rows("SELECT c0 FROM lumos_query('SELECT lumos_model_add(''n'', ''http://localhost:1'', ''{}'')')")

    def test_refusals(self):
        self.add()
        url = self.server.url
        self.fails(f"lumos_embed: {url} answered with status 400 and 8 bytes; check the options", status(400, "too long"))
        wrong = status(401, {"error": {"message": "Incorrect API key provided: " + KEY}})
        self.fails('bytes; give lumos_model_add the right "key"', wrong)
        self.fails("with status 404 and 0 bytes; check the URL and the name of the model", status(404, ""))
        self.fails("with status 500 and 1000000 bytes; try again later", status(500, "x" * 1_000_000))
        elsewhere = Server()
        self.addCleanup(elsewhere.close)
        for code in (301, 302, 303, 307, 308):
            self.fails(f"with status {code} and 2 bytes; redirects are not followed", status(code, Location=elsewhere.url))
        self.assertEqual(elsewhere.requests, [])

    def test_wrong_answers(self):
        self.add()
        self.fails(f"{self.server.url} answered 10 bytes that are not JSON", status(200, '{"data": ['))
        self.fails('answered 17 bytes that are JSON without a list "data"', status(200, {"error": "busy"}))
        self.fails("answered 2 vectors for 1 texts", embeddings([1, 2], [3, 4]))
        self.fails("answered 0 vectors for 1 texts", embeddings())
        self.fails('answered with a wrong "index" in entry 0 of', embeddings([1, 2], index=7))
        for numbers in ([], [1, None], ["1"], [1e39]):
            self.fails("answered an embedding that is not a list of finite numbers", embeddings(numbers))
        for number in ("NaN", "Infinity"):
            body = '{"data": [{"index": 0, "embedding": [1, %s]}]}' % number
            self.fails("bytes that are not JSON", status(200, body))
        self.again(dimensions=4)
        self.fails("answered a vector of 2 dimensions, where 4 were expected", embeddings([1, 2]))
        self.again()
        self.vector("a", "m")
        self.fails("answered a vector of 2 dimensions, where 3 were expected", embeddings([1, 2]), "b")
        # No answer is too large to be refused.
        self.fails("gave no answer: ", status(200, b" " * 3_000_000), "c")

    def test_broken_connections(self):
        self.add(timeout=1)
        self.fails(f"lumos_embed: {self.server.url} gave no answer: ", cut)
        self.fails("gave no answer: ", hang_up)
        self.fails("gave no answer within 1 seconds; give a longer", lambda *_: self.over.wait())
        with socket.create_server(("127.0.0.1", 0)) as taken:
            silent = f"http://127.0.0.1:{taken.getsockname()[1]}/"
            self.again(url=silent, timeout=0.3)
            self.refused("gave no answer within 0.3 seconds", "SELECT lumos_embed('a', 'm')")
        self.again(url=silent)
        self.refused("gave no answer: ", "SELECT lumos_embed('a', 'm')")
        self.again(url="http://no-such-host.invalid/")
        self.refused("gave no answer: ", "SELECT lumos_embed('a', 'm')")
        # After all that, it works again.
        self.again()
        self.vector("a", "m")

    def test_patience(self):
        self.add()
        for code in (429, 503):
            self.server.answers = 2 * [status(code, Retry_After="0"), status(code), None]
            self.vector(f"a{code}", "m")
            self.assertEqual(self.server.answers, [])
        self.server.requests.clear()
        self.server.forever = status(429, "slow down", Retry_After="0")
        with self.assertRaisesRegex(host.ERROR, "with status 429 and 9 bytes; try again later"):
            self.sqlite.rows("SELECT lumos_embed('b', 'm')")
        self.assertEqual(len(self.server.requests), 4)
        # A wait that is longer than the patience is not begun.
        self.server.requests.clear()
        self.fails("with status 503 and 2 bytes; try again later", status(503, Retry_After="60"), "b")
        # SQLite asks once, DuckDB while it plans too; each would ask four times if it waited.
        self.assertLess(len(self.server.requests), 8)

    def test_patience_without_end(self):
        self.add()
        for code in (429, 503):
            for seconds in (2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 10**19):
                self.fails(f"with status {code} and 2 bytes; try again later", status(code, Retry_After=str(seconds)))
        # No number of seconds: as if nothing was said.
        for text in (str(2**64), "-1", "Wed, 21 Oct 2015 07:28:00 GMT"):
            self.server.answers = [status(503, Retry_After=text), None] * 2
            self.vector(text, "m")

    def test_no_answer_is_quoted(self):
        """Who may call lumos_embed is not who may read what a server of the host says."""
        self.add()
        said = "INTERNAL"
        answers = [status(code, said, Retry_After="0") for code in (200, 201, 302, 400, 401, 403, 404, 418, 429, 500, 503)]
        bodies = [said, {said: said}, {"data": said}, {"data": [said]}, {"data": [{"index": said}]}, {"data": {said: [1]}}]
        bodies += [{"data": [{"index": i, "embedding": v}]} for i, v in (({said: 1}, [1]), (0, said), (0, [said]), (0, {said: 1}))]
        answers += [status(200, body) for body in bodies]

        def raw(line):
            return lambda handler, _: (handler.wfile.write(f"{line}\r\n\r\n{said}".encode()), hang_up(handler, _))

        for line in (f"HTTP/9 {said}", said, f"HTTP/1.1 200 OK\r\n{said} {said}: 1", f"HTTP/1.1 302 OK\r\nLocation: {said}://{said}"):
            answers.append(raw(line))
        for answer in answers:
            self.server.forever = answer
            for db in (self.sqlite.connection, self.duckdb):
                with self.assertRaises(Exception) as caught:
                    db.execute("SELECT lumos_embed('a', 'm')").fetchall()
                self.assertIn("lumos_embed: http", str(caught.exception))
                self.assertNotIn(said, str(caught.exception))

    def test_a_model_has_no_place_in_a_schema(self):
        """Its answer is not the same for ever, and a file must not send texts to a server of the host."""
        self.add()
        run = self.sqlite.rows
        run("CREATE TABLE t(x TEXT)")
        run("INSERT INTO t VALUES ('secret')")

        def check(sql, allowed, words=""):
            with self.subTest(sql):
                if allowed:
                    run(sql)
                    return
                with self.assertRaisesRegex(host.ERROR, words):
                    run(sql)

        for call, allowed in (("lumos_embed(x)", True), ("lumos_embed(x, 'hash')", False), ("lumos_embed(x, 'm')", False)):
            for sql in (
                f"CREATE INDEX i ON t({call})",
                f"CREATE INDEX i ON t(x) WHERE {call} IS NOT NULL",
                f"CREATE TABLE u(x TEXT, v BLOB AS ({call}) STORED)",
                f"CREATE TABLE u(x TEXT, v BLOB AS ({call}))",
                f"CREATE TABLE u(x TEXT, CHECK ({call} IS NOT NULL))",
            ):
                check(sql, allowed)
                run("DROP INDEX IF EXISTS i")
                run("DROP TABLE IF EXISTS u")
            run(f"CREATE VIEW v AS SELECT {call} AS v FROM t")
            run(f"CREATE TRIGGER w AFTER INSERT ON t BEGIN SELECT {call} FROM t; END")
            check("SELECT * FROM v", allowed, "unsafe use of lumos_embed")
            check("INSERT INTO t VALUES ('a')", allowed, "unsafe use of lumos_embed")
            run("DROP VIEW v")
            run("DROP TRIGGER w")
        self.assertEqual(self.server.requests, [])
        # In a statement of one's own it works.
        self.assertEqual(run("SELECT lumos_embed(x, 'm') FROM t LIMIT 1"), [(unit(vector("secret")).tobytes(),)])

    def test_interrupt(self):
        self.add(timeout=30)
        self.server.forever = status(503, Retry_After="20")
        asked = threading.Event()
        busy = self.server.forever
        self.server.forever = lambda *request: (busy(*request), asked.set())

        def stop():
            asked.wait()
            self.sqlite.connection.interrupt()

        thread = threading.Thread(target=stop)
        thread.start()
        with self.assertRaisesRegex(host.ERROR, "(?i)interrupt"):
            self.sqlite.rows("SELECT lumos_embed('a', 'm')")
        thread.join()
        # It waited to ask again when it was stopped.
        self.assertEqual(len(self.server.requests), 1)

    def test_tls(self):
        server = Server(tls=True)
        self.addCleanup(server.close)
        certificate = (TLS / "ca.pem").read_text()
        self.add(server.url, ca=certificate)
        numpy.testing.assert_allclose(self.vector("a", "m"), unit(vector("a")), rtol=1e-6)
        # Certificates of others are not trusted, nor the right ones for another name.
        for url, options in ((server.url, {}), (server.url.replace("localhost", "127.0.0.1"), {"ca": certificate})):
            self.again(url=url, **options)
            self.refused("gave no answer: ", "SELECT lumos_embed('b', 'm')")
            # Nor does an error say what stands in the server's certificate.
            for db in (self.sqlite.connection, self.duckdb):
                with self.assertRaises(Exception) as caught:
                    db.execute("SELECT lumos_embed('b', 'm')").fetchall()
                self.assertIn("certificate", str(caught.exception))
                self.assertNotIn("localhost", str(caught.exception).replace(server.url, ""))
        self.refused("the option \"ca\" is no certificate", "SELECT lumos_model_add('n', ?, ?)", server.url, '{"model": "a", "ca": "b"}')
        self.assertEqual(len(server.requests), 2)

    def test_no_proxy_is_taken_from_the_environment(self):
        proxy = Server()
        self.addCleanup(proxy.close)
        address = proxy.url.removesuffix("/v1/embeddings")
        names = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
        before = {name: os.environ.get(name) for name in names}
        os.environ.update(dict.fromkeys(names, address))
        try:
            self.add()
            self.vector("a", "m")
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value
        self.assertEqual((len(proxy.requests), len(self.server.requests)), (0, 2))

    def test_a_shell_survives_a_server_that_goes_away(self):
        """Python ignores SIGPIPE, the shell does not; the text is larger than what a socket takes at once."""
        listener = socket.create_server(("127.0.0.1", 0))

        def go_away():
            with contextlib.suppress(OSError):
                while True:
                    listener.accept()[0].close()

        threading.Thread(target=go_away, daemon=True).start()
        script = f"""
            SELECT lumos_model_add('m', 'http://127.0.0.1:{listener.getsockname()[1]}', '{{"model": "a"}}');
            SELECT lumos_embed(hex(zeroblob(5000000)), 'm');
            SELECT 'alive';
        """
        found = subprocess.run(
            ["sqlite3", "-cmd", f".load {host.EXTENSION}"], input=script, capture_output=True, text=True, timeout=60
        )
        listener.close()
        self.assertIn("gave no answer: ", found.stderr)
        self.assertEqual(found.stdout.splitlines()[-1], "alive")


if __name__ == "__main__":
    unittest.main()
